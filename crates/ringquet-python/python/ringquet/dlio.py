"""A data loader for DLIO, the benchmark inside MLPerf Storage: every value decoded, at the speed of the engine.

DLIO takes it by name, with the workload otherwise as published::

    dlio_benchmark workload=dlrm_b200 ++workload.dataset.data_folder=/data/dlrm \
        ++workload.reader.data_loader_classname=ringquet.dlio.RingquetDataLoader \
        ++workload.reader.data_loader_sampler=none

Each rank reads the files that DLIO gave it, in the order that DLIO computed for the epoch, as batches of ``reader.batch_size``
rows in a row. A batch is a dict of arrays by column:

=============================================  ====================================================
column                                         in the batch
=============================================  ====================================================
numbers, booleans                              an array of `rows` elements
fixed-size lists of numbers                    an array of `rows` × `length`
lists of numbers                               a pair of arrays: the values, and where each row begins
strings, binaries                              a list of ``bytes``
=============================================  ====================================================

Columns with ``read: false`` are not read. Nothing is read before DLIO's clock runs, and reading ends with the last step.

Options are below ``storage.storage_options.ringquet``, a map that DLIO passes on:

=============  ===========================================================================================
key            meaning
=============  ===========================================================================================
``threads``    Reader threads of each rank. By default ``reader.read_threads``, but no more than the CPUs
               that the rank has: the ranks of a host share those that it may use.
``direct``     ``auto``, ``on`` or ``off``: O_DIRECT. By default ``on`` with ``reader.odirect: true``, else ``off``.
``memory``     Memory limit of the reader threads of each rank, as for ``ringquet.open``.
``driver``     ``auto``, ``uring``, ``pread`` or ``mmap``.
``touch``      Read from every cache line of each batch, as ``ringquet run`` does. True by default.
=============  ===========================================================================================

Beside DLIO's files each rank writes ``N_ringquet.json``: what was read, what was decoded, what the device gave, and what took the
time. dlio.log says who reads and with what.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from dlio_benchmark.common.enumerations import DatasetType, FormatType
from dlio_benchmark.data_loader.base_data_loader import BaseDataLoader
from dlio_benchmark.utils.utility import DLIOMPI, utcnow

import ringquet

__all__ = ["RingquetDataLoader"]

OPTIONS = ("threads", "direct", "memory", "driver", "touch")

SECONDS_TO_END = 30.0
"""A rank that failed ends at the latest after this time, so that the launcher ends the others, which wait for it."""


class RingquetDataLoader(BaseDataLoader):  # type: ignore[misc,unused-ignore]
    """The data loader that DLIO makes for training and, once more, for evaluation.

    Args:
        format_type: DLIO's format: ``FormatType.PARQUET``.
        dataset_type: Training or evaluation data.
        epoch_number: Always 1: epochs are counted by the calls of ``next``.

    Raises:
        ValueError: The format is another one, or an option is wrong.
    """

    def __init__(self, format_type: Any, dataset_type: Any, epoch_number: int) -> None:
        super().__init__(format_type, dataset_type, epoch_number, None)
        if format_type != FormatType.PARQUET:
            raise ValueError(
                f"ringquet.dlio reads `dataset.format: parquet`, the workload has '{format_type}'. "
                "Remove `reader.data_loader_classname` to read it with DLIO's own loader."
            )
        self._options = _Options.of(self._args)
        self._is_training = dataset_type is DatasetType.TRAIN
        self._epoch = 0
        self._setting: _Setting | None = None
        self._passing: _Passing | None = None

    def read(self) -> None:
        """Finds out what this rank reads with. Reads nothing: the clock does not run yet."""
        self._setting = _Setting.agreed(self._options, self._args)
        if self._is_training and self._args.my_rank == 0:
            self.logger.output(f"{utcnow()} {self._setting.sentence(self._args.comm_size)}")

    def next(self) -> Iterator[dict[str, Any]]:
        """The batches of the next epoch of this rank: as many as DLIO has steps.

        Nothing is opened or read before the first batch is asked for. Behind the last one nothing is left to do.

        Raises:
            ringquet.RingquetError: A file is damaged, or has too little data; on every rank where that is seen at the beginning.
        """
        self._epoch += 1
        if self._setting is None:
            self.read()
        assert self._setting is not None
        steps = self._steps()
        failure: BaseException | None = None
        passing = None
        try:
            passing = _Passing(self._files(), steps, self.batch_size, self._args, self._setting)
        except Exception as error:
            failure = error
        # A rank that cannot begin would leave the others in DLIO's barrier for ever: all of them hear of it here.
        failures = _together(None if failure is None else f"rank {self._args.my_rank}: {failure}")
        first = next((text for text in failures if text is not None), None)
        if failure is not None:
            self._fail(failure)
            raise failure
        if first is not None:
            raise ringquet.RingquetError(f"another rank cannot read its data. {first}")
        assert passing is not None
        self._passing = passing
        # Where DLIO has all its steps it leaves here; reading is ended in `finalize`, when the clock no longer runs.
        try:
            yield from passing.batches()
        except (Exception, KeyboardInterrupt) as error:
            self._fail(error)
            raise

    def finalize(self) -> None:
        """Ends the reading of an epoch, and writes ``N_ringquet.json`` anew. DLIO calls it after each epoch."""
        passing, self._passing = self._passing, None
        if passing is None:
            return
        of_epoch = passing.end()
        phase = "train" if self._is_training else "eval"
        _record(self._args).add(self._epoch, phase, of_epoch)
        engine = of_epoch["engine"]
        if self._args.my_rank == 0 and engine is not None:
            driver = engine["driver"]
            self.logger.output(
                f"{utcnow()} ringquet epoch {self._epoch} [{phase}], rank 0: {of_epoch['steps']} batches, "
                f"{engine['read_bytes']} bytes read ({engine['device_read_bytes']} by the device), "
                f"{engine['decoded_bytes']} decoded; driver {driver['name']}, "
                f"{'O_DIRECT' if driver['direct'] else 'page cache'}, {driver['threads']} threads on CPUs {driver['cpus']}"
            )

    def _files(self) -> list[str]:
        return list(self._args.file_list_train if self._is_training else self._args.file_list_eval)

    def _steps(self) -> int:
        """Batches that DLIO will take: one more would be fetched and thrown away, one fewer would leave other ranks waiting."""
        args = self._args
        if self._is_training:
            steps = min(args.total_samples_train // self.batch_size, args.training_steps)
            return min(steps, args.total_training_steps) if args.total_training_steps > 0 else int(steps)
        return int(min(args.total_samples_eval // self.batch_size, args.eval_steps))

    def _fail(self, error: BaseException) -> None:
        """Makes sure that this process ends, whatever else waits in it: the launcher then ends the other ranks."""
        if self._args.comm_size == 1:
            return
        text = f"{utcnow()} rank {self._args.my_rank}: ringquet cannot go on: {type(error).__name__}: {error}"
        self.logger.error(text)
        print(text, file=sys.stderr, flush=True)
        timer = threading.Timer(SECONDS_TO_END, os._exit, [1])
        timer.daemon = True
        timer.start()


class _Options:
    """The map below ``storage.storage_options.ringquet``."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        unknown = [key for key in given if key not in OPTIONS]
        if unknown:
            raise ValueError(
                f"`storage.storage_options.ringquet`: there is no option {', '.join(map(repr, unknown))}; "
                f"there are {', '.join(OPTIONS)}"
            )
        self.threads: int | None = given.get("threads")
        self.direct: str | bool | None = given.get("direct")
        self.memory: str | int | None = given.get("memory")
        self.driver: str = given.get("driver") or "auto"
        self.touch: bool = given.get("touch", True)
        if self.threads is not None and (isinstance(self.threads, bool) or not isinstance(self.threads, int) or self.threads < 1):
            raise ValueError(f"`storage.storage_options.ringquet.threads` {self.threads!r}: expected a number from 1 on")
        if not isinstance(self.touch, bool):
            raise ValueError(f"`storage.storage_options.ringquet.touch` {self.touch!r}: expected true or false")

    @classmethod
    def of(cls, args: Any) -> _Options:
        """Those of a run; those of DLIO beside them are not ours."""
        given = (args.storage_options or {}).get("ringquet") or {}
        if not isinstance(given, Mapping):
            raise ValueError(f"`storage.storage_options.ringquet` {given!r}: expected a map of {', '.join(OPTIONS)}")
        return cls(given)


class _Setting:
    """What a rank reads with."""

    def __init__(self, options: _Options, args: Any, cpus: list[int], sharing: int) -> None:
        self.cpus = cpus
        self.sharing = sharing
        wanted = options.threads or max(1, args.read_threads)
        self.threads = wanted if options.threads else min(wanted, len(cpus))
        self.direct: str | bool = options.direct if options.direct is not None else bool(args.odirect)
        self.memory, self.driver, self.touch = options.memory, options.driver, options.touch
        columns = [column for column in args.parquet_columns if column.get("read", True)]
        self.columns = [column.get("name", "data") for column in columns] if columns else None

    @classmethod
    def agreed(cls, options: _Options, args: Any) -> _Setting:
        """The ranks of a host that may use the same CPUs share them; those that are bound to some keep to these."""
        allowed = sorted(os.sched_getaffinity(0))
        of_ranks = _together((os.uname().nodename, allowed))
        alike = [rank for rank, of_rank in enumerate(of_ranks) if of_rank == of_ranks[args.my_rank]]
        place = alike.index(args.my_rank)
        # More ranks than CPUs: some have the same one.
        cpus = allowed[place % len(allowed) :: len(alike)] or [allowed[place % len(allowed)]]
        return cls(options, args, cpus, len(alike))

    def sentence(self, ranks: int) -> str:
        """For dlio.log."""
        columns = "all columns" if self.columns is None else f"{len(self.columns)} columns"
        direct = ("on" if self.direct else "off") if isinstance(self.direct, bool) else self.direct
        return (
            f"ringquet {ringquet.__version__} reads and decodes {columns} (ringquet.dlio.RingquetDataLoader): {ranks} ranks, "
            f"{self.threads} reader threads of rank 0 on CPUs {','.join(map(str, self.cpus))} "
            f"(a set that {self.sharing} ranks share), "
            f"driver {self.driver}, O_DIRECT {direct}, touch {'on' if self.touch else 'off'}"
        )


class _Passing:
    """One epoch of a rank: the files, opened, and the time that each part took."""

    def __init__(self, files: list[str], steps: int, batch_size: int, args: Any, setting: _Setting) -> None:
        self.steps, self.done, self.files = steps, 0, len(files)
        self.touch = setting.touch
        self.touched_bytes = 0
        self.open_seconds = self.wait_seconds = self.array_seconds = self.touch_seconds = self.outside_seconds = 0.0
        self.begun = time.perf_counter()
        self.source: ringquet.EpochBatches | None = None
        self.names: list[str] = []
        if steps == 0:
            return
        dataset = ringquet.open(
            files,
            columns=setting.columns,
            threads=setting.threads,
            cpus=setting.cpus[: setting.threads] if setting.threads <= len(setting.cpus) else None,
            direct=setting.direct,  # type: ignore[arg-type]
            memory=setting.memory,
            driver=setting.driver,  # type: ignore[arg-type]
        )
        _check_rows(dataset, files, steps * batch_size, args.num_samples_per_file)
        self.names = list(dataset.schema.names)
        # A data set has its files sorted; DLIO has them in the order of the epoch.
        numbers = {path: number for number, path in enumerate(dataset.files)}
        order = [numbers[path] for path in files]
        self.source = dataset.epoch(0, batch_size=batch_size, drop_last=True, files=order).batches()
        self.open_seconds = time.perf_counter() - self.begun

    def batches(self) -> Iterator[dict[str, Any]]:
        """As many as there are steps."""
        now = time.perf_counter
        source = iter(self.source or ())
        arrays = _Arrays(self.names)
        ended = now()
        for step in range(self.steps):
            begun = now()
            if step > 0:
                self.outside_seconds += begun - ended
            batch = next(source, None)
            came = now()
            self.wait_seconds += came - begun
            if batch is None:
                # Files were counted when they were opened.
                raise ringquet.RingquetError(f"the data ended after {step} of {self.steps} batches")
            if self.touch:
                self.touched_bytes += batch.touch()
            touched = now()
            self.touch_seconds += touched - came
            found = arrays.of_batch(batch)
            del batch
            self.done += 1
            ended = now()
            self.array_seconds += ended - touched
            yield found

    def end(self) -> dict[str, Any]:
        """Ends reading. What the epoch was."""
        seconds = time.perf_counter() - self.begun
        engine = None
        if self.source is not None:
            self.source.close()
            engine = self.source.report() if self.done > 0 else None
            self.source = None
        return {
            "files": self.files,
            "steps": self.done,
            "expected_steps": self.steps,
            "seconds": seconds,
            "touched_bytes": self.touched_bytes,
            "time_by_cause": {
                "open_seconds": self.open_seconds,
                "batch_wait_seconds": self.wait_seconds,
                "touch_seconds": self.touch_seconds,
                "array_seconds": self.array_seconds,
                "dlio_seconds": self.outside_seconds,
            },
            "engine": engine,
        }


class _Capsule:
    """What NumPy asks for a tensor."""

    __slots__ = ("capsule",)

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: object) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class _Arrays:
    """Makes arrays of the columns of batches."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def of_batch(self, batch: ringquet.Batch) -> dict[str, Any]:
        from_dlpack = np.from_dlpack
        found: dict[str, Any] = {}
        for name, capsule in zip(self.names, batch.dlpack_capsules(), strict=True):
            found[name] = self.of_column(batch.column(name)) if capsule is None else from_dlpack(_Capsule(capsule))
        return found

    def of_column(self, column: ringquet.Column) -> Any:
        if column.kind == "bytes":
            return column.to_bytes()
        if column.kind == "list":
            return self.of_column(column.values), self.of_column(column.offsets)
        if column.kind == "struct":
            return {name: self.of_column(field) for name, field in column.fields.items()}
        return np.from_dlpack(column)


class _Record:
    """``N_ringquet.json`` of this process."""

    def __init__(self, args: Any) -> None:
        self.path = os.path.join(args.output_folder, f"{args.my_rank}_ringquet.json")
        self.header = {"rank": int(args.my_rank), "ranks": int(args.comm_size)}
        self.epochs: dict[int, dict[str, Any]] = {}
        self.document: dict[str, Any] = {}

    def add(self, epoch: int, phase: str, of_phase: dict[str, Any]) -> None:
        engine = of_phase["engine"]
        if engine is not None:
            for key in ("schema_version", "environment", "options"):
                self.document.setdefault(key, engine[key])
            # What is the same in each epoch is there once.
            own = ("schema_version", "command", "argv", "environment", "options")
            of_phase = {**of_phase, "engine": {key: value for key, value in engine.items() if key not in own}}
        self.epochs.setdefault(epoch, {"epoch": epoch})[phase] = of_phase
        document = {
            "schema_version": self.document.get("schema_version", 1),
            "command": "dlio",
            "loader": "ringquet.dlio.RingquetDataLoader",
            **self.header,
            **self.document,
            "epochs": list(self.epochs.values()),
        }
        unfinished = f"{self.path}.part"
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        os.replace(unfinished, self.path)


_records: dict[str, _Record] = {}


def _record(args: Any) -> _Record:
    """One for both data loaders of a run."""
    return _records.setdefault(args.output_folder, _Record(args))


def _together(own: Any) -> list[Any]:
    """What each rank has, by rank."""
    found: list[Any] = DLIOMPI.get_instance().comm().allgather(own)
    return found


def _check_rows(dataset: ringquet.Dataset, files: list[str], needed: int, expected: int) -> None:
    """Another number of rows than the workload states is another workload."""
    if dataset.num_rows == expected * len(files):
        return
    of_files: dict[str, int] = {}
    for row_group in dataset.row_groups:
        of_files[row_group.path] = of_files.get(row_group.path, 0) + row_group.num_rows
    path, rows = next(((path, rows) for path, rows in of_files.items() if rows != expected), (files[0], 0))
    raise ringquet.RingquetError(
        f"{path} has {rows} rows, `dataset.num_samples_per_file` is {expected}; the rank has {dataset.num_rows} rows in "
        f"{len(files)} files and needs {needed} for its steps. Generate the data with the workload that is run, or correct "
        "the workload."
    )
