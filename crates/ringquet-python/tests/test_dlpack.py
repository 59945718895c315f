"""Columns as tensors."""

import gc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ringquet
import tables

ROWS = 500


def columns(tmp_path: Path, **arrays: pa.Array) -> ringquet.Batch:
    """The first batch of a file with these columns."""
    pq.write_table(pa.table(arrays), tmp_path / "file.parquet")
    return next(ringquet.open(tmp_path / "file.parquet").scan())


NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "halffloat", "float", "double"]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(tmp_path: Path, name: str) -> None:
    expected = tables.array(name, ROWS, nulls=False)
    column = columns(tmp_path, c=expected)["c"]
    found = np.from_dlpack(column)
    assert found.dtype == expected.type.to_pandas_dtype()
    assert found.shape == column.shape == (ROWS,)
    assert np.array_equal(found, expected.to_numpy())
    assert not found.flags.writeable
    assert column.kind == "number"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("date32", np.int32),
        ("time32", np.int32),
        ("time64", np.int64),
        ("timestamp_ms", np.int64),
        ("timestamp_us_utc", np.int64),
        ("timestamp_ns", np.int64),
        ("duration", np.int64),
    ],
)
def test_dates_and_times_are_integers(tmp_path: Path, name: str, dtype: type) -> None:
    expected = tables.array(name, ROWS, nulls=False)
    found = np.from_dlpack(columns(tmp_path, c=expected)["c"])
    assert found.dtype == dtype
    assert np.array_equal(found, expected.view(pa.from_numpy_dtype(dtype)).to_numpy())


def test_booleans_are_copied_to_bytes(tmp_path: Path) -> None:
    expected = tables.array("bool", ROWS, nulls=False)
    column = columns(tmp_path, c=expected)["c"]
    found = np.from_dlpack(column)
    assert found.dtype == np.bool_ and found.flags.writeable
    assert found.tolist() == expected.to_pylist()
    with pytest.raises(BufferError, match="has to be copied"):
        np.from_dlpack(column, copy=False)


def test_fixed_size_lists_are_matrices(tmp_path: Path) -> None:
    numbers = np.arange(ROWS * 6, dtype=np.int16)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 6)
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 2)
    nested = pa.FixedSizeListArray.from_arrays(pairs, 3)
    flags = pa.FixedSizeListArray.from_arrays(pa.array(numbers % 2 == 0), 6)
    batch = columns(tmp_path, flat=flat, nested=nested, flags=flags)
    assert np.array_equal(np.from_dlpack(batch["flat"]), numbers.reshape(ROWS, 6))
    assert np.array_equal(np.from_dlpack(batch["nested"]), numbers.reshape(ROWS, 3, 2))
    assert np.array_equal(np.from_dlpack(batch["flags"]), numbers.reshape(ROWS, 6) % 2 == 0)
    assert batch["nested"].shape == (ROWS, 3, 2)
    found = np.from_dlpack(batch["nested"])
    assert found.strides == (12, 4, 2)
    assert np.array_equal(np.from_dlpack(batch["flat"].values), numbers)


def test_binary_of_fixed_size_is_bytes(tmp_path: Path) -> None:
    numbers = np.arange(ROWS * 4, dtype=np.float32).reshape(ROWS, 4)
    binary = pa.array([row.tobytes() for row in numbers], pa.binary(16))
    column = columns(tmp_path, c=binary)["c"]
    assert np.array_equal(np.from_dlpack(column), numbers.view(np.uint8))
    assert column.kind == "bytes"
    view = column.view("float32")
    assert (view.kind, view.shape) == ("number", (ROWS, 4))
    assert np.array_equal(np.from_dlpack(view), numbers)
    assert np.from_dlpack(column.view("int64")).shape == (ROWS, 2)
    with pytest.raises(ValueError, match="cannot be seen as numbers of 64 bits"):
        columns(tmp_path, c=pa.array([b"123456"], pa.binary(6)))["c"].view("float64")
    one = columns(tmp_path, c=pa.array([b"ab", b"cd"], pa.binary(2)))["c"]
    assert one.view("uint16").shape == (2,)
    assert np.from_dlpack(one.view("uint16")).tolist() == [0x6261, 0x6463]


def test_views(tmp_path: Path) -> None:
    column = columns(tmp_path, c=pa.array([0x3F80, 0x4000], pa.uint16()))["c"]
    assert column.view("bfloat16").__dlpack__(max_version=(1, 0)) is not None
    assert np.from_dlpack(column.view("float16")).dtype == np.float16
    with pytest.raises(ValueError, match="expected one of 'int8'"):
        column.view("bfloat17")
    with pytest.raises(ValueError, match="cannot be seen"):
        column.view("float32")


def test_copies_are_the_callers(tmp_path: Path) -> None:
    column = columns(tmp_path, c=pa.array([1, 2, 3]))["c"]
    copy = np.from_dlpack(column, copy=True)
    copy[0] = 7
    assert np.from_dlpack(column)[0] == 1


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("string", "to_bytes"),
        ("binary", "to_bytes"),
        ("struct", "its fields"),
        ("list", "dense"),
        ("map", "values and offsets"),
        ("decimal", "cast it"),
        ("null", "null"),
    ],
)
def test_refused_types(tmp_path: Path, name: str, match: str) -> None:
    column = columns(tmp_path, c=tables.array(name, ROWS, nulls=False))["c"]
    with pytest.raises(BufferError, match=match):
        np.from_dlpack(column)


def test_nulls_are_refused_with_their_number(tmp_path: Path) -> None:
    batch = columns(
        tmp_path,
        number=tables.array("int32", ROWS, nulls=True),
        lists=tables.array("fixed_list", ROWS, nulls=True),
        within=pa.array([[1.0, None], [2.0, 3.0]] * (ROWS // 2), pa.list_(pa.float32(), 2)),
    )
    nulls = (ROWS + 1) // 3
    with pytest.raises(BufferError, match=f"column 'number': {nulls} of {ROWS} values are null"):
        np.from_dlpack(batch["number"])
    with pytest.raises(BufferError, match=f"{nulls} of {ROWS} lists are null"):
        np.from_dlpack(batch["lists"])
    with pytest.raises(BufferError, match=f"{ROWS // 2} of {2 * ROWS} values are null"):
        np.from_dlpack(batch["within"])
    assert batch["number"].null_count == nulls


@pytest.mark.parametrize(
    "request_",
    [{}, {"max_version": (0, 8)}, {"max_version": (1, 0), "dl_device": (2, 0)}, {"max_version": (1, 0), "stream": 1}],
)
def test_requests_that_cannot_be_met(tmp_path: Path, request_: dict[str, object]) -> None:
    """Never a TypeError: consumers take that for an older protocol and call again."""
    column = columns(tmp_path, c=pa.array([1]))["c"]
    with pytest.raises(BufferError):
        column.__dlpack__(**request_)
    assert column.__dlpack_device__() == (1, 0)


def test_a_capsule_that_nobody_takes(tmp_path: Path) -> None:
    column = columns(tmp_path, c=pa.array([1]))["c"]
    for _ in range(100):
        assert "dltensor_versioned" in repr(column.__dlpack__(max_version=(1, 1)))


def test_tensors_outlive_everything(small: Path) -> None:
    dataset = ringquet.open(small)
    scan = dataset.scan()
    batch = next(scan)
    ids, emb = np.from_dlpack(batch["id"]), np.from_dlpack(batch.column("emb"))
    expected = emb.copy()
    del batch, scan, dataset
    gc.collect()
    for _ in ringquet.open(small).scan():
        pass
    assert np.array_equal(ids, np.arange(1_000))
    assert np.array_equal(emb, expected)


def test_fill_null(tmp_path: Path) -> None:
    batch = columns(
        tmp_path,
        int8=pa.array([1, None, 3], pa.int8()),
        half=pa.array([1.5, None, 2.5], pa.float16()),
        flag=pa.array([True, None, False]),
        date=pa.array([1, None, 3], pa.date32()),
        fixed=pa.array([[1, None], None, [5, 6]], pa.list_(pa.int32(), 2)),
        lists=pa.array([[1, None], None, [5]], pa.list_(pa.int64())),
        text=pa.array(["a", None, "b"]),
    )
    filled = {name: batch[name].fill_null(7) for name in ["int8", "half", "date", "fixed", "lists"]}
    assert np.from_dlpack(filled["int8"]).tolist() == [1, 7, 3]
    assert np.from_dlpack(filled["half"]).tolist() == [1.5, 7, 2.5]
    assert np.from_dlpack(filled["date"]).tolist() == [1, 7, 3]
    assert np.from_dlpack(filled["fixed"]).tolist() == [[1, 7], [7, 7], [5, 6]]
    assert pa.array(filled["lists"]).to_pylist() == [[1, 7], [], [5]]
    assert np.from_dlpack(batch["flag"].fill_null(True)).tolist() == [True, True, False]
    assert np.from_dlpack(batch["flag"].fill_null(False)).tolist() == [True, False, False]
    assert pa.array(filled["fixed"]).null_count == 0
    with pytest.raises(OverflowError, match="expected -128 to 127"):
        batch["int8"].fill_null(128)
    with pytest.raises(TypeError, match="no numbers"):
        batch["text"].fill_null(0)


def test_lists_as_values_and_offsets(tmp_path: Path) -> None:
    lists = tables.array("list", ROWS, nulls=False)
    large = tables.array("large_list", ROWS, nulls=False)
    batch = columns(tmp_path, lists=lists, large=large, nulls=tables.array("list", ROWS, nulls=True))
    for name, expected, dtype in [("lists", lists, np.int32), ("large", large, np.int64)]:
        column = batch[name]
        values, offsets = np.from_dlpack(column.values), np.from_dlpack(column.offsets)
        assert offsets.dtype == dtype and len(offsets) == ROWS + 1 and offsets[0] == 0
        pieces = [values[first:last].tolist() for first, last in pairwise(offsets)]
        assert pieces == expected.to_pylist()
    with pytest.raises(ValueError, match="lists are null"):
        _ = batch["nulls"].values
    with pytest.raises(TypeError, match="not a list"):
        _ = batch["lists"].values.values


def test_offsets_of_later_batches_begin_at_zero(tmp_path: Path) -> None:
    lists = tables.array("list", ROWS, nulls=False)
    pq.write_table(pa.table({"c": lists}), tmp_path / "file.parquet")
    rows: list[list[int]] = []
    for batch in ringquet.open(tmp_path).scan(batch_rows=70):
        values, offsets = np.from_dlpack(batch["c"].values), np.from_dlpack(batch["c"].offsets)
        assert offsets[0] == 0 and offsets[-1] == len(values)
        rows += [values[first:last].tolist() for first, last in pairwise(offsets)]
    assert rows == lists.to_pylist()


def test_dense(tmp_path: Path) -> None:
    numbers = np.arange(ROWS * 6, dtype=np.float32).reshape(ROWS, 2, 3)
    nested = pa.array(numbers.tolist(), pa.list_(pa.list_(pa.float32())))
    uneven = pa.array([[1], [2], [3, 4], [5]], pa.large_list(pa.int8()))
    batch = columns(tmp_path, nested=nested)
    dense = batch["nested"].dense()
    assert dense.shape == (ROWS, 2, 3)
    assert np.array_equal(np.from_dlpack(dense), numbers)
    assert pa.array(dense).to_pylist() == numbers.tolist()
    column = columns(tmp_path, c=uneven)["c"]
    with pytest.raises(ValueError, match="row 2 has 2 values and row 0 has 1"):
        column.dense()
    with pytest.raises(ValueError, match="1 of 2 lists are null"):
        columns(tmp_path, c=pa.array([[1], None]))["c"].dense()


def test_structs(tmp_path: Path) -> None:
    batch = columns(tmp_path, c=tables.array("struct", ROWS, nulls=False), n=tables.array("struct", ROWS, nulls=True))
    fields = batch["c"].fields
    assert list(fields) == ["a", "b", "c"]
    assert np.array_equal(np.from_dlpack(fields["a"]), np.arange(ROWS))
    nulls = batch["n"].null_count
    assert nulls > 0
    assert batch["n"].fields["a"].null_count == nulls
    assert batch["n"].fields["b"].null_count == nulls
    with pytest.raises(TypeError, match="not a struct"):
        _ = fields["a"].fields


@pytest.mark.parametrize("name", ["string", "large_string", "binary", "large_binary", "fixed_binary"])
def test_strings_and_binaries_as_bytes(tmp_path: Path, name: str) -> None:
    expected = tables.array(name, ROWS, nulls=True)
    found = columns(tmp_path, c=expected)["c"].to_bytes()
    as_bytes = [value.encode() if isinstance(value, str) else value for value in expected.to_pylist()]
    assert found == as_bytes


def test_columns_by_name_and_number(small: Path) -> None:
    batch = next(ringquet.open(small).scan())
    assert batch.column_names == ["id", "emb", "text", "tags"] and batch.num_columns == 4
    assert batch["emb"].name == batch[1].name == batch[-3].name == "emb"
    assert "id" in batch and "nope" not in batch
    with pytest.raises(KeyError, match="nope"):
        batch.column("nope")
    with pytest.raises(IndexError, match="there are 4 columns"):
        batch.column(4)
