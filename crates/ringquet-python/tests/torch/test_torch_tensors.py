"""What becomes of columns: against the values that PyArrow wrote."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tables
import torch
from ringquet.torch import BatchDataset, Jagged

ROWS = 200
BATCH = 64


@pytest.fixture(scope="module")
def every_type(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("types") / "types.parquet"
    pq.write_table(tables.table(ROWS, nulls=False), path, row_group_size=70)
    return path


@pytest.fixture(scope="module")
def with_nulls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nulls") / "nulls.parquet"
    pq.write_table(tables.table(ROWS, nulls=True), path, row_group_size=70)
    return path


def write(folder: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), folder / "file.parquet")
    return folder / "file.parquet"


def first_batch(path: Path, rows: int = BATCH, **arguments: object) -> dict:
    return next(iter(BatchDataset(path, rows, **arguments)))


def lists_of(value: object) -> list:
    """A value of a batch as PyArrow's `to_pylist` has it."""
    if isinstance(value, Jagged):
        offsets = value.offsets.tolist()
        assert offsets[0] == 0
        values = lists_of(value.values)
        assert offsets[-1] == len(values)
        return [values[first:last] for first, last in zip(offsets, offsets[1:], strict=False)]
    if isinstance(value, dict):
        names, columns = list(value), [lists_of(column) for column in value.values()]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(value, torch.Tensor) and value.is_nested:
        return [part.tolist() for part in value.unbind()]
    return value.tolist() if isinstance(value, torch.Tensor) else value


DTYPES = {
    "int8": torch.int8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64,
    "uint8": torch.uint8, "uint16": torch.uint16, "uint32": torch.uint32, "uint64": torch.uint64,
    "halffloat": torch.float16, "float": torch.float32, "double": torch.float64, "bool": torch.bool,
}  # fmt: skip
TEMPORAL = ["date32", "time32", "time64", "timestamp_ms", "timestamp_us_utc", "timestamp_ns", "duration"]
BYTES = ["string", "large_string", "binary", "large_binary", "fixed_binary"]


@pytest.mark.parametrize("name", DTYPES)
def test_numbers(every_type: Path, name: str) -> None:
    tensor = first_batch(every_type, columns=[name])[name]
    assert tensor.dtype == DTYPES[name] and tensor.shape == (BATCH,)
    assert tensor.tolist() == tables.array(name, BATCH, nulls=False).to_pylist()


@pytest.mark.parametrize("name", TEMPORAL)
def test_dates_and_times_are_their_integers(every_type: Path, name: str) -> None:
    tensor = first_batch(every_type, columns=[name])[name]
    column = pq.read_table(every_type, columns=[name]).column(0).combine_chunks()[:BATCH]
    expected = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64())
    assert tensor.tolist() == expected.to_pylist()


@pytest.mark.parametrize("name", BYTES)
def test_strings_and_binaries_are_bytes(with_nulls: Path, name: str) -> None:
    found = first_batch(with_nulls, columns=[name])[name]
    expected = tables.array(name, BATCH, nulls=True).to_pylist()
    assert found == [value.encode() if isinstance(value, str) else value for value in expected]
    assert None in found


def test_fixed_size_lists(every_type: Path) -> None:
    batch = first_batch(every_type, columns=["fixed_list", "fixed_of_fixed"])
    assert batch["fixed_list"].shape == (BATCH, 3) and batch["fixed_list"].dtype == torch.float32
    assert batch["fixed_of_fixed"].shape == (BATCH, 3, 2)
    for name, tensor in batch.items():
        assert tensor.tolist() == tables.array(name, BATCH, nulls=False).to_pylist()


def test_float16_in_fixed_size_lists(tmp_path: Path) -> None:
    column = pa.array([[1.5, -2.25], [3.0, 65504.0]], pa.list_(pa.float16(), 2))
    tensor = first_batch(write(tmp_path, emb=column))["emb"]
    assert tensor.dtype == torch.float16 and tensor.tolist() == column.to_pylist()


@pytest.mark.parametrize("name", ["list", "large_list", "list_of_lists"])
@pytest.mark.parametrize("lists", ["jagged", "nested"])
def test_lists(every_type: Path, name: str, lists: str) -> None:
    value = first_batch(every_type, columns=[name], lists=lists)[name]
    assert lists_of(value) == tables.array(name, BATCH, nulls=False).to_pylist()
    if lists == "nested":
        # Of lists in lists the innermost ones are nested.
        inner = value.values if name == "list_of_lists" else value
        assert inner.is_nested and (name == "list_of_lists") == isinstance(value, Jagged)
    else:
        assert isinstance(value, Jagged)


def test_offsets_count_from_0_in_every_batch(every_type: Path) -> None:
    batches = list(BatchDataset(every_type, BATCH, columns=["list"]))
    found = [row for batch in batches for row in lists_of(batch["list"])]
    assert len(batches) > 2 and found == tables.array("list", ROWS, nulls=False).to_pylist()


@pytest.mark.parametrize("lists", ["jagged", "nested", "dense"])
def test_lists_of_strings_and_maps_are_jagged(with_nulls: Path, tmp_path: Path, lists: str) -> None:
    strings = pa.array([["a", None], [], ["b"]], pa.list_(pa.string()))
    maps = pa.array([[("k", 1), ("l", 2)], [], [("m", 3)]], pa.map_(pa.string(), pa.int32()))
    batch = first_batch(write(tmp_path, strings=strings, maps=maps), lists=lists)
    assert lists_of(batch["strings"]) == [[b"a", None], [], [b"b"]]
    assert lists_of(batch["maps"]) == [
        [{"key": b"k", "value": 1}, {"key": b"l", "value": 2}], [], [{"key": b"m", "value": 3}],
    ]  # fmt: skip


def test_fixed_size_lists_without_numbers(tmp_path: Path) -> None:
    rows = [[[1], [2, 3]], [[], [4]]]
    path = write(
        tmp_path,
        strings=pa.array([["a", "b"], ["c", None]], pa.list_(pa.string(), 2)),
        lists=pa.array(rows, pa.list_(pa.list_(pa.int8()), 2)),
    )
    batch = first_batch(path)
    assert lists_of(batch["strings"]) == [[b"a", b"b"], [b"c", None]]
    assert lists_of(batch["lists"]) == rows
    nested = first_batch(path, columns=["lists"], lists="nested")["lists"]
    assert nested.values.is_nested and lists_of(nested) == rows


def test_dense_lists(tmp_path: Path) -> None:
    rows = [[[1, 2], [3, 4], [5, 6]]] * 5
    same = pa.array(rows, pa.list_(pa.list_(pa.int32())))
    path = write(tmp_path, same=same, other=pa.array([[1], [1], [1], [1], [1, 2]]))
    tensor = first_batch(path, columns=["same"], lists="dense")["same"]
    assert tensor.shape == (5, 3, 2) and tensor.tolist() == rows
    with pytest.raises(ValueError, match="row 4 has 2 values") as raised:
        first_batch(path, lists="dense")
    assert "'other'" in raised.value.__notes__[0]


def test_structs(every_type: Path) -> None:
    value = first_batch(every_type, columns=["struct"])["struct"]
    expected = tables.array("struct", BATCH, nulls=False).to_pylist()
    assert value["a"].dtype == torch.int32 and isinstance(value["c"], Jagged)
    assert lists_of(value) == [row | {"b": row["b"].encode()} for row in expected]


@pytest.mark.parametrize("name", [*DTYPES, *TEMPORAL, "list", "large_list", "list_of_lists", "fixed_list", "fixed_of_fixed", "map"])
def test_nulls_are_refused(with_nulls: Path, name: str) -> None:
    with pytest.raises((BufferError, ValueError), match="are null") as raised:
        first_batch(with_nulls, columns=[name])
    assert f"'{name}'" in raised.value.__notes__[0] and "`fill`" in raised.value.__notes__[0]


@pytest.mark.parametrize("name", [*DTYPES, *TEMPORAL])
def test_nulls_are_filled(with_nulls: Path, name: str) -> None:
    tensor = first_batch(with_nulls, columns=[name], fill=1)[name]
    without = first_batch(with_nulls, columns=[name], fill={name: 0})[name]
    is_null = torch.tensor(tables.array(name, BATCH, nulls=True).is_null().to_pylist())
    assert is_null.any() and (tensor[is_null] == 1).all() and (without[is_null] == 0).all()
    assert torch.equal(tensor[~is_null], without[~is_null])


def test_fill_reaches_every_kind_of_column(with_nulls: Path) -> None:
    names = [name for name in tables.COLUMNS if name not in ("decimal", "decimal256", "null")]
    batch = first_batch(with_nulls, columns=names, fill=0)
    expected = tables.table(BATCH, nulls=True).slice(0, BATCH)
    for name in ["list", "large_list", "list_of_lists"]:
        assert lists_of(batch[name]) == [row or [] for row in expected[name].to_pylist()]
    assert lists_of(batch["list_of_strings"])[:6] == [
        [word.encode() for word in row or []] for row in expected["list_of_strings"].to_pylist()[:6]
    ]
    assert lists_of(batch["map"])[2] == [{"key": b"k0", "value": 2}, {"key": b"k1", "value": 2}]
    assert lists_of(batch["map"])[1] == []
    assert batch["fixed_list"][1].tolist() == [0, 0, 0]
    assert batch["fixed_of_fixed"][1].tolist() == [[0, 0]] * 3
    assert batch["struct"]["a"][1] == 0 and batch["struct"]["b"][1] is None


def test_fill_of_some_columns(tmp_path: Path) -> None:
    path = write(tmp_path, a=pa.array([1, None]), b=pa.array([None, 2.5]), c=pa.array([3, 4], pa.uint8()))
    batch = first_batch(path, fill={"a": -1, "b": float("nan")})
    assert batch["a"].tolist() == [1, -1] and batch["b"].isnan().tolist() == [True, False]
    # It need not fit where nothing is null.
    assert first_batch(path, columns=["a", "c"], fill=-1)["c"].tolist() == [3, 4]
    with pytest.raises(BufferError, match="1 of 2 values are null"):
        first_batch(path, fill={"a": 0})
    with pytest.raises(ValueError, match="no column x"):
        BatchDataset(path, 2, fill={"x": 0})


def test_a_fill_that_does_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path, a=pa.array([1, None], pa.int8()), flag=pa.array([True, None]))
    for a, flag, error in [(300, 0, OverflowError), (0.5, 0, TypeError), (0, 2, OverflowError)]:
        with pytest.raises(error):
            first_batch(path, fill={"a": a, "flag": flag})


def test_what_is_not_a_tensor_is_refused(every_type: Path) -> None:
    for name in ["decimal", "decimal256", "null"]:
        with pytest.raises(BufferError, match="tensor") as raised:
            first_batch(every_type, columns=[name], fill=0)
        assert "`columns`" in raised.value.__notes__[0]


def test_tensors_share_memory_unless_copied(tmp_path: Path) -> None:
    path = write(tmp_path, a=pa.array(range(100)), lists=pa.array([[n] for n in range(100)]))
    for batch in BatchDataset(path, 100, copy=True):
        before = batch["a"].clone()
        batch["a"].add_(1)
        batch["lists"].values.zero_()
        batch["lists"].offsets.zero_()
        assert torch.equal(batch["a"], before + 1)
    shared = first_batch(path, 100)
    assert shared["a"].data_ptr() % 8 == 0 and shared["a"].tolist() == list(range(100))


def test_batches_outlive_the_data_set(every_type: Path) -> None:
    batches = list(BatchDataset(every_type, BATCH, columns=["int64", "fixed_list"]))
    assert torch.cat([batch["int64"] for batch in batches]).tolist() == tables.array("int64", ROWS, nulls=False).to_pylist()


def test_no_columns_and_no_rows(every_type: Path, tmp_path: Path) -> None:
    dataset = BatchDataset(every_type, 50, columns=[])
    assert list(dataset) == [{}] * 4 and len(dataset) == 4
    empty = write(tmp_path, a=pa.array([], pa.int64()))
    dataset = BatchDataset(empty, 50)
    assert len(dataset) == 0 and list(dataset) == [] and dataset.epoch == 1


def test_timestamps_have_the_unit_of_the_column(tmp_path: Path) -> None:
    moment = datetime.datetime(2021, 3, 4, 5, 6, 7, 891_000, tzinfo=datetime.UTC)
    path = write(tmp_path, ms=pa.array([moment], pa.timestamp("ms", "UTC")), us=pa.array([moment], pa.timestamp("us", "UTC")))
    batch = first_batch(path)
    assert batch["us"].item() == 1000 * batch["ms"].item() == int(moment.timestamp() * 1e6)
