"""Second direction: ringquet reads what PyArrow wrote.

    python pyarrow_to_ours.py --ringquet BINARY --write FOLDER [DATA_FOLDER...]

Writes the matrix of `pyarrow_files` below FOLDER, then decodes each *.parquet below FOLDER and every
DATA_FOLDER with `ringquet cat -o` and compares it with what PyArrow reads: schema with nullability and
metadata, nulls, and values bit by bit. Ends with 1 when a file fails, after all were looked at.
"""

import argparse
import collections
import pathlib
import sys

import pyarrow
import pyarrow.parquet

import arrow_diff
import pyarrow_files
from ringquet import Ringquet, RingquetFailed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ringquet", required=True, help="the binary")
    parser.add_argument("--write", required=True, type=pathlib.Path, metavar="FOLDER", help="must not exist yet")
    parser.add_argument("folders", nargs="*", type=pathlib.Path, metavar="DATA_FOLDER")
    args = parser.parse_args()

    pyarrow_files.write_all(args.write)
    ringquet = Ringquet(args.ringquet)
    failures = 0
    for folder in [args.write, *args.folders]:
        files = sorted(folder.rglob("*.parquet"))
        if not files:
            print(f"FAIL {folder}: no *.parquet below it")
            failures += 1
            continue
        failed = collections.Counter()
        for file in files:
            try:
                check_file(ringquet, file)
            except (arrow_diff.Difference, RingquetFailed, pyarrow.ArrowException, OSError) as error:
                print(f"FAIL {error}")
                failed[str(file.parent)] += 1
        for parent, count in failed.items():
            print(f"     {count} failed in {parent}")
        failures += failed.total()
        print(f"{folder}: {len(files)} files decoded, {failed.total()} failed", flush=True)
    sys.exit(1 if failures else 0)


def check_file(ringquet, file):
    # `partitioning=None`: a folder named flag=true is no column of the file.
    theirs = pyarrow.parquet.read_table(file, partitioning=None)
    theirs.validate(full=True)
    arrow_diff.check_tables(file, ringquet.decode(file), as_written(theirs))


def as_written(table):
    """The table with the type that its writer had, where PyArrow does not give it back.

    There is one such type: date64 lies in a file as days, and PyArrow reads days as date32 although
    `ARROW:schema` says date64. We say what the writer said.
    """
    for index, field in enumerate(table.schema):
        if field.name == "date64":
            written = field.with_type(pyarrow.date64())
            table = table.set_column(index, written, table.column(index).cast(pyarrow.date64()))
    return table


if __name__ == "__main__":
    main()
