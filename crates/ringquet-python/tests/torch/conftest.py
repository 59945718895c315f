"""Files that the tests of `ringquet.torch` read, and what holds after each of them."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from passes import UNEVEN, until
from reader_threads import reader_threads


@pytest.fixture(scope="session")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files whose ``id`` counts from 0, in row groups of different sizes."""
    folder = tmp_path_factory.mktemp("uneven")
    first = 0
    for number, row_groups in enumerate(UNEVEN):
        schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("text", pa.string())])
        with pq.ParquetWriter(folder / f"{number}.parquet", schema) as writer:
            for rows in row_groups:
                ids = range(first, first + rows)
                writer.write_table(pa.table({"id": ids, "text": [f"row {id}" for id in ids]}, schema=schema), max(rows, 1))
                first += rows
    return folder


@pytest.fixture(scope="session")
def quick_workers() -> dict[str, object]:
    """Arguments of a DataLoader whose workers start quickly: PyTorch is imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ringquet.torch"])
    return {"multiprocessing_context": context, "timeout": 120}


@pytest.fixture(autouse=True)
def no_threads_are_left() -> Iterator[None]:
    """After every test: passes that ended or were dropped have ended their threads."""
    yield
    until(lambda: not reader_threads(), lambda: f"{reader_threads()} are left")
