"""Which batches a pass gives: every row once, equal batches on every rank, the same for any number of threads."""

import pickle
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ringquet
import torch
from passes import ROWS, equal, flat, ids
from ringquet.torch import BatchDataset
from torch.utils.data import DataLoader

SHUFFLES = [None, "row_groups", "rows"]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("batch_size", [1, 50, 64, ROWS, ROWS + 1])
def test_a_pass_gives_each_row_once(uneven: Path, shuffle: str | None, batch_size: int) -> None:
    dataset = BatchDataset(uneven, batch_size, shuffle=shuffle, window=3)
    batches = ids(dataset)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches) == len(dataset) == -(-ROWS // batch_size)
    if shuffle is None:
        assert flat(batches) == list(range(ROWS))
    else:
        assert flat(batches) != list(range(ROWS)) and sorted(flat(batches)) == list(range(ROWS))


def test_columns_stay_together(uneven: Path) -> None:
    for batch in BatchDataset(uneven, 50, shuffle="rows", window=4):
        assert batch["text"] == [f"row {id}".encode() for id in batch["id"]]


def test_epochs_differ_and_repeat(uneven: Path) -> None:
    for shuffle in ["row_groups", "rows"]:
        dataset = BatchDataset(uneven, 50, shuffle=shuffle, seed=7)
        epochs = [ids(dataset) for _ in range(3)]
        assert dataset.epoch == 3
        assert len({str(epoch) for epoch in epochs}) == 3
        again = BatchDataset(uneven, 50, shuffle=shuffle, seed=7)
        for number in [2, 0, 1]:
            again.set_epoch(number)
            assert ids(again) == epochs[number]
        assert ids(BatchDataset(uneven, 50, shuffle=shuffle, seed=8)) != epochs[0]


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_any_number_of_threads_gives_the_same_batches(uneven: Path, shuffle: str | None) -> None:
    passes = [list(BatchDataset(uneven, 33, shuffle=shuffle, window=2, threads=threads)) for threads in [1, 2, 4]]
    assert equal(dict(enumerate(passes[0])), dict(enumerate(passes[1])))
    assert equal(dict(enumerate(passes[0])), dict(enumerate(passes[2])))


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_ranks(uneven: Path, shuffle: str | None, drop_last: bool, world_size: int) -> None:
    found: list[int] = []
    for rank in range(world_size):
        dataset = BatchDataset(
            uneven, 50, shuffle=shuffle, drop_last=drop_last, rank=rank, world_size=world_size, window=2
        )
        batches = ids(dataset)
        assert len(batches) == len(dataset)
        expected = ROWS // world_size
        assert len(flat(batches)) == (expected // 50 * 50 if drop_last else expected)
        assert all(len(batch) == 50 for batch in (batches if drop_last else batches[:-1]))
        found += flat(batches)
    assert len(set(found)) == len(found)
    if not drop_last:
        assert len(found) == ROWS - ROWS % world_size


def test_more_ranks_than_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [0, 1, 2]}), tmp_path / "a.parquet")
    for rank in range(4):
        dataset = BatchDataset(tmp_path, 2, rank=rank, world_size=4)
        assert len(dataset) == 0 and list(dataset) == []


def test_a_pass_that_is_left_begins_again(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="rows", seed=3)
    whole = ids(BatchDataset(uneven, 50, shuffle="rows", seed=3))
    for _, batch in zip(range(4), dataset, strict=False):
        pass
    assert dataset.epoch == 0 and dataset.state_dict()["rows"] == 200
    # What the next pass gives is what a state taken now continues with.
    batches = iter(dataset)
    assert dataset.state_dict()["rows"] == 0
    assert ids(batches) == whole and dataset.epoch == 1
    del batch


def test_a_pass_whose_batches_are_counted_is_complete(uneven: Path) -> None:
    """Loops over ``range(len(dataset))`` never see the end of the iterator."""
    dataset = BatchDataset(uneven, 50, shuffle="rows")
    epochs = []
    for _ in range(3):
        batches = iter(dataset)
        epochs.append([next(batches)["id"].tolist() for _ in range(len(dataset))])
    assert dataset.epoch == 2
    again = BatchDataset(uneven, 50, shuffle="rows")
    assert epochs == [ids(again) for _ in range(3)]


def test_iterators_are_lazy(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="rows")
    first, second = iter(dataset), iter(dataset)
    dataset.set_epoch(5)
    expected = BatchDataset(uneven, 50, shuffle="rows")
    expected.set_epoch(5)
    assert ids(second) == ids(expected)
    assert dataset.epoch == 6
    assert ids(first) == ids(expected)


def test_two_passes_at_a_time(uneven: Path) -> None:
    """Each gives all of its epoch; the place is that of the newer one."""
    dataset = BatchDataset(uneven, 50, shuffle="rows")
    whole = ids(BatchDataset(uneven, 50, shuffle="rows"))
    older = iter(dataset)
    begun = ids([next(older), next(older)])
    newer = iter(dataset)
    assert ids([next(newer)]) == whole[:1]
    assert begun + ids(older) == whole
    assert dataset.epoch == 0 and dataset.state_dict()["rows"] == 50
    assert ids(newer) == whole[1:] and dataset.epoch == 1


def test_set_epoch_amid_a_pass(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="rows")
    batches = iter(dataset)
    begun = [next(batches)]
    dataset.set_epoch(9)
    assert len(begun + list(batches)) == len(dataset)
    assert dataset.epoch == 9
    with pytest.raises(ValueError, match="-1: must not be negative"):
        dataset.set_epoch(-1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` 0"),
        ({"batch_size": -1}, "`batch_size` -1"),
        ({"seed": -1}, "`seed` -1"),
        ({"seed": 1 << 64}, "`seed`"),
        ({"shuffle": "row"}, "'row': expected None, 'row_groups' or 'rows'"),
        ({"shuffle": "rows", "window": 0}, "`window` 0"),
        ({"rank": 1}, "together"),
        ({"world_size": 2}, "together"),
        ({"rank": 2, "world_size": 2}, "`rank` 2"),
        ({"rank": -1, "world_size": 2}, "`rank` -1"),
        ({"rank": 0, "world_size": 0}, "`world_size` 0"),
        ({"lists": "ragged"}, "'ragged'"),
        ({"columns": ["id", "no"]}, "no"),
        ({"memory": "much"}, "memory"),
    ],
)
def test_wrong_arguments_are_errors_at_once(uneven: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchDataset(uneven, **{"batch_size": 10, **arguments})


def test_missing_files_and_other_schemas(uneven: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BatchDataset(tmp_path / "none", 10)
    pq.write_table(pa.table({"id": ["text"]}), tmp_path / "other.parquet")
    with pytest.raises(ringquet.SchemaError):
        BatchDataset([*sorted(uneven.iterdir()), tmp_path / "other.parquet"], 10, columns=["id"])


def test_several_paths_from_an_iterator(uneven: Path) -> None:
    dataset = BatchDataset((path for path in sorted(uneven.iterdir())), 50)
    assert flat(ids(pickle.loads(pickle.dumps(dataset)))) == list(range(ROWS))


def test_pickles_keep_the_place(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="rows", columns=["id"], threads=2)
    batches = iter(dataset)
    begun = ids([next(batches), next(batches)])
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.state_dict() == dataset.state_dict()
    copy.load_state_dict(dataset.state_dict())
    assert begun + ids(copy) == begun + ids(batches)
    assert repr(copy) == repr(dataset) and "shuffle='rows'" in repr(copy)
    # Nothing but plain values: a pickle has no handle, and is small.
    assert len(pickle.dumps(dataset)) < 2_000


def test_pickles_refuse_other_files(uneven: Path, tmp_path: Path) -> None:
    for path in uneven.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    pickled = pickle.dumps(BatchDataset(tmp_path, 50))
    (tmp_path / "3.parquet").unlink()
    with pytest.raises(ringquet.FileChangedError, match="fingerprint"):
        next(iter(pickle.loads(pickled)))


def test_a_data_loader(uneven: Path) -> None:
    dataset = BatchDataset(uneven, 50, shuffle="row_groups")
    loader = DataLoader(dataset, batch_size=None, num_workers=0)
    expected = BatchDataset(uneven, 50, shuffle="row_groups")
    for _ in range(2):
        assert ids(loader) == ids(expected)
    assert len(loader) == len(dataset)


def test_pinned_memory(uneven: Path) -> None:
    if not torch.accelerator.is_available():
        pytest.skip("there is no accelerator: memory cannot be pinned")
    for batch in DataLoader(BatchDataset(uneven, 50), batch_size=None, pin_memory=True):
        assert batch["id"].is_pinned()


def test_an_error_ends_the_pass_alone(uneven: Path, tmp_path: Path) -> None:
    """The place stays behind the last batch, and the next pass begins the epoch again."""
    for path in uneven.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dataset = BatchDataset(tmp_path, 50, columns=["id"], direct=False, threads=1)
    whole = (tmp_path / "3.parquet").read_bytes()
    (tmp_path / "3.parquet").write_bytes(whole[:20] + b"\xff" * (len(whole) // 2) + whole[20 + len(whole) // 2 :])
    found = []
    with pytest.raises(ringquet.RingquetError):
        for batch in dataset:
            found.append(batch)
    assert dataset.epoch == 0 and dataset.state_dict()["rows"] == sum(len(batch["id"]) for batch in found)
    (tmp_path / "3.parquet").write_bytes(whole)
    assert flat(ids(BatchDataset(tmp_path, 50, columns=["id"], direct=False))) == list(range(ROWS))


@pytest.mark.parametrize("seed", range(25))
def test_any_course_of_a_training_gives_each_row_once(uneven: Path, seed: int) -> None:
    """Batches are asked for, passes dropped, states saved and loaded, by chance: what is consumed is what the epochs have."""
    random.seed(seed)
    arguments = {
        "batch_size": random.choice([7, 50, 64, 400]),
        "shuffle": random.choice(SHUFFLES),
        "window": random.choice([1, 3, 16]),
        "seed": random.randrange(1 << 64),
        "drop_last": random.random() < 0.3,
        "threads": random.choice([1, 2, 3]),
    }
    world_size = random.choice([1, 1, 2, 3])
    arguments |= {"rank": random.randrange(world_size), "world_size": world_size}

    def made() -> BatchDataset:
        return BatchDataset(uneven, columns=["id"], **arguments)

    wanted = made()
    expected = flat([flat(ids(wanted)) for _ in range(3)])
    # What was consumed up to each state, as a training that saves has it in its weights.
    dataset, consumed = made(), []
    saved, saved_consumed = dataset.state_dict(), 0
    batches = iter(dataset)
    while len(consumed) < len(expected):
        course = random.random()
        if course < 0.75:
            try:
                consumed += next(batches)["id"].tolist()
            except StopIteration:
                batches = iter(dataset)
        elif course < 0.85:
            saved, saved_consumed = dataset.state_dict(), len(consumed)
        elif course < 0.95:
            # The process ends, and another one continues.
            del batches
            if random.random() < 0.5:
                dataset = made() if random.random() < 0.5 else pickle.loads(pickle.dumps(dataset))
            dataset.load_state_dict(saved)
            del consumed[saved_consumed:]
            batches = iter(dataset)
        elif len(consumed) == saved_consumed and dataset.state_dict() == saved:
            # Before the first batch after a state was loaded, `iter` may come again.
            dataset.load_state_dict(saved)
            batches = iter(dataset)
            batches = iter(dataset)
    assert consumed == expected[: len(consumed)]
