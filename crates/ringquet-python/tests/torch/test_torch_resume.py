"""States: from before the first batch, amid an epoch, after its last batch and after its end, and the epoch after each."""

import json
from pathlib import Path

import pytest
from passes import ROWS, ids
from ringquet.torch import BatchDataset
from torchdata.stateful_dataloader import StatefulDataLoader

ARGUMENTS = {"batch_size": 50, "shuffle": "rows", "window": 3, "seed": 11}
BATCHES = -(-ROWS // 50)
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")

#: Batches after which a state is taken; one more than there are is after the end.
TAKEN = [0, 1, 7, BATCHES - 1, BATCHES, BATCHES + 1]


def made(path: Path, **others: object) -> BatchDataset:
    return BatchDataset(path, **{**ARGUMENTS, **others})


def epochs(path: Path, count: int) -> list[list[list[int]]]:
    dataset = made(path)
    return [ids(dataset) for _ in range(count)]


def after(iterator: object, count: int) -> None:
    """Takes `count` batches, and the end if that is one more than there are."""
    for _ in range(min(count, BATCHES)):
        next(iterator)  # type: ignore[call-overload]
    if count > BATCHES:
        assert next(iterator, None) is None  # type: ignore[call-overload]


@pytest.mark.parametrize("count", TAKEN)
def test_states_of_the_data_set(uneven: Path, count: int) -> None:
    expected = epochs(uneven, 3)
    dataset = made(uneven)
    batches = iter(dataset)
    after(batches, count)
    state = json.loads(json.dumps(dataset.state_dict()))
    assert all(isinstance(value, int | str) for value in state.values())
    resumed = made(uneven)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    # `iter` may come several times before the first batch.
    iter(resumed), iter(resumed)
    assert resumed.state_dict() == state
    if count <= BATCHES:
        assert ids(resumed) == expected[0][count:]
        assert ids(resumed) == expected[1]
    else:
        assert ids(resumed) == expected[1]
        assert ids(resumed) == expected[2]


def check_stateful_loader(path: Path, count: int, expected: list[list[list[int]]], **loading: object) -> None:
    def loader() -> StatefulDataLoader:
        return StatefulDataLoader(made(path), batch_size=None, **loading)

    saved = loader()
    after(iter(saved), count)
    state = saved.state_dict()
    resumed = loader()
    resumed.load_state_dict(state)
    if count <= BATCHES:
        assert ids(resumed) == expected[0][count:]
    if loading:
        resumed.dataset.set_epoch(1)
    assert ids(resumed) == expected[1]


@pytest.mark.parametrize("count", TAKEN)
def test_states_of_a_stateful_data_loader(uneven: Path, count: int) -> None:
    check_stateful_loader(uneven, count, epochs(uneven, 2))


@pytest.fixture(scope="module")
def epochs_of_workers(uneven: Path, quick_workers: dict) -> list[list[list[int]]]:
    loader = StatefulDataLoader(made(uneven), batch_size=None, num_workers=2, **quick_workers)
    found = []
    for number in range(2):
        loader.dataset.set_epoch(number)
        found.append(ids(loader))
        assert sorted(id for batch in found[-1] for id in batch) == list(range(ROWS))
    assert found[0] != found[1]
    return found


@pytest.mark.parametrize("count", [0, 7, BATCHES - 1, BATCHES, BATCHES + 1])
def test_states_of_workers(uneven: Path, count: int, epochs_of_workers: list, quick_workers: dict) -> None:
    check_stateful_loader(uneven, count, epochs_of_workers, num_workers=2, **quick_workers)


def test_a_state_of_workers_before_the_first_iter(uneven: Path, epochs_of_workers: list, quick_workers: dict) -> None:
    loader = StatefulDataLoader(made(uneven), batch_size=None, num_workers=2, **quick_workers)
    loader.load_state_dict(loader.state_dict())
    assert ids(loader) == epochs_of_workers[0]


def test_set_epoch_keeps_a_loaded_place(uneven: Path) -> None:
    """A training loop gives the number of the epoch before each pass, also before the resumed one."""
    expected = epochs(uneven, 2)
    dataset = made(uneven)
    dataset.set_epoch(1)
    batches = iter(dataset)
    after(batches, 4)
    state = dataset.state_dict()
    for number, wanted in [(1, expected[1][4:]), (0, expected[0])]:
        resumed = made(uneven)
        resumed.load_state_dict(state)
        resumed.set_epoch(number)
        assert ids(resumed) == wanted


def test_a_state_loaded_amid_a_pass(uneven: Path) -> None:
    """The pass goes on, and its end does not discard the state."""
    expected = epochs(uneven, 1)[0]
    dataset = made(uneven)
    batches = iter(dataset)
    begun = ids([next(batches), next(batches)])
    state = dataset.state_dict()
    next(batches)
    dataset.load_state_dict(state)
    assert begun + [expected[2]] + ids(batches) == expected
    assert ids(dataset) == expected[2:]


def test_a_loaded_place_is_kept_until_a_batch_is_given(uneven: Path) -> None:
    expected = epochs(uneven, 1)[0]
    dataset = made(uneven)
    after(iter(dataset), 3)
    state = dataset.state_dict()
    dataset.load_state_dict(state)
    assert next(iter(dataset))["id"].tolist() == expected[3]
    # Now it is used: a pass that is left begins its epoch again.
    assert ids(dataset) == expected


def test_other_reader_threads_and_columns_may_continue(uneven: Path) -> None:
    dataset = made(uneven, threads=1)
    after(iter(dataset), 3)
    resumed = made(uneven, threads=4, columns=["id"], copy=True)
    resumed.load_state_dict(dataset.state_dict())
    assert ids(resumed) == epochs(uneven, 1)[0][3:]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"batch_size": 25}, "batch_size was 50 and is 25"),
        ({"seed": 12}, "seed was 11 and is 12"),
        ({"shuffle": None}, "shuffle was 'rows' and is 'none'"),
        ({"window": 4}, "window was 3 and is 4"),
        ({"drop_last": True}, "drop_last was 0 and is 1"),
        ({"rank": 1, "world_size": 2}, "rank was 0 and is 1; world_size was 1 and is 2"),
    ],
)
def test_states_of_other_arguments_are_refused(uneven: Path, others: dict, message: str) -> None:
    state = made(uneven).state_dict()
    dataset = made(uneven, **others)
    before = dataset.state_dict()
    with pytest.raises(ValueError, match=message):
        dataset.load_state_dict(state)
    assert dataset.state_dict() == before


def test_states_of_other_files_are_refused(uneven: Path, tmp_path: Path) -> None:
    for path in sorted(uneven.iterdir())[:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = made(uneven).state_dict()
    with pytest.raises(ValueError, match="fingerprint was '[0-9a-f]+' and is '[0-9a-f]+'"):
        made(tmp_path).load_state_dict(state)


def test_the_same_files_elsewhere_continue(uneven: Path, tmp_path: Path) -> None:
    for path in uneven.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dataset = made(uneven)
    after(iter(dataset), 5)
    resumed = made(tmp_path)
    resumed.load_state_dict(dataset.state_dict())
    assert ids(resumed) == epochs(uneven, 1)[0][5:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 51}, "multiple of the batch size"),
        ({"rows": ROWS + 50}, "multiple of the batch size"),
        ({"rows": -50}, "negative"),
        ({"epoch": -1}, "negative"),
        ({"version": 2}, "version was 2 and is 1"),
    ],
)
def test_places_that_no_pass_has_are_refused(uneven: Path, change: dict, message: str) -> None:
    dataset = made(uneven)
    state = dataset.state_dict()
    with pytest.raises(ValueError, match=message):
        dataset.load_state_dict({**state, **change})
    with pytest.raises(ValueError, match="no epoch, rows"):
        dataset.load_state_dict({key: state[key] for key in state if key not in ("epoch", "rows")})
    assert dataset.state_dict() == state
