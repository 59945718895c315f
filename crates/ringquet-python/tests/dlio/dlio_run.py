"""A run as DLIO makes it, without DLIO: the calls of a data loader in their order, by as many ranks as are wanted.

What stands in for DLIO is written from the description of its contract. The real one is run by ``cargo xtask dlio``.
"""

import math
import multiprocessing
import queue
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

STAND_IN = Path(__file__).parent / "stand_in"

SECONDS = 60
"""A rank that waits longer for the others hangs."""


@dataclass
class Workload:
    """What a run is made of."""

    train: list[str]
    output: str
    num_samples_per_file: int
    batch_size: int
    evaluation: list[str] = field(default_factory=list)
    batch_size_eval: int = 1
    epochs: int = 1
    columns: list[dict[str, Any]] = field(default_factory=list)
    file_shuffle: bool = True
    total_training_steps: int = -1
    seed: int = 123
    read_threads: int = 2
    odirect: bool = False
    ringquet: dict[str, Any] | None = None
    format: str = "PARQUET"
    #: What becomes of a batch: called with rank, phase, epoch, step and batch. Its results are in `Outcome.seen`.
    look: Callable[..., Any] | None = None
    #: Takes fewer batches than there are, as a run that is broken off.
    steps_taken: int | None = None


@dataclass
class Outcome:
    """What came of a rank."""

    steps: dict[str, list[int]]
    files: dict[str, list[list[str]]]
    seen: list[Any]
    log: list[str]
    error: str | None = None
    kind: str | None = None
    seconds_after_last_step: list[float] = field(default_factory=list)


class Comm:
    """The collectives that are used, over a list that processes share."""

    def __init__(self, rank: int, size: int, barrier: Any, shared: Any) -> None:
        self.rank, self.size = rank, size
        self._barrier, self._shared, self._calls = barrier, shared, 0

    def allgather(self, own: Any) -> list[Any]:
        self._calls += 1
        self._shared[self._calls, self.rank] = own
        self.barrier()
        return [self._shared[self._calls, rank] for rank in range(self.size)]

    def barrier(self) -> None:
        self._barrier.wait(SECONDS)


class Log:
    """Keeps lines instead of writing them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def output(self, text: str) -> None:
        self.lines.append(text)

    info = warning = error = output


class Run:
    """The run of one rank."""

    def __init__(self, workload: Workload, comm: Comm) -> None:
        from dlio_benchmark.utils.config import ConfigArguments
        from dlio_benchmark.utils.utility import DLIOMPI

        self.workload, self.comm, self.log = workload, comm, Log()
        DLIOMPI.install(comm)
        train, evaluation = (files[comm.rank :: comm.size] for files in (workload.train, workload.evaluation))
        options = None if workload.ringquet is None else {"ringquet": workload.ringquet}
        self.args = SimpleNamespace(
            logger=self.log,
            my_rank=comm.rank,
            comm_size=comm.size,
            output_folder=workload.output,
            file_list_train=train[: len(workload.train) // comm.size],
            file_list_eval=evaluation[: len(workload.evaluation) // comm.size],
            num_samples_per_file=workload.num_samples_per_file,
            batch_size=workload.batch_size,
            batch_size_eval=workload.batch_size_eval,
            total_training_steps=workload.total_training_steps,
            parquet_columns=workload.columns,
            read_threads=workload.read_threads,
            odirect=workload.odirect,
            storage_options=options,
        )
        self.count(math.ceil)
        ConfigArguments.install(self.args)
        self.outcome = Outcome(steps={"train": [], "eval": []}, files={"train": [], "eval": []}, seen=[], log=self.log.lines)

    def count(self, rounded: Callable[[float], int]) -> None:
        args = self.args
        args.total_samples_train = args.num_samples_per_file * len(args.file_list_train)
        args.total_samples_eval = args.num_samples_per_file * len(args.file_list_eval)
        steps = rounded(args.total_samples_train / args.batch_size), rounded(args.total_samples_eval / args.batch_size_eval)
        args.training_steps, args.eval_steps = (min(of_ranks) for of_ranks in zip(*self.comm.allgather(steps)))

    def reconfigure(self, epoch: int) -> None:
        """Deals the files anew: each rank shuffles its own, sends every one to another rank, and shuffles what it got."""
        if not self.workload.file_shuffle:
            return
        args, comm = self.args, self.comm
        for name in ("file_list_train", "file_list_eval"):
            files = list(getattr(args, name))
            np.random.seed(self.workload.seed + epoch)
            np.random.shuffle(files)
            buckets = [[] for _ in range(comm.size)]
            for number, path in enumerate(files):
                buckets[(number + comm.rank) % comm.size].append(path)
            received = [buckets[comm.rank] for buckets in comm.allgather(buckets)]
            files = [path for bucket in received for path in bucket]
            np.random.seed(self.workload.seed + epoch + 31 * comm.rank)
            np.random.shuffle(files)
            setattr(args, name, files)
        self.count(math.floor)

    def run(self) -> None:
        from dlio_benchmark.common.enumerations import DatasetType, FormatType
        from ringquet.dlio import RingquetDataLoader

        kind = FormatType[self.workload.format]
        self.reconfigure(1)
        train = RingquetDataLoader(kind, DatasetType.TRAIN, 1)
        evaluation = RingquetDataLoader(kind, DatasetType.VALID, 1)
        train.read()
        if self.workload.evaluation:
            evaluation.read()
        # DLIO would take its first batch before the clock runs.
        assert not hasattr(train, "_dataset")
        for epoch in range(1, self.workload.epochs + 1):
            self.comm.barrier()
            self.phase(train, "train", epoch)
            if self.workload.evaluation:
                self.phase(evaluation, "eval", epoch)
            self.reconfigure(epoch + 1)

    def phase(self, loader: Any, phase: str, epoch: int) -> None:
        args, workload = self.args, self.workload
        is_training = phase == "train"
        most = args.training_steps if is_training else args.eval_steps
        self.outcome.files[phase].append(list(args.file_list_train if is_training else args.file_list_eval))
        step = 0
        before = time.perf_counter()
        for batch in loader.next():
            if step >= most or (is_training and 0 < args.total_training_steps <= step):
                break
            if workload.look is not None:
                self.outcome.seen.append(workload.look(self.comm.rank, phase, epoch, step, batch))
            step += 1
            if is_training:
                self.comm.barrier()
            before = time.perf_counter()
            if step == workload.steps_taken:
                break
        self.outcome.seconds_after_last_step.append(time.perf_counter() - before)
        self.outcome.steps[phase].append(step)
        if is_training:
            self.comm.barrier()
        loader.finalize()


def _rank(rank: int, size: int, workload: Workload, barrier: Any, shared: Any, outcomes: Any) -> None:
    sys.path.insert(0, str(STAND_IN))
    run = Run(workload, Comm(rank, size, barrier, shared))
    try:
        run.run()
    except BaseException as error:
        traceback.print_exc()
        run.outcome.error, run.outcome.kind = str(error), type(error).__name__
        # As mpirun: the others do not go on without this one.
        barrier.abort()
    outcomes.put((rank, run.outcome))


def play(workload: Workload, ranks: int = 1) -> list[Outcome]:
    """Runs a workload. What came of it, by rank."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        shared, outcomes = manager.dict(), manager.Queue()
        barrier = context.Barrier(ranks)
        processes = [
            context.Process(target=_rank, args=(rank, ranks, workload, barrier, shared, outcomes)) for rank in range(ranks)
        ]
        for process in processes:
            process.start()
        try:
            found = dict(outcomes.get(timeout=2 * SECONDS) for _ in processes)
        except queue.Empty:
            raise AssertionError("a rank hangs") from None
        finally:
            for process in processes:
                process.join(SECONDS)
                process.kill()
    return [found[rank] for rank in range(ranks)]
