"""First direction: PyArrow reads what ringquet generated.

    python ours_to_pyarrow.py --ringquet BINARY DATA_FOLDER...

Each *.parquet below a folder is read in the way the first Parquet reader of DLIO did,

    samples = pyarrow.parquet.read_table(file).to_pandas().to_numpy();  samples[row]

and must hold the same samples, row by row, as `ringquet cat` decodes. Beside it the tables are compared
as they are, bit by bit, and the files for what every file of DLIO has: nullable fields without field ids,
and `ARROW:schema` as the only key in the footer. Ends with 1 when a file fails, after all were looked at.
"""

import argparse
import pathlib
import sys
import warnings

import numpy
import pyarrow
import pyarrow.parquet

import arrow_diff
from ringquet import Ringquet, RingquetFailed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ringquet", required=True, help="the binary")
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DATA_FOLDER")
    args = parser.parse_args()

    ringquet = Ringquet(args.ringquet)
    failures = 0
    for folder in args.folders:
        files = sorted(folder.rglob("*.parquet"))
        if not files:
            print(f"FAIL {folder}: no *.parquet below it")
            failures += 1
            continue
        rows = 0
        failed = 0
        for file in files:
            try:
                rows += check_file(ringquet, file)
            except (arrow_diff.Difference, RingquetFailed, pyarrow.ArrowException, OSError) as error:
                print(f"FAIL {error}")
                failed += 1
        failures += failed
        print(f"{folder}: {len(files)} files, {rows} rows read by PyArrow, {failed} failed", flush=True)
    sys.exit(1 if failures else 0)


def check_file(ringquet, file):
    """The number of rows of a file that passes every check."""
    check_footer(file)
    # `partitioning=None`: a folder named flag=true is no column of the file.
    theirs = pyarrow.parquet.read_table(file, partitioning=None)
    theirs.validate(full=True)
    ours = ringquet.decode(file)
    arrow_diff.check_tables(file, ours, theirs)
    # Random bits make signalling NaN, and a cast to a wider float says so on stderr.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        check_samples(file, ours, pyarrow.parquet.read_table(file).to_pandas().to_numpy())
    return theirs.num_rows


def check_footer(file):
    metadata = pyarrow.parquet.read_metadata(file)
    keys = sorted(metadata.metadata or {})
    if keys != [b"ARROW:schema"]:
        raise arrow_diff.Difference(f"{file}: the footer has the keys {keys}, DLIO's files have b'ARROW:schema' only")
    schema = pyarrow.parquet.read_schema(file)
    for field in schema:
        if not field.nullable:
            raise arrow_diff.Difference(f"{file}: column {field.name!r} is not nullable, in DLIO's files every one is")
        if field.metadata:
            raise arrow_diff.Difference(f"{file}: column {field.name!r} has the metadata {field.metadata}, want none")


def check_samples(file, ours, samples):
    """Compares DLIO's samples with what we decode, which reaches numpy without pandas in between."""
    if len(samples) != ours.num_rows:
        raise arrow_diff.Difference(f"{file}: PyArrow gives {len(samples)} samples, ringquet {ours.num_rows}")
    for index, field in enumerate(ours.schema):
        decoded = arrow_diff.one_chunk(ours.column(index)).to_numpy(zero_copy_only=False)
        cells = samples[:, index]
        if cells.dtype == object:
            unequal = numpy.fromiter((not same_cell(a, b) for a, b in zip(decoded, cells)), bool, len(cells))
        else:
            # pandas brought columns of several types to one: the same step for ours, then bit by bit.
            promoted = numpy.ascontiguousarray(decoded.astype(cells.dtype))
            unequal = as_bytes(promoted) != as_bytes(numpy.ascontiguousarray(cells))
            unequal = unequal.any(axis=1)
        if unequal.any():
            row = int(numpy.flatnonzero(unequal)[0])
            raise arrow_diff.Difference(
                f"{file}: column {field.name!r}, sample {row}: ringquet has {decoded[row]!r}, "
                f"PyArrow has {cells[row]!r}"
            )


def as_bytes(values):
    return values.view(numpy.uint8).reshape(len(values), -1)


def same_cell(ours, theirs):
    """Whether two cells hold the same: arrays and floats by their bits, all else by `==`."""
    if isinstance(theirs, numpy.ndarray) and theirs.dtype != object:
        return (
            isinstance(ours, numpy.ndarray)
            and ours.dtype == theirs.dtype
            and ours.shape == theirs.shape
            and ours.tobytes() == theirs.tobytes()
        )
    if isinstance(theirs, (float, numpy.floating)):
        return isinstance(ours, (float, numpy.floating)) and (ours == theirs or (ours != ours and theirs != theirs))
    return ours == theirs


if __name__ == "__main__":
    main()
