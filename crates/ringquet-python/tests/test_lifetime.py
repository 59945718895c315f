"""What is left after a scan: no threads, no files, no memory."""

import gc
import os
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ringquet


def threads(*prefixes: str) -> int:
    """Threads of this process by their names."""
    count = 0
    for task in os.listdir("/proc/self/task"):
        try:
            name = Path(f"/proc/self/task/{task}/comm").read_text()
        except OSError:
            continue
        count += name.startswith(prefixes)
    return count


def reader_threads() -> int:
    return threads("ringquet-")


def wait_for_none() -> None:
    """Threads that were told to end have 100 ms for it; so have those that wait for them."""
    deadline = time.monotonic() + 5
    while left := threads("ringquet-", "rq-"):
        assert time.monotonic() < deadline, f"{left} threads are left"
        time.sleep(0.01)


@pytest.mark.parallel_threads(1)
def test_a_scan_is_lazy(large: Path) -> None:
    wait_for_none()
    scan = ringquet.open(large).scan(threads=2)
    assert scan.schema.names[0] == "id" and scan.num_rows > 0
    wait_for_none()
    next(scan)
    assert reader_threads() > 0
    scan.close()
    assert reader_threads() == 0
    scan.close()
    with pytest.raises(ValueError, match="the scan is closed"):
        next(scan)


@pytest.mark.parallel_threads(1)
def test_dropped_scans_end_their_threads(large: Path) -> None:
    dataset = ringquet.open(large)
    for _ in range(5):
        scan = dataset.scan(threads=2)
        next(scan)
        assert reader_threads() > 0
        begun = time.monotonic()
        del scan
        assert time.monotonic() - begun < 0.05, "dropping a scan waits for nothing"
        wait_for_none()
    for _batch in dataset.scan(threads=2):
        break
    wait_for_none()
    reader = pa.RecordBatchReader.from_stream(dataset.scan(threads=2))
    reader.read_next_batch()
    del reader
    wait_for_none()
    with dataset.scan() as scan:
        next(scan)
    assert reader_threads() == 0


@pytest.mark.parallel_threads(1)
def test_a_scan_in_a_cycle(large: Path) -> None:
    cycle: list[object] = [ringquet.open(large).scan(threads=2)]
    next(cycle[0])  # type: ignore[call-overload]
    cycle.append(cycle)
    del cycle
    gc.collect()
    wait_for_none()


def test_a_scan_that_never_began(small: Path) -> None:
    with ringquet.open(small).scan() as scan:
        pass
    with pytest.raises(ValueError, match="the scan is closed"):
        next(scan)
    with pytest.raises(ValueError, match="no report"):
        scan.report()


def test_a_stream_lives_without_its_scan(small: Path) -> None:
    reader = pa.RecordBatchReader.from_stream(ringquet.open(small).scan())
    gc.collect()
    assert reader.read_all().num_rows == 15_000


def test_closing_a_scan_whose_stream_is_read(large: Path) -> None:
    scan = ringquet.open(large).scan()
    reader = pa.RecordBatchReader.from_stream(scan)
    reader.read_next_batch()
    scan.close()
    with pytest.raises(OSError, match="closed"):
        reader.read_all()
    assert scan.report()["stopped"]


@pytest.mark.parallel_threads(1)
def test_closing_while_another_thread_waits(large: Path) -> None:
    dataset = ringquet.open(large)
    for _ in range(5):
        close_while_waiting(dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 50, columns=["id"]))
    wait_for_none()


def close_while_waiting(scan: ringquet.Scan) -> None:
    ends: list[str] = []

    def consume() -> None:
        try:
            for _ in scan:
                pass
        except ValueError as error:
            ends.append(str(error))

    thread = threading.Thread(target=consume)
    thread.start()
    time.sleep(0.05)
    scan.close()
    thread.join(5)
    assert ends == ["the scan is closed"]


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parallel_threads(1)
def test_memory_is_flat(large: Path) -> None:
    dataset = ringquet.open(large, threads=2, memory="64MiB")

    def passes(count: int) -> int:
        """Reads about 32 MB in three ways, ``count`` times."""
        for _ in range(count):
            for batch in dataset.scan(row_groups=range(8)):
                np.from_dlpack(batch["emb"])
            pa.table(dataset.scan(columns=["id"]))
            next(dataset.scan())
        gc.collect()
        wait_for_none()
        return resident_bytes()

    # The allocator takes some passes until it has met all sizes on all of its threads.
    before = passes(10)
    after = passes(20)
    assert after - before < 64 << 20, f"{before >> 20} MiB became {after >> 20} MiB"


@pytest.mark.parallel_threads(1)
def test_files_are_closed(small: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    dataset = ringquet.open(small)
    pa.table(dataset)
    next(dataset.scan())
    wait_for_none()
    del dataset
    gc.collect()
    assert descriptors() == before
