"""Worker processes of a DataLoader: spawned ones share the batches, forked ones are refused."""

import multiprocessing
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from forked import in_child
from passes import ROWS, equal, flat, ids
from ringquet.torch import BatchDataset
from torch.utils.data import DataLoader

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SECONDS_MAX = 120


def test_spawned_workers_give_each_row_once(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="rows", seed=5)
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="spawn", timeout=SECONDS_MAX)
    with warnings.catch_warnings():
        # Not more batches than `len` says.
        warnings.simplefilter("error")
        found = list(loader)
    # They are the batches of a pass without workers, in another order.
    expected = list(BatchDataset(uneven, 50, shuffle="rows", seed=5))
    assert len(found) == len(loader) == len(expected)

    def by_first(batches: list) -> dict:
        return {batch["id"][0].item(): batch for batch in batches}

    assert equal(by_first(found), by_first(expected))


def test_set_epoch_reaches_workers(uneven: Path, quick_workers: dict) -> None:
    def loader(is_persistent: bool) -> DataLoader:
        dataset = BatchDataset(uneven, 50, shuffle="rows")
        return DataLoader(dataset, batch_size=None, num_workers=2, persistent_workers=is_persistent, **quick_workers)

    renewed, kept = loader(False), loader(True)
    epochs = []
    for number in [0, 1, 4, 4, 0]:
        passes = []
        for each in [renewed, kept]:
            each.dataset.set_epoch(number)
            passes.append(ids(each))
            assert sorted(flat(passes[-1])) == list(range(ROWS))
        assert passes[0] == passes[1], number
        epochs.append(passes[0])
    assert epochs[0] == epochs[4] and epochs[2] == epochs[3] and epochs[0] != epochs[1] != epochs[2]
    # As it is written: without it the main process stays where it is, and workers that are kept count by themselves.
    assert ids(renewed) == epochs[0] and ids(kept) == epochs[1]
    # A pass that is left.
    next(iter(kept))
    kept.dataset.set_epoch(4)
    assert ids(kept) == epochs[2]


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
def test_more_workers_than_batches(uneven: Path, quick_workers: dict) -> None:
    loader = DataLoader(BatchDataset(uneven, ROWS // 2, columns=["id"]), batch_size=None, num_workers=3, **quick_workers)
    assert sorted(flat(ids(loader))) == list(range(ROWS))


def test_a_state_of_the_main_process_is_refused(uneven: Path, quick_workers: dict) -> None:
    """Its rows are not those of any worker: going on would lose some."""
    dataset = BatchDataset(uneven, 50)
    next(iter(dataset))
    dataset.load_state_dict(dataset.state_dict())
    with pytest.raises(ValueError, match="not one of this worker process"):
        list(DataLoader(dataset, batch_size=None, num_workers=2, **quick_workers))


def test_every_kind_of_column_comes_from_workers(tmp_path: Path, quick_workers: dict) -> None:
    import pyarrow.parquet as pq
    import tables

    names = [name for name in tables.COLUMNS if name not in ("decimal", "decimal256", "null")]
    pq.write_table(tables.table(120, nulls=True).select(names), tmp_path / "types.parquet")
    dataset = BatchDataset(tmp_path, 40, fill=0)
    found = list(DataLoader(dataset, batch_size=None, num_workers=1, **quick_workers))
    assert equal(dict(enumerate(found)), dict(enumerate(dataset)))


def worker_of(dataset: BatchDataset, kept: list, _worker: int) -> None:
    """A worker tells of its warnings."""
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: kept.append(str(message))


def test_workers_warn_once(uneven: Path, quick_workers: dict) -> None:
    from functools import partial

    with multiprocessing.get_context("spawn").Manager() as manager:
        kept = manager.list()
        dataset = BatchDataset(uneven, 50)
        init = partial(worker_of, None, kept)
        list(DataLoader(dataset, batch_size=None, num_workers=2, worker_init_fn=init, **quick_workers))
        texts = [text for text in kept if "ringquet" in text]
    assert len(texts) == 1 and "num_workers=0 is faster" in texts[0]


def test_errors_of_workers_name_their_place(uneven: Path, tmp_path: Path, quick_workers: dict) -> None:
    for path in uneven.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dataset = BatchDataset(tmp_path, 50)
    (tmp_path / "2.parquet").unlink()
    with pytest.raises(Exception, match="2.parquet|fingerprint"):
        list(DataLoader(dataset, batch_size=None, num_workers=2, **quick_workers))


def test_forked_workers_are_refused(uneven: Path) -> None:
    """In a process of its own: a hang would be one of the test, not of all."""
    program = f"""
from ringquet.torch import BatchDataset
from torch.utils.data import DataLoader

dataset = BatchDataset({str(uneven)!r}, 50)
begun = iter(dataset)
next(begun)
for dataset in [dataset, BatchDataset({str(uneven)!r}, 50)]:
    try:
        list(DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60))
    except RuntimeError as error:
        assert "spawn" in str(error) and "forkserver" in str(error), error
        print("refused")
print(sum(len(batch["id"]) for batch in begun))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused", "refused", str(ROWS - 50)]


def test_forks(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50)
    passes = [iter(dataset), iter(dataset)]
    first = next(passes[0])

    def child() -> None:
        for use in [lambda: next(passes[0]), lambda: next(passes[1]), lambda: len(dataset), dataset.state_dict]:
            try:
                use()
            except RuntimeError as error:
                assert "spawn" in str(error), error
            else:
                raise AssertionError("it was not refused")
        passes.clear()
        # What was read before is plain memory, and a new data set is one of the child.
        assert first["id"].tolist() == list(range(50))
        assert len(BatchDataset(uneven, 50)) == 17

    in_child(child, SECONDS_MAX)
    assert sum(len(batch["id"]) for batch in passes[0]) == ROWS - 50


def test_the_threads_are_shared_by_workers(uneven: Path, quick_workers: dict) -> None:
    for threads, expected in [(4, 2), (1, 1)]:
        dataset = BatchDataset(uneven, 50, threads=threads)
        loader = DataLoader(ThreadsOfWorker(dataset), batch_size=None, num_workers=2, **quick_workers)
        assert list(loader) == [expected] * 2


class ThreadsOfWorker(torch.utils.data.IterableDataset):
    """Gives the number of reader threads that a data set has in a worker."""

    def __init__(self, dataset: BatchDataset) -> None:
        self.dataset = dataset

    def __iter__(self):
        yield int(repr(self.dataset.dataset.scan()).split("threads=")[1].rstrip(")"))
