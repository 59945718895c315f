"""What DLIO gets of its data loader, by the calls that DLIO makes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dlio_run import Outcome, Workload, play

ROWS = 300


def _write(folder: Path, files: int, rows: int = ROWS, first: int = 0) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(files):
        ids = np.arange(first + number * rows, first + (number + 1) * rows)
        values = pa.array(np.repeat(ids, 4).astype(np.float32))
        table = pa.table(
            {
                "id": ids,
                "vector": pa.FixedSizeListArray.from_arrays(values, 4),
                "half": (ids % 1000).astype(np.float16),
                "jagged": [list(range(id % 3)) for id in ids],
                "text": [f"row {id}" for id in ids],
                "unread": ids,
            },
            schema=pa.schema(
                [
                    pa.field("id", pa.int64(), nullable=False),
                    pa.field("vector", pa.list_(pa.field("element", pa.float32(), nullable=False), 4), nullable=False),
                    pa.field("half", pa.float16(), nullable=False),
                    pa.field("jagged", pa.list_(pa.int64())),
                    pa.field("text", pa.string()),
                    pa.field("unread", pa.int64()),
                ]
            ),
        )
        path = folder / f"img_{number}_of_{files}.parquet"
        pq.write_table(table, path, row_group_size=70)
        paths.append(str(path))
    return paths


COLUMNS = [{"name": "id", "dtype": "int64"}, {"name": "vector", "size": 4, "read": True}, {"name": "unread", "read": False}]


@pytest.fixture
def workload(tmp_path: Path) -> Callable[..., Workload]:
    """A workload of files whose ``id`` counts through all of them."""
    (tmp_path / "out").mkdir()

    def make(files: int = 4, evaluation: int = 0, **more: Any) -> Workload:
        given = {
            "train": _write(tmp_path / "train", files),
            "evaluation": _write(tmp_path / "valid", evaluation, first=100_000) if evaluation else [],
            "output": str(tmp_path / "out"),
            "num_samples_per_file": ROWS,
            "batch_size": 100,
            "columns": COLUMNS,
        }
        return Workload(**{**given, **more})

    return make


def look(rank: int, phase: str, epoch: int, step: int, batch: dict[str, Any]) -> tuple[str, int, list[int]]:
    assert list(batch) == ["id", "vector"], "what the workload does not read is not there"
    ids = batch["id"]
    assert isinstance(ids, np.ndarray) and ids.dtype == np.int64
    np.testing.assert_array_equal(batch["vector"], np.repeat(ids[:, None], 4, axis=1).astype(np.float32))
    return phase, epoch, ids.tolist()


def expected(outcome: Outcome, phase: str, batch: int, first: int = 0) -> list[tuple[str, int, list[int]]]:
    """The rows of the files of each epoch in DLIO's order, cut into batches."""
    found = []
    for epoch, files in enumerate(outcome.files[phase], 1):
        numbers = [int(Path(path).name.split("_")[1]) for path in files]
        rows = [first + number * ROWS + row for number in numbers for row in range(ROWS)]
        found += [(phase, epoch, rows[at : at + batch]) for at in range(0, len(rows) - batch + 1, batch)]
    return found


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_each_epoch_has_the_rows_of_its_files_in_the_order_of_dlio(workload: Callable[..., Workload], ranks: int) -> None:
    outcomes = play(workload(files=6, epochs=3, batch_size=70, look=look), ranks)
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.steps["train"] == [6 * ROWS // ranks // 70] * 3
        assert outcome.seen == expected(outcome, "train", 70)
    for epoch in range(3):
        files = [path for outcome in outcomes for path in outcome.files["train"][epoch]]
        assert len(set(files)) == 6
    assert len({tuple(files) for files in outcomes[0].files["train"]}) > 1, "each epoch has its order"


def test_evaluation_has_its_own_files_and_batches(workload: Callable[..., Workload]) -> None:
    outcomes = play(workload(evaluation=2, epochs=2, batch_size_eval=60, look=look), 2)
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.steps == {"train": [6, 6], "eval": [5, 5]}
        seen = [batch for batch in outcome.seen if batch[0] == "eval"]
        assert seen == expected(outcome, "eval", 60, first=100_000)


def _columns(rank: int, phase: str, epoch: int, step: int, batch: dict[str, Any]) -> None:
    ids = batch["id"]
    np.testing.assert_array_equal(batch["half"], (ids % 1000).astype(np.float16))
    assert batch["text"] == [f"row {id}".encode() for id in ids]
    values, offsets = batch["jagged"]
    assert [values[start:end].tolist() for start, end in zip(offsets, offsets[1:])] == [list(range(id % 3)) for id in ids]
    assert "unread" in batch, "a workload without columns reads all of them"


def test_columns_of_every_kind(workload: Callable[..., Workload]) -> None:
    [outcome] = play(workload(columns=[], look=_columns))
    assert outcome.error is None and len(outcome.seen) == 12


# Steps that DLIO itself made, from `N_output.json` of its runs by two ranks: files, rows of each, batch size, steps of an epoch.
@pytest.mark.parametrize(("files", "rows", "batch", "steps"), [(4, 61_440, 1024, 120), (4, 32, 8, 8), (4, 64, 4, 32)])
def test_steps_are_those_of_dlio(tmp_path: Path, files: int, rows: int, batch: int, steps: int) -> None:
    paths = []
    for number in range(files):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"data": np.zeros(rows, np.int8)}), path)
        paths.append(str(path))
    run = Workload(train=paths, output=str(tmp_path), num_samples_per_file=rows, batch_size=batch, epochs=2)
    assert [outcome.steps["train"] for outcome in play(run, 2)] == [[steps, steps]] * 2


def test_a_partial_step_is_left_out(workload: Callable[..., Workload]) -> None:
    """Without file_shuffle DLIO counts steps upwards, and would take a batch that is too short."""
    [outcome] = play(workload(batch_size=110, file_shuffle=False))
    assert outcome.error is None and outcome.steps["train"] == [10]


def test_a_run_of_fewer_steps_reads_no_more(workload: Callable[..., Workload]) -> None:
    [outcome] = play(workload(total_training_steps=3, epochs=2))
    assert outcome.steps["train"] == [3, 3]


def test_after_the_last_step_nothing_is_left_to_do(workload: Callable[..., Workload]) -> None:
    for more in ({}, {"total_training_steps": 2}, {"steps_taken": 2}):
        [outcome] = play(workload(epochs=3, **more))
        assert outcome.error is None
        assert min(outcome.seconds_after_last_step) < 0.1, "the clock of AU runs then"


def test_too_little_data_is_an_error_of_every_rank(workload: Callable[..., Workload]) -> None:
    run = workload()
    short = run.train[1]
    pq.write_table(pq.read_table(short).slice(0, 200), short)
    outcomes = play(run, 2)
    assert {outcome.kind for outcome in outcomes} == {"RingquetError"}
    assert all(f"{short} has 200 rows" in outcome.error and "num_samples_per_file" in outcome.error for outcome in outcomes)


def test_more_rows_than_the_workload_states_are_an_error(workload: Callable[..., Workload]) -> None:
    [outcome] = play(workload(num_samples_per_file=200))
    assert outcome.kind == "RingquetError" and "has 300 rows" in outcome.error


def test_a_file_that_is_missing_is_an_error_of_every_rank(workload: Callable[..., Workload]) -> None:
    run = workload()
    Path(run.train[2]).unlink()
    outcomes = play(run, 2)
    assert sorted(outcome.kind for outcome in outcomes) == ["FileNotFoundError", "RingquetError"]
    assert all(run.train[2] in outcome.error for outcome in outcomes)


def test_a_file_that_is_damaged_ends_every_rank(workload: Callable[..., Workload]) -> None:
    run = workload(file_shuffle=False)
    path = Path(run.train[3])
    path.write_bytes(b"PAR1" + bytes(3000) + path.read_bytes()[3004:])
    outcomes = play(run, 2)
    assert all(outcome.error is not None for outcome in outcomes)
    assert outcomes[1].kind == "CorruptFileError" and str(path) in outcomes[1].error
    assert any("ringquet cannot go on" in line for line in outcomes[1].log)


def test_another_format_is_refused(workload: Callable[..., Workload]) -> None:
    [outcome] = play(workload(format="NPZ"))
    assert outcome.kind == "ValueError" and "dataset.format: parquet" in outcome.error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"thread": 2}, "there is no option 'thread'"),
        ({"threads": 0}, "`storage.storage_options.ringquet.threads` 0"),
        ({"touch": "yes"}, "touch"),
        ({"driver": "aio"}, "aio"),
        ({"direct": "maybe"}, "maybe"),
        ({"memory": "1 elephant"}, "elephant"),
    ],
)
def test_wrong_options_are_errors(workload: Callable[..., Workload], given: dict[str, Any], message: str) -> None:
    [outcome] = play(workload(ringquet=given))
    assert outcome.error is not None and message in outcome.error


@pytest.mark.parametrize("driver", ["uring", "pread", "mmap"])
def test_what_was_read_is_beside_the_files_of_dlio(workload: Callable[..., Workload], driver: str) -> None:
    options = {"threads": 1, "memory": "64MiB", "driver": driver, "direct": "off"}
    run = workload(evaluation=2, epochs=2, ringquet=options)
    outcomes = play(run, 2)
    for rank, outcome in enumerate(outcomes):
        document = json.loads((Path(run.output) / f"{rank}_ringquet.json").read_text())
        assert document["command"] == "dlio" and document["rank"] == rank and document["ranks"] == 2
        assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 2]
        for epoch in document["epochs"]:
            train, evaluation = epoch["train"], epoch["eval"]
            assert (train["steps"], train["expected_steps"], train["files"]) == (6, 6, 2)
            assert evaluation["files"] == 1
            assert train["engine"]["rows"] == 600 and train["engine"]["decoded_bytes"] == 600 * 24
            assert train["engine"]["driver"]["name"] == driver and train["engine"]["driver"]["threads"] == 1
            assert train["touched_bytes"] == 600 * 24
            causes = train["time_by_cause"]
            assert all(seconds >= 0 for seconds in causes.values()) and sum(causes.values()) <= train["seconds"] + 1e-3
    assert not list(Path(run.output).glob("*.part"))
    log = "\n".join(outcomes[0].log)
    assert "ringquet.dlio.RingquetDataLoader" in log and "2 columns" in log and f"driver {driver}" in log
    assert not any("ringquet" in line for line in outcomes[1].log), "rank 0 speaks for all"


def test_ranks_of_a_host_share_its_cpus(workload: Callable[..., Workload]) -> None:
    import os

    run = workload(read_threads=64)
    outcomes = play(run, 2)
    cpus = len(os.sched_getaffinity(0))
    documents = [json.loads((Path(run.output) / f"{rank}_ringquet.json").read_text()) for rank in range(2)]
    of_ranks = [document["epochs"][0]["train"]["engine"]["driver"]["cpus"] for document in documents]
    assert all(outcome.error is None for outcome in outcomes)
    if cpus >= 2:
        assert not set(of_ranks[0]) & set(of_ranks[1])
        assert sum(map(len, of_ranks)) == cpus


def _memory(rank: int, phase: str, epoch: int, step: int, batch: dict[str, Any]) -> int | None:
    if step > 0:
        return None
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_stays_flat_over_20_epochs(workload: Callable[..., Workload]) -> None:
    [outcome] = play(workload(files=8, epochs=20, ringquet={"memory": "32MiB"}, look=_memory))
    resident = [bytes for bytes in outcome.seen if bytes is not None]
    assert len(resident) == 20
    assert max(resident[10:]) <= max(resident[3:10]) + (8 << 20)
