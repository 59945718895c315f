"""Several scans, several Python threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import ringquet


def test_two_scans_at_a_time(small: Path) -> None:
    dataset = ringquet.open(small)
    one, other = dataset.scan(threads=2), dataset.scan(columns=["id"], threads=1)
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(np.from_dlpack(left["id"]), np.from_dlpack(right["id"]))


def test_scans_of_many_threads(small: Path) -> None:
    dataset = ringquet.open(small)

    def rows(number: int) -> int:
        if number % 2:
            return pa.table(dataset.scan(threads=1 + number % 3)).num_rows
        return sum(len(batch) for batch in dataset.scan(threads=1 + number % 3))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(rows, range(32))) == {15_000}


def test_one_scan_of_many_threads(small: Path) -> None:
    """Each batch comes to one of them."""
    scan = ringquet.open(small).scan(batch_rows=100)
    with ThreadPoolExecutor(6) as pool:
        firsts = [number for numbers in pool.map(lambda _: [batch.first_row for batch in scan], range(6)) for number in numbers]
    assert sorted(firsts) == list(range(0, 15_000, 100))


def test_the_gil_is_released_while_waiting(large: Path) -> None:
    """Another thread runs on while the main thread reads."""
    dataset = ringquet.open(large)
    steps = 0
    is_over = threading.Event()

    def count() -> None:
        nonlocal steps
        while not is_over.is_set():
            steps += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    dataset.measure()
    pa.table(dataset)
    seconds = time.monotonic() - begun
    is_over.set()
    thread.join()
    assert steps > 0.1 * seconds / 0.001


def test_opening_in_threads(small: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert {len(dataset) for dataset in pool.map(lambda _: ringquet.open(small), range(16))} == {15_000}
