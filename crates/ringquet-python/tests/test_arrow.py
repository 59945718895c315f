"""Scans, batches and columns as Arrow libraries take them."""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ringquet
import tables

ROWS = 3_000


def check(path: Path, **options: object) -> None:
    """A scan gives PyArrow's table, in the order of the files."""
    expected = pq.read_table(path)
    dataset = ringquet.open(path)
    found = pa.table(dataset.scan(**options))
    found.validate(full=True)
    assert found.schema.equals(expected.schema)
    assert found.equals(expected)
    batches = [pa.record_batch(batch) for batch in dataset.scan(**options)]
    assert pa.Table.from_batches(batches, found.schema).equals(expected)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_every_type(tmp_path: Path, nulls: bool, threads: int) -> None:
    pq.write_table(tables.table(ROWS, nulls), tmp_path / "all.parquet", row_group_size=700)
    check(tmp_path, threads=threads)
    check(tmp_path, threads=threads, batch_rows=123)


@pytest.mark.parametrize(
    "writer",
    [
        {"compression": "none", "use_dictionary": False},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "snappy", "use_dictionary": False, "data_page_size": 500},
        {"compression": "gzip", "dictionary_pagesize_limit": 100},
        {"compression": "lz4", "write_page_checksum": True},
        {"use_dictionary": False, "column_encoding": {"int64": "DELTA_BINARY_PACKED", "string": "DELTA_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"float": "BYTE_STREAM_SPLIT", "int32": "BYTE_STREAM_SPLIT"}},
        {"store_schema": False},
    ],
)
def test_encodings_and_codecs(tmp_path: Path, writer: dict[str, object]) -> None:
    for nulls in [False, True]:
        pq.write_table(tables.table(ROWS, nulls), tmp_path / f"{nulls}.parquet", row_group_size=1_100, **writer)
    check(tmp_path, threads=2, verify_crc=True)


def test_several_files_and_row_groups(small: Path) -> None:
    for threads in [1, 2, 5]:
        check(small, threads=threads)


def test_columns(small: Path) -> None:
    dataset = ringquet.open(small, columns=["id", "text"])
    assert dataset.schema.names == ["id", "text"]
    assert pa.table(dataset).equals(pq.read_table(small, columns=["id", "text"]))
    whole = ringquet.open(small)
    found = pa.table(whole.scan(["tags", "id"]))
    assert found.column_names == ["id", "tags"], "in the order of the file"
    assert found.equals(pq.read_table(small, columns=["id", "tags"]))
    assert whole.scan(columns=["id"]).schema.names == ["id"]
    counted = [len(batch) for batch in whole.scan(columns=[])]
    assert sum(counted) == len(whole)


def test_row_groups(small: Path) -> None:
    dataset = ringquet.open(small, columns=["id"])
    assert dataset.num_row_groups == 15
    scan = dataset.scan(row_groups=[14, 0, 7], threads=3)
    assert scan.num_rows == 3_000
    ids = pa.table(scan)["id"].to_numpy()
    expected = [np.arange(first, first + 1_000) for first in [14_000, 0, 7_000]]
    assert np.array_equal(ids, np.concatenate(expected))


def test_batches_have_their_place(small: Path) -> None:
    dataset = ringquet.open(small)
    for batch in dataset.scan(threads=3, batch_rows=300):
        first = np.from_dlpack(batch["id"])[0]
        assert batch.first_row == first
        assert Path(batch.path).name == f"{first // 5_000}.parquet"
        assert batch.row_group == first % 5_000 // 1_000
    mixed = pa.table(dataset.scan(ordered=False, threads=3)).sort_by("id")
    assert mixed.equals(pq.read_table(small))


def test_pyarrow_schema(small: Path) -> None:
    dataset = ringquet.open(small)
    expected = pq.read_schema(small / "0.parquet")
    for owner in [dataset.schema, dataset, dataset.scan()]:
        assert pa.schema(owner).equals(expected)
    assert pa.field(dataset.schema["emb"]).equals(expected.field("emb"))
    batch = next(dataset.scan())
    assert pa.schema(batch).equals(expected)
    assert pa.array(batch["tags"]).equals(pa.record_batch(batch).column("tags"))


def test_polars(small: Path) -> None:
    dataset = ringquet.open(small)
    expected = pl.read_parquet(small / "*.parquet")
    assert pl.DataFrame(dataset.scan()).equals(expected)
    assert pl.DataFrame(dataset).equals(expected)
    batch = next(dataset.scan())
    assert pl.DataFrame(batch)["text"].equals(expected["text"][: len(batch)])


def test_duckdb(small: Path) -> None:
    dataset = ringquet.open(small)
    expected = (15_000, sum(range(15_000)), "row 9999")
    query = "select count(*), sum(id), max(text) from "
    scan = dataset.scan()  # noqa: F841, DuckDB finds it by its name
    with duckdb.connect() as connection:
        assert connection.sql(query + "scan").fetchall() == [expected]
        for _ in range(2):
            assert connection.sql(query + "dataset").fetchall() == [expected]
        table = connection.sql("select id, tags from dataset where id % 2 = 0 order by id").to_arrow_table()
        assert table.num_rows == 7_500


def test_nothing_is_copied(small: Path) -> None:
    """PyArrow, polars and numpy have the same memory."""
    batch = next(ringquet.open(small).scan())
    address = np.from_dlpack(batch["id"]).__array_interface__["data"][0]
    assert pa.record_batch(batch).column("id").buffers()[1].address == address
    assert pa.array(batch["id"]).buffers()[1].address == address
    assert pl.Series(batch["id"]).to_numpy(allow_copy=False).__array_interface__["data"][0] == address
    numbers = pa.record_batch(batch).column("emb").values.buffers()[1].address
    assert np.from_dlpack(batch["emb"]).__array_interface__["data"][0] == numbers


def test_a_stream_is_taken_once(small: Path) -> None:
    dataset = ringquet.open(small)
    scan = dataset.scan()
    first = next(scan)
    rest = pa.table(scan)
    assert len(first) + rest.num_rows == len(dataset)
    for again in [lambda: pa.table(scan), lambda: next(scan), lambda: list(scan)]:
        with pytest.raises(ValueError, match="was taken"):
            again()
    assert scan.report()["rows"] == len(dataset)
    scan = dataset.scan()
    assert sum(len(batch) for batch in scan) == len(dataset)
    assert list(scan) == []
    assert pa.table(scan).num_rows == 0


def test_names_that_the_interface_cannot_carry(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a\0b": [1]}), tmp_path / "a.parquet")
    dataset = ringquet.open(tmp_path)
    for take in [pa.table, lambda dataset: pa.schema(dataset.schema), lambda dataset: pa.record_batch(next(dataset.scan()))]:
        with pytest.raises(ValueError, match="zero byte"):
            take(dataset)


def test_an_error_of_a_file_reaches_the_consumer(tmp_path: Path) -> None:
    tables.write_files(tmp_path, files=2, rows=4_000, row_group_rows=1_000)
    damage(tmp_path / "1.parquet")
    dataset = ringquet.open(tmp_path, columns=["id"])
    with pytest.raises(OSError, match="1.parquet"):
        pa.table(dataset.scan())


def damage(path: Path) -> None:
    """Overwrites the first page header."""
    with path.open("r+b") as file:
        file.seek(4)
        file.write(b"\xff" * 64)


def test_schema_objects(small: Path) -> None:
    schema = ringquet.open(small).schema
    assert len(schema) == 4
    assert "emb" in schema and "nope" not in schema
    assert schema["id"].name == "id" and not schema["id"].nullable
    assert schema[1].type == "fixed_size_list<float32>[8]"
    assert schema[-1].type == "list<int32>"
    assert schema["emb"].fields[0].type == "float32"
    assert repr(schema).splitlines()[0] == "id: int64 not null"
    assert schema == ringquet.open(small / "0.parquet").schema
    with pytest.raises(KeyError):
        schema["nope"]
    with pytest.raises(IndexError):
        schema[4]
