"""Children of ``os.fork``: an error that names spawn, never a hang or a fault."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ringquet
from forked import in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def refused(use: Callable[[], object]) -> None:
    try:
        use()
    except RuntimeError as error:
        assert "spawn" in str(error) and "forkserver" in str(error), error
    else:
        raise AssertionError("it was not refused")


def test_handles_are_refused(large: Path) -> None:
    dataset = ringquet.open(large)
    scan = dataset.scan()
    batch = next(scan)

    def child() -> None:
        for use in [
            lambda: dataset.schema,
            lambda: dataset.files,
            lambda: dataset.warnings,
            lambda: len(dataset),
            lambda: repr(dataset),
            lambda: dataset.scan(),
            lambda: dataset.take([0]),
            lambda: dataset.row_groups,
            lambda: dataset.epoch(0, batch_size=10),
            lambda: dataset.report(),
            lambda: dataset.measure(),
            lambda: pa.table(dataset),
            lambda: next(scan),
            lambda: scan.close(),
            lambda: scan.report(),
            lambda: scan.schema,
            lambda: pa.table(scan),
        ]:
            refused(use)
        assert len(np.from_dlpack(batch["id"])) == len(batch)

    in_child(child)
    assert len(batch) + sum(len(batch) for batch in scan) == len(dataset)


def test_handles_are_dropped(large: Path) -> None:
    handles = [ringquet.open(large)]
    scans = [handles[0].scan(threads=2)]
    next(scans[0])

    def child() -> None:
        scans.clear()
        handles.clear()

    in_child(child)
    assert next(scans[0]) is not None


def test_a_stream_gives_an_error(large: Path) -> None:
    scan = ringquet.open(large).scan()
    readers = [pa.RecordBatchReader.from_stream(scan)]
    first = readers[0].read_next_batch()

    def child() -> None:
        try:
            readers[0].read_next_batch()
        except (OSError, pa.ArrowException) as error:
            assert "spawn" in str(error), error
        else:
            raise AssertionError("it was not refused")
        readers.clear()

    in_child(child)
    assert first.num_rows + readers[0].read_all().num_rows == 4 * 64_000


def test_tables_stay_readable_and_can_be_freed(large: Path) -> None:
    """While reader threads take and give back memory: one of them may hold the lock of its pool when the child is made."""
    dataset = ringquet.open(large, columns=["id", "text"])
    for _ in range(10):
        fork_while_reading(dataset)


def fork_while_reading(dataset: ringquet.Dataset) -> None:
    tables = [pa.table(dataset)]
    scan = dataset.scan(threads=2, batch_rows=500)
    batches = [next(scan) for _ in range(20)]
    tensors = [np.from_dlpack(batches[0]["id"])]

    def child() -> None:
        assert sum(tables[0]["id"].to_numpy().tolist()) == sum(range(4 * 64_000))
        assert tensors[0][0] == 0
        tensors.clear()
        batches.clear()
        tables.clear()

    in_child(child)
    scan.close()


def test_a_new_data_set_in_the_child(small: Path) -> None:
    """Of the same process after a fork nothing is left that stands in the way."""
    ringquet.open(small).measure()

    def child() -> None:
        assert pa.table(ringquet.open(small)).num_rows == 15_000

    in_child(child)
