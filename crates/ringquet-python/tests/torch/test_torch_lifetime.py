"""What is left after passes: no threads, no memory."""

import gc
import os
import threading
import time
from pathlib import Path

import pytest
import tables
from passes import until
from reader_threads import reader_threads
from ringquet.torch import BatchDataset
from torch.utils.data import DataLoader


def test_a_pass_is_lazy(large: Path) -> None:
    dataset = BatchDataset(large, 1000)
    batches = iter(dataset)
    len(dataset), dataset.state_dict()
    # The thread that read the footers takes a moment to end.
    until(lambda: not reader_threads(), lambda: f"{reader_threads()} are there")
    time.sleep(0.05)
    assert not reader_threads()
    next(batches)
    assert reader_threads()


@pytest.mark.parametrize("is_loaded", [False, True])
def test_dropped_passes_end_their_threads(large: Path, is_loaded: bool) -> None:
    dataset = BatchDataset(large, 1000, shuffle="rows", window=2, threads=2)
    source = DataLoader(dataset, batch_size=None) if is_loaded else dataset
    for _ in range(5):
        batches = iter(source)
        next(batches)
        assert reader_threads()
        del batches
        gc.collect()
        until(lambda: not reader_threads(), lambda: f"{reader_threads()} are left")
    for batch in source:
        break
    del batch
    gc.collect()
    until(lambda: not reader_threads(), lambda: f"{reader_threads()} are left")


def test_a_pass_that_an_exception_leaves(large: Path) -> None:
    def training() -> None:
        for _ in BatchDataset(large, 1000):
            raise KeyError("of the training")

    with pytest.raises(KeyError):
        training()
    gc.collect()
    until(lambda: not reader_threads(), lambda: f"{reader_threads()} are left")


def test_other_threads_run_while_batches_are_awaited(large: Path) -> None:
    steps, is_over = [0], threading.Event()

    def count() -> None:
        while not is_over.is_set():
            steps[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    for _ in BatchDataset(large, 8000):
        pass
    seconds = time.monotonic() - begun
    is_over.set()
    thread.join()
    assert steps[0] > 0.1 * seconds / 0.001


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_20_epochs_leave_memory_flat(tmp_path: Path) -> None:
    path = tables.write_files(tmp_path, files=4, rows=16_000, row_group_rows=2_000, width=128)
    dataset = BatchDataset(path, 1024, columns=["id", "emb", "tags"], shuffle="rows", window=4, threads=2, memory="64MiB")

    def epochs(count: int) -> int:
        """Reads 32 MB in each; every fourth pass is left after a batch."""
        for number in range(count):
            for batch in DataLoader(dataset, batch_size=None):
                if number % 4 == 3:
                    break
            del batch
        gc.collect()
        until(lambda: not reader_threads(), lambda: f"{reader_threads()} are left")
        return resident_bytes()

    # The allocator takes some epochs until it has met all sizes on all of its threads.
    before = epochs(16)
    after = epochs(20)
    assert after - before < 32 << 20, f"{before >> 20} MiB became {after >> 20} MiB"
