"""Third direction: PyArrow writes again what ringquet generated.

    python pyarrow_rewrites.py SOURCE_FOLDER TARGET_FOLDER

Each *.parquet below SOURCE_FOLDER is read row group by row group and written to the same place below TARGET_FOLDER,
with the row groups and the codec that it has and otherwise with PyArrow's defaults, as DLIO writes. The files are then
what DLIO would have made of the same values.
"""

import argparse
import pathlib
import sys

import pyarrow.parquet


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=pathlib.Path, metavar="SOURCE_FOLDER")
    parser.add_argument("target", type=pathlib.Path, metavar="TARGET_FOLDER")
    args = parser.parse_args()

    files = sorted(args.source.rglob("*.parquet"))
    for file in files:
        target = args.target / file.relative_to(args.source)
        target.parent.mkdir(parents=True, exist_ok=True)
        rewrite(file, target)
    if not files:
        sys.exit(f"{args.source}: no *.parquet below it")


def rewrite(file, target):
    source = pyarrow.parquet.ParquetFile(file)
    codec = source.metadata.row_group(0).column(0).compression
    codec = "none" if codec == "UNCOMPRESSED" else codec.lower()
    with pyarrow.parquet.ParquetWriter(target, source.schema_arrow, compression=codec) as writer:
        for index in range(source.num_row_groups):
            # One piece per column: the writer cuts pages anew at every piece.
            table = source.read_row_group(index).combine_chunks()
            writer.write_table(table, row_group_size=max(table.num_rows, 1))


if __name__ == "__main__":
    main()
