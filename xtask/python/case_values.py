"""Compares the values of Arrow files with expected ones, whatever types they have.

Values of two files are the same when they are what people would call the same: a text and a large text, a dictionary and the
values that it stands for, a second and a thousand milliseconds. Names, order and number of columns, nulls and the sign
of a zero count.
"""

import decimal
import math
import struct

import pyarrow
import pyarrow.ipc

# Larger files are not read whole, only their first rows.
WHOLE_BYTES_MAX = 256 << 20
# With more columns, some are compared.
COLUMNS_MAX = 1000
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
TWELVE_BYTES = struct.Struct("<3I")


class Wrong(Exception):
    """What is wrong with the values of a file."""


def check(files, rows, expected, has_other_form=False):
    """Raises Wrong unless the files, one after the other, have `rows` rows that begin as `expected`.

    That is a table, or a dict of columns whose values are as JSON has them.
    """
    if isinstance(expected, dict):
        wanted = {name: [spelled_out(value) for value in values] for name, values in expected.items()}
        names, columns = list(wanted), list(wanted.values())
        types = [None] * len(columns)
    else:
        names, types = expected.column_names, expected.schema.types
        columns = [values_of(column) for column in expected.columns]
    count = max((len(column) for column in columns), default=0)
    found_rows, table = first_rows(files, count)
    if found_rows != rows:
        raise Wrong(f"{found_rows} rows, want {rows}")
    if table.num_columns > COLUMNS_MAX:
        table = table.select(names)
    if table.column_names != names:
        raise Wrong(f"columns {table.column_names}, want {names}")
    for name, kind, column, wanted_column in zip(names, types, table.columns, columns):
        if has_other_form:
            column = in_form_of(kind, column)
        for row, (ours, want) in enumerate(zip(values_of(column), wanted_column, strict=True)):
            if not is_same(ours, want):
                raise Wrong(f"column {name!r}, row {row}: {text(ours)}, want {text(want)}")


def first_rows(files, count):
    """Rows of all files, and a table of the first `count` of them."""
    rows, batches, schema = 0, [], None
    for file in files:
        with pyarrow.memory_map(str(file)) as source:
            reader = pyarrow.ipc.open_file(source)
            schema = schema or reader.schema
            is_small = source.size() <= WHOLE_BYTES_MAX
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                if is_small:
                    batch.validate(full=True)
                if rows < count:
                    batches.append(batch.slice(0, count - rows))
                rows += batch.num_rows
    if schema is None:
        raise Wrong("no file could be read")
    return rows, pyarrow.Table.from_batches(batches, schema)


def spelled_out(value):
    """`{"times": 3, "of": "a"}` is the text aaa."""
    if isinstance(value, list):
        return [spelled_out(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"times", "of"}:
        return value["of"] * value["times"]
    return {name: spelled_out(item) for name, item in value.items()}


def values_of(column):
    """The values of a column: times as nanoseconds, everything else as Python has it."""
    return [value_of(scalar) for scalar in column]


def value_of(scalar):
    if not scalar.is_valid:
        return None
    kind, types = scalar.type, pyarrow.types
    if isinstance(kind, pyarrow.BaseExtensionType) or types.is_dictionary(kind):
        return value_of(scalar.value)
    if types.is_map(kind):
        return [[value_of(item["key"]), value_of(item["value"])] for item in entries_of(scalar)]
    if types.is_struct(kind):
        return {name: value_of(scalar[name]) for name in (field.name for field in kind)}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [value_of(item) for item in scalar.values]
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind):
        return scalar.cast(pyarrow.int64() if kind.bit_width == 64 else pyarrow.int32()).as_py() * NANOSECONDS[kind.unit]
    return scalar.as_py()


def entries_of(scalar):
    names = ["key", "value"]
    for entry in scalar.values:
        yield dict(zip(names, (entry[0], entry[1])))


def in_form_of(kind, column):
    """The column in the type `kind`, where the case allows for the other form of the same twelve bytes."""
    types = pyarrow.types
    is_bytes = lambda kind: types.is_fixed_size_binary(kind) and kind.byte_width == TWELVE_BYTES.size  # noqa: E731
    if is_bytes(kind) and types.is_interval(column.type):
        values = [None if value is None else interval_bytes(value) for value in column.to_pylist()]
        return pyarrow.chunked_array([pyarrow.array(values, kind)])
    if types.is_timestamp(kind) and is_bytes(column.type):
        values = [None if v is None else int.from_bytes(v, "little", signed=True) for v in column.to_pylist()]
        return pyarrow.chunked_array([pyarrow.array(values, pyarrow.int64()).cast(kind)])
    return column


def interval_bytes(value):
    milliseconds, rest = divmod(value.nanoseconds, 10**6)
    if rest:
        raise Wrong(f"an interval of {value.nanoseconds} ns, which no INTERVAL can be")
    return TWELVE_BYTES.pack(value.months, value.days, milliseconds)


def is_same(ours, want):
    if isinstance(want, (list, tuple)):
        return isinstance(ours, (list, tuple)) and len(ours) == len(want) and all(map(is_same, ours, want))
    if isinstance(want, dict):
        if not isinstance(ours, dict) or list(ours) != list(want):
            # JSON does not keep the order of fields, other than Arrow.
            if not isinstance(ours, dict) or set(ours) != set(want):
                return False
        return all(is_same(ours[name], value) for name, value in want.items())
    if isinstance(ours, bytes) and isinstance(want, str):
        return ours == want.encode()
    if isinstance(ours, decimal.Decimal) or isinstance(want, decimal.Decimal):
        return decimal.Decimal(ours) == decimal.Decimal(want)
    if isinstance(want, float) or isinstance(ours, float):
        if ours is None or want is None:
            return ours is want
        ours, want = float(ours), float(want)
        return (math.isnan(ours) and math.isnan(want)) or (ours == want and math.copysign(1, ours) == math.copysign(1, want))
    return type(ours) is type(want) and ours == want


def text(value, longest=80):
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}…"
