"""Makes the files beside it: `python make.py`, with PyArrow 26 or newer. They are kept, so that tests need no Python.

Every page has a checksum, and there is a page index. The values are the same in all files; how they are written is not.
"""

import pathlib

import numpy
import pyarrow
import pyarrow.parquet

ROWS = 300
numbers = numpy.arange(ROWS, dtype=numpy.int64)
texts = [None if n % 5 == 0 else f"text {n % 37} ü" for n in range(ROWS)]
table = pyarrow.table(
    {
        "half": pyarrow.array((numbers / 8).astype(numpy.float16)),
        "double": pyarrow.array([None if n % 2 else n / 3 for n in range(ROWS)], pyarrow.float64()),
        "int": pyarrow.array(numbers * numbers % 1009),
        "text": pyarrow.array(texts),
        "fixed": pyarrow.array([f"{n:05}".encode() for n in range(ROWS)], pyarrow.binary(5)),
        "bool": pyarrow.array([None if n % 7 == 0 else n % 3 == 0 for n in range(ROWS)]),
        "list": pyarrow.array([list(range(n % 4)) if n % 9 else None for n in range(ROWS)]),
    }
)
ENCODINGS = {
    "half": "BYTE_STREAM_SPLIT",
    "double": "BYTE_STREAM_SPLIT",
    "int": "DELTA_BINARY_PACKED",
    "text": "DELTA_BYTE_ARRAY",
    "fixed": "DELTA_BYTE_ARRAY",
    "bool": "RLE",
    "list.list.element": "PLAIN",
}
folder = pathlib.Path(__file__).parent
for version in ("1.0", "2.0"):
    for name, how in (
        ("dictionary", {"use_dictionary": True, "compression": "snappy"}),
        ("encodings", {"use_dictionary": False, "column_encoding": ENCODINGS, "compression": "none"}),
    ):
        pyarrow.parquet.write_table(
            table,
            folder / f"{name}-{version[0]}.parquet",
            data_page_version=version,
            data_page_size=400,
            write_batch_size=50,
            row_group_size=200,
            write_page_checksum=True,
            write_page_index=True,
            **how,
        )
