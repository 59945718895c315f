"""Rows by their numbers, and what is known of row groups before."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ringquet


def test_rows_in_the_order_asked_for(small: Path) -> None:
    dataset = ringquet.open(small)
    expected = pq.read_table(small)
    random = np.random.default_rng(3)
    many = random.integers(0, 15_000, 700)
    for rows in [[0], [14_999], [17, 5, 12_345, 5], list(range(990, 1_010)), many, range(0, 15_000, 999), []]:
        batch = dataset.take(rows)
        assert pa.table({"id": batch["id"]})["id"].to_pylist() == list(rows)
        found = pa.Table.from_batches([pa.record_batch(batch)])
        assert found.equals(expected.take(pa.array(rows, pa.int64())))
        assert batch.path is None and batch.row_group is None and batch.first_row is None


def test_columns(small: Path) -> None:
    batch = ringquet.open(small).take([3, 1], columns=["text"])
    assert batch.column_names == ["text"] and batch["text"].to_bytes() == [b"row 3", b"row 1"]
    assert ringquet.open(small, columns=["id"]).take([2]).column_names == ["id"]


def test_numbers_of_batches(small: Path) -> None:
    dataset = ringquet.open(small)
    for batch in dataset.scan(batch_rows=400):
        assert batch.first_row is not None
        taken = dataset.take(range(batch.first_row, batch.first_row + len(batch)))
        assert pa.record_batch(taken).equals(pa.record_batch(batch))


def test_rows_that_are_not_there(small: Path) -> None:
    dataset = ringquet.open(small)
    with pytest.raises(IndexError, match="no row 15000: the data set has 15000 rows"):
        dataset.take([0, 15_000])
    with pytest.raises(IndexError, match="`rows`: there is no number -1"):
        dataset.take([-1])
    with pytest.raises(TypeError, match="`rows`: expected ints"):
        dataset.take(["one"])
    with pytest.raises(ValueError, match="no column 'nope'"):
        dataset.take([0], columns=["nope"])


def test_row_groups(small: Path) -> None:
    dataset = ringquet.open(small)
    row_groups = dataset.row_groups
    assert [row_group.number for row_group in row_groups] == list(range(15))
    assert [row_group.first_row for row_group in row_groups] == list(range(0, 15_000, 1_000))
    assert {row_group.num_rows for row_group in row_groups} == {1_000}
    metadata = pq.read_metadata(small / "1.parquet").row_group(2)
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    seventh = row_groups[7]
    assert (seventh.path, seventh.row_group) == (str(small / "1.parquet"), 2)
    assert seventh.stored_bytes == sum(column.total_compressed_size for column in columns)
    assert seventh.uncompressed_bytes == sum(column.total_uncompressed_size for column in columns)
    assert repr(seventh) == f"RowGroup(7, '{small / '1.parquet'}', row_group=2, rows=1000)"
    narrow = ringquet.open(small, columns=["id"]).row_groups[7]
    assert narrow.stored_bytes == columns[0].total_compressed_size
    with pytest.raises(IndexError, match="no row group 15"):
        dataset.scan(row_groups=[15])
    with pytest.raises(IndexError):
        dataset.scan(row_groups=[-1])
    assert dataset.scan(row_groups=np.array([1, 2])).num_rows == 2_000
