"""Parquet files that PyArrow writes: the matrix of types and writer options that ringquet must read.

The matrix is every codec × data page version × dictionary on or off × nullability, each once over flat
columns of every type and once over nested ones. Beside it stand the files that vary one thing only:
encodings, time units, page index and checksums, empty files, footer metadata. Files with one schema share
a folder, so that a scan of the folder is a scan of a data set. The content comes from a fixed seed.
"""

import dataclasses
import datetime
import decimal

import numpy
import pyarrow
import pyarrow.parquet

SEED = 10
# Three row groups of unequal length; with pages this small every column chunk has several.
ROWS = 700
ROW_GROUP_ROWS = 300
PAGE_BYTES = 1024
BATCH_ROWS = 64

CODECS = ["none", "snappy", "gzip", "lz4", "zstd", "brotli"]
PAGE_VERSIONS = ["1.0", "2.0"]
DICTIONARY = [True, False]
# `required`: fields that are not nullable. `full`: nullable, but no null is there. `nulls`: every seventh.
# `absent`: nothing but nulls.
NULLABILITY = ["required", "full", "nulls", "absent"]


@dataclasses.dataclass
class Column:
    name: str
    type: pyarrow.DataType
    # Python values, one for each row, none of them None at the top.
    values: list


def write_all(folder):
    """Writes everything below `folder` and returns the folders, each with files of one schema."""
    random = numpy.random.default_rng(SEED)
    folders = []
    for shape, columns in [("flat", flat_columns(random)), ("nested", nested_columns(random))]:
        for nullability in NULLABILITY:
            table = table_of(columns, nullability)
            target = folder / f"{shape}_{nullability}"
            target.mkdir(parents=True)
            folders.append(target)
            for codec in CODECS:
                for version in PAGE_VERSIONS:
                    for dictionary in DICTIONARY:
                        name = f"{codec}_v{version[0]}_{'dictionary' if dictionary else 'plain'}.parquet"
                        options = {"compression": codec, "data_page_version": version, "use_dictionary": dictionary}
                        write(table, target / name, **options)
    for name, files in single_files(random).items():
        target = folder / name
        target.mkdir(parents=True)
        folders.append(target)
        for file, (table, options) in files.items():
            write(table, target / f"{file}.parquet", **options)
    return folders


def write(table, file, **options):
    defaults = {"row_group_size": ROW_GROUP_ROWS, "data_page_size": PAGE_BYTES, "write_batch_size": BATCH_ROWS}
    pyarrow.parquet.write_table(table, file, **{**defaults, **options})


def table_of(columns, nullability):
    fields, arrays = [], []
    for column in columns:
        values = list(column.values)
        if nullability == "nulls":
            # Runs of nulls and of values, and a null at either end.
            values = [None if row % 7 == 0 or 350 <= row < 420 else value for row, value in enumerate(values)]
            values[-1] = None
        elif nullability == "absent":
            values = [None] * len(values)
        fields.append(pyarrow.field(column.name, column.type, nullable=nullability != "required"))
        arrays.append(pyarrow.array(values, column.type))
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def flat_columns(random):
    """A column for each flat type; the integers and floats include their extremes."""
    columns = []
    for bits in [8, 16, 32, 64]:
        for signed in [True, False]:
            name = f"{'int' if signed else 'uint'}{bits}"
            limits = numpy.iinfo(name)
            values = random.integers(limits.min, limits.max, ROWS, dtype=name, endpoint=True)
            values[:2] = [limits.min, limits.max]
            columns.append(Column(name, pyarrow.type_for_alias(name), values.tolist()))
    for name, kind in [("float16", "u2"), ("float32", "u4"), ("float64", "u8")]:
        # Any bits, so NaN of all sorts, infinities and denormals are among them.
        bits = random.integers(0, numpy.iinfo(kind).max, ROWS, dtype=kind, endpoint=True).view(name)
        bits[:4] = [numpy.nan, -0.0, numpy.inf, -numpy.inf]
        columns.append(Column(name, pyarrow.type_for_alias(name), list(bits)))
    columns.append(Column("few", pyarrow.int32(), random.integers(0, 5, ROWS).tolist()))
    columns.append(Column("constant", pyarrow.float32(), [1.5] * ROWS))
    columns.append(Column("counting", pyarrow.int64(), list(range(ROWS))))
    columns.append(Column("bool", pyarrow.bool_(), random.integers(0, 2, ROWS).astype(bool).tolist()))
    texts = [f"{'é' * (row % 5)}text_{row * 7919 % 97}" if row % 11 else "" for row in range(ROWS)]
    blobs = [random.bytes(int(length)) for length in random.integers(0, 40, ROWS)]
    columns.append(Column("string", pyarrow.string(), texts))
    columns.append(Column("large_string", pyarrow.large_string(), texts))
    columns.append(Column("binary", pyarrow.binary(), blobs))
    columns.append(Column("large_binary", pyarrow.large_binary(), blobs))
    columns.append(Column("fixed_size_binary", pyarrow.binary(5), [random.bytes(5) for _ in range(ROWS)]))
    epoch = datetime.date(1970, 1, 1)
    days = [epoch + datetime.timedelta(days=int(day)) for day in random.integers(-9000, 40000, ROWS)]
    columns.append(Column("date32", pyarrow.date32(), days))
    stamps = random.integers(-(2**60), 2**60, ROWS).tolist()
    for unit in ["ms", "us", "ns"]:
        columns.append(Column(f"timestamp_{unit}", pyarrow.timestamp(unit), stamps))
    columns.append(Column("timestamp_utc", pyarrow.timestamp("us", tz="UTC"), stamps))
    columns.append(Column("timestamp_zone", pyarrow.timestamp("us", tz="Europe/Berlin"), stamps))
    columns.append(Column("time32_ms", pyarrow.time32("ms"), random.integers(0, 86_400_000, ROWS).tolist()))
    columns.append(Column("time64_us", pyarrow.time64("us"), random.integers(0, 86_400_000_000, ROWS).tolist()))
    columns.append(Column("time64_ns", pyarrow.time64("ns"), random.integers(0, 86_400_000_000_000, ROWS).tolist()))
    cents = [decimal.Decimal(int(cent)).scaleb(-2) for cent in random.integers(-(10**8), 10**8, ROWS)]
    for precision in [9, 18, 38]:
        columns.append(Column(f"decimal_{precision}", pyarrow.decimal128(precision, 2), cents))
    columns.append(Column("decimal256", pyarrow.decimal256(50, 2), cents))
    return columns


def nested_columns(random):
    """Lists, structs and maps, in each other too, with nulls and empty lists at every depth."""
    number = lambda row: None if row % 5 == 0 else row * 31 % 101  # noqa: E731
    text = lambda row: None if row % 6 == 0 else f"t{row % 13}"  # noqa: E731
    rows = range(ROWS)
    numbers = [[number(row + item) for item in range(row % 4)] for row in rows]
    texts = [[text(row + item) for item in range(row * 3 % 5)] for row in rows]
    deep = [[None if (row + item) % 4 == 0 else [number(row)] * (item % 3) for item in range(row % 3)] for row in rows]
    structs = [{"a": number(row), "b": text(row)} for row in rows]
    outer = [{"inner": None if row % 4 == 0 else structs[row], "list": numbers[row]} for row in rows]
    maps = [[(f"k{item}", number(row + item)) for item in range(row % 3)] for row in rows]
    in_list = [[None if (row + item) % 3 == 0 else structs[row] for item in range(row % 3)] for row in rows]
    fixed = list(random.integers(0, 2**32, (ROWS, 8), dtype="u4").view("float32"))
    holed = [[number(row + item) for item in range(3)] for row in rows]
    int32, string = pyarrow.int32(), pyarrow.string()
    struct = pyarrow.struct([("a", int32), ("b", string)])
    sure = pyarrow.field("element", int32, nullable=False)
    return [
        Column("list_int32", pyarrow.list_(int32), numbers),
        Column("list_string", pyarrow.list_(string), texts),
        Column("large_list", pyarrow.large_list(int32), numbers),
        Column("list_list", pyarrow.list_(pyarrow.list_(int32)), deep),
        Column("list_required", pyarrow.list_(sure), [[row] * (row % 3) for row in rows]),
        Column("struct", struct, structs),
        Column("struct_nested", pyarrow.struct([("inner", struct), ("list", pyarrow.list_(int32))]), outer),
        Column("list_struct", pyarrow.list_(struct), in_list),
        Column("map", pyarrow.map_(string, int32), maps),
        Column("fixed_size_list", pyarrow.list_(pyarrow.float32(), 8), fixed),
        Column("fixed_size_list_holed", pyarrow.list_(int32, 3), holed),
    ]


def single_files(random):
    """Folder → file → (table, writer options), for what the matrix does not vary."""
    flat = flat_columns(random)
    named = {column.name: column for column in flat}
    table = table_of(flat, "nulls")
    full = table_of(flat, "full")

    def only(names, nullability="nulls"):
        return table_of([named[name] for name in names], nullability)

    integers, texts = ["int32", "int64", "counting", "few"], ["string", "binary"]
    numbers = ["float32", "float64", "int32", "int64"]

    def encoded(names, encoding):
        return {
            f"{encoding.lower()}_v{version[0]}_{nullability}": (
                only(names, nullability),
                {
                    "use_dictionary": False,
                    "column_encoding": dict.fromkeys(names, encoding),
                    "data_page_version": version,
                },
            )
            for version in PAGE_VERSIONS
            for nullability in ["full", "nulls"]
        }

    return {
        "encoding_delta_binary_packed": encoded(integers, "DELTA_BINARY_PACKED"),
        "encoding_delta_length_byte_array": encoded(texts, "DELTA_LENGTH_BYTE_ARRAY"),
        "encoding_delta_byte_array": encoded([*texts, "fixed_size_binary"], "DELTA_BYTE_ARRAY"),
        "encoding_byte_stream_split": encoded([*numbers, "float16", "fixed_size_binary"], "BYTE_STREAM_SPLIT"),
        "encoding_rle_bool": encoded(["bool"], "RLE"),
        "format": {
            "version_1": (only(["int32", "uint32", "float32", "string"]), {"version": "1.0"}),
            "version_2_4": (only(["int32", "uint32", "float32", "string"]), {"version": "2.4"}),
        },
        "pages": {
            "index": (table, {"write_page_index": True}),
            "checksum_v1": (table, {"write_page_checksum": True, "compression": "zstd"}),
            "checksum_v2": (table, {"write_page_checksum": True, "data_page_version": "2.0"}),
            "one_page": (table, {"data_page_size": 1 << 20, "row_group_size": ROWS}),
            "no_statistics": (table, {"write_statistics": False}),
            "rows_of_one": (table, {"row_group_size": 1}),
            "mixed_codecs": (table, {"compression": dict(zip(named, CODECS * len(named)))}),
        },
        "dictionary_overflow": {
            # Past this limit the writer goes on with PLAIN pages inside the same column chunk.
            f"v{version[0]}": (full, {"dictionary_pagesize_limit": 512, "data_page_version": version})
            for version in PAGE_VERSIONS
        },
        "no_arrow_schema": {
            "flat": (only([*numbers, *texts, "uint8", "bool", "date32", "float16"]), {"store_schema": False}),
        },
        "int96": {"timestamps": (int96_table(), {"use_deprecated_int96_timestamps": True})},
        "decimal_as_integer": {
            "narrow": (only(["decimal_9", "decimal_18", "decimal_38"]), {"store_decimal_as_integer": True}),
        },
        "dictionary_type": {"string": (dictionary_table(), {})},
        "null_type": {"null": (pyarrow.table({"nothing": pyarrow.nulls(ROWS), "row": list(range(ROWS))}), {})},
        "date64_duration": {"both": (wide_time_table(), {})},
        "metadata": {"kept": (table_with_metadata(), {})},
        "names": {"odd": (table_with_odd_names(), {})},
        "empty": {
            "no_rows": (table.slice(0, 0), {}),
            "some_rows": (table, {}),
        },
    }


def int96_table():
    start = datetime.datetime(2001, 1, 1)
    stamps = [None if row % 9 == 0 else start + datetime.timedelta(days=row, microseconds=row) for row in range(ROWS)]
    return pyarrow.table({"stamp": pyarrow.array(stamps, pyarrow.timestamp("ns"))})


def dictionary_table():
    values = pyarrow.array([None if row % 8 == 0 else f"word_{row % 17}" for row in range(ROWS)])
    return pyarrow.table({"word": values.dictionary_encode(), "row": list(range(ROWS))})


def wide_time_table():
    milliseconds = [None if row % 9 == 0 else row * 86_400_000 for row in range(ROWS)]
    return pyarrow.table(
        {
            "date64": pyarrow.array(milliseconds, pyarrow.date64()),
            "duration": pyarrow.array(milliseconds, pyarrow.duration("ms")),
            "timestamp_s": pyarrow.array(milliseconds, pyarrow.timestamp("s")),
        }
    )


def table_with_metadata():
    fields = [
        pyarrow.field("plain", pyarrow.int32()),
        pyarrow.field("told", pyarrow.int32(), metadata={"unit": "ms"}),
        pyarrow.field("numbered", pyarrow.int32(), metadata={"PARQUET:field_id": "7"}),
    ]
    schema = pyarrow.schema(fields, metadata={"origin": "fork-compat", "empty": ""})
    return pyarrow.Table.from_arrays([pyarrow.array(range(ROWS), pyarrow.int32())] * 3, schema=schema)


def table_with_odd_names():
    names = ["", "with space", "dot.ted", "ünï", "UPPER", "upper", "quote\"'"]
    return pyarrow.Table.from_arrays([pyarrow.array(range(ROWS), pyarrow.int64())] * len(names), names=names)
