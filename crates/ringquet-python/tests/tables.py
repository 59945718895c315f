"""Tables of every type, and files of them."""

import datetime
import decimal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_files(folder: Path, files: int, rows: int, row_group_rows: int, width: int = 8) -> Path:
    """Writes files whose ``id`` counts on from file to file."""
    for number in range(files):
        first = number * rows
        random = np.random.default_rng(first)
        ids = np.arange(first, first + rows)
        values = random.random(rows * width, dtype=np.float32)
        table = pa.table(
            {
                "id": ids,
                "emb": pa.FixedSizeListArray.from_arrays(pa.array(values), width),
                "text": [f"row {id}" for id in ids],
                "tags": [list(range(id % 4)) for id in ids],
            },
            schema=pa.schema(
                [
                    pa.field("id", pa.int64(), nullable=False),
                    pa.field("emb", pa.list_(pa.field("element", pa.float32(), nullable=False), width), nullable=False),
                    pa.field("text", pa.string()),
                    pa.field("tags", pa.list_(pa.int32())),
                ]
            ),
        )
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=row_group_rows)
    return folder


def _numbers(kind: pa.DataType) -> Callable[[int], object]:
    return lambda n: pa.scalar(n % 100, pa.int64()).cast(kind).as_py()


DAY = datetime.date(2020, 2, 28)
MOMENT = datetime.datetime(2021, 3, 4, 5, 6, 7, 891_000)

#: Each type with a value for each row number.
COLUMNS: dict[str, tuple[pa.DataType, Callable[[int], object]]] = {
    **{
        str(kind): (kind, _numbers(kind))
        for kind in [
            pa.int8(), pa.int16(), pa.int32(), pa.int64(),
            pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
            pa.float16(), pa.float32(), pa.float64(),
        ]
    },
    "bool": (pa.bool_(), lambda n: n % 3 == 0),
    "string": (pa.string(), lambda n: f"värde {n % 37}"),
    "large_string": (pa.large_string(), lambda n: f"value {n}"),
    "binary": (pa.binary(), lambda n: bytes([n % 256]) * (n % 5)),
    "large_binary": (pa.large_binary(), lambda n: bytes([n % 256]) * 3),
    "fixed_binary": (pa.binary(6), lambda n: n.to_bytes(6, "little")),
    "date32": (pa.date32(), lambda n: DAY + datetime.timedelta(days=n)),
    "time32": (pa.time32("ms"), lambda n: datetime.time(n % 24, n % 60)),
    "time64": (pa.time64("us"), lambda n: datetime.time(n % 24, n % 60, 7, n)),
    "timestamp_ms": (pa.timestamp("ms"), lambda n: MOMENT + datetime.timedelta(hours=n)),
    "timestamp_us_utc": (pa.timestamp("us", "UTC"), lambda n: MOMENT + datetime.timedelta(minutes=n)),
    "timestamp_ns": (pa.timestamp("ns"), lambda n: n * 1_000_003),
    "duration": (pa.duration("us"), lambda n: datetime.timedelta(seconds=n)),
    "decimal": (pa.decimal128(12, 3), lambda n: decimal.Decimal(n) / 1000),
    "decimal256": (pa.decimal256(50, 2), lambda n: decimal.Decimal(n) / 100),
    "list": (pa.list_(pa.int32()), lambda n: list(range(n % 5))),
    "list_of_strings": (pa.list_(pa.string()), lambda n: [f"{n}", ""] * (n % 3)),
    "large_list": (pa.large_list(pa.float64()), lambda n: [n / 2] * (n % 3)),
    "list_of_lists": (pa.list_(pa.list_(pa.int64())), lambda n: [[n], [], [n, n]][: n % 4]),
    "fixed_list": (pa.list_(pa.float32(), 3), lambda n: [n, n + 0.5, -n]),
    "fixed_of_fixed": (pa.list_(pa.list_(pa.int16(), 2), 3), lambda n: [[n % 9, 1]] * 3),
    "struct": (
        pa.struct([("a", pa.int32()), ("b", pa.string()), ("c", pa.list_(pa.int8()))]),
        lambda n: {"a": n, "b": f"b{n}", "c": [n % 7]},
    ),
    "map": (pa.map_(pa.string(), pa.int32()), lambda n: [(f"k{k}", n) for k in range(n % 3)]),
    "null": (pa.null(), lambda n: None),
}


def array(name: str, rows: int, nulls: bool) -> pa.Array:
    """A column of a type; with ``nulls`` every third row is null."""
    kind, value = COLUMNS[name]
    return pa.array([None if nulls and row % 3 == 1 else value(row) for row in range(rows)], kind)


def table(rows: int, nulls: bool) -> pa.Table:
    """Every type."""
    return pa.table({name: array(name, rows, nulls) for name in COLUMNS})
