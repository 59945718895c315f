"""Batches of tensors for PyTorch.

```python
from torch.utils.data import DataLoader
from ringquet.torch import BatchDataset

dataset = BatchDataset("data/", batch_size=8192, columns=["id", "emb"], shuffle="row_groups", seed=7)
for batch in DataLoader(dataset, batch_size=None, num_workers=0):
    ...  # batch["emb"]: a tensor of 8192 rows
```

Reader threads of the engine take the place of worker processes: `num_workers=0` is the fast way, and `batch_size=None` says that
the data set makes the batches. A batch is a dict of tensors by column:

| column | in the batch |
|---|---|
| numbers, booleans | a tensor of `rows` elements; `float16` stays `float16` |
| dates, times | a tensor of their integers, in the unit of the column |
| fixed-size lists of numbers | a tensor of `rows` × `length`, nested ones of more dimensions |
| lists of numbers | `Jagged(values, offsets)`; with `lists="nested"` a nested tensor; with `lists="dense"` as fixed-size lists |
| other lists, maps | `Jagged(values, offsets)`, whose values are as in this table; a map has structs of key and value |
| strings, binaries | a list of `bytes`, `None` where null |
| structs | a dict by field |
| decimals | refused: leave them out with `columns`, or cast them with an Arrow library |

Nulls in tensors and null lists are refused unless `fill` says what to put in place of nulls. A list that is null is then empty, a
fixed-size list that is null has `fill` in each place.

Tensors share the memory of the batch, and torch does not know that it is read-only: an operation in place (`add_`) on such a
tensor changes what others see of the batch. Use `clone()` first, or `copy=True`. A batch that goes to an accelerator is
copied on its way in any case; `DataLoader(…, pin_memory=True)` copies too.

**Epochs.** A pass that was read to its last batch makes the next one the next epoch, which is shuffled anew. A pass that was left
before makes the next one begin the same epoch again. `set_epoch` sets the number.

**Resuming.** `state_dict()` of the data set is the place behind the last batch. After `load_state_dict(state)` the next pass gives
the batches that would have followed. `StatefulDataLoader` of torchdata calls both; with `num_workers=0` nothing else is needed.

**Worker processes.** With `num_workers` above 0 each worker opens the files, reads its own part of the batches of the rank, and
sends them to the main process; the order of batches is another one than with `num_workers=0`. Start them with
`multiprocessing_context="spawn"` or `"forkserver"`: a forked worker raises an error that says so. The epoch of the main process
does not advance by itself then: call `set_epoch` before each pass, or every pass reads epoch 0. It reaches `persistent_workers`
too. The place is that of the workers, so states are those of a `StatefulDataLoader` with as many workers, not those of the data
set. Each worker has a memory limit of its own, the option `memory`.
"""

from __future__ import annotations

import multiprocessing.context
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
import torch.distributed
from torch.utils.data import IterableDataset, get_worker_info
from torch.utils.dlpack import from_dlpack

import ringquet

__all__ = ["BatchDataset", "Jagged"]

Path: TypeAlias = str | bytes | os.PathLike[str]
Fill: TypeAlias = int | float | bool | Mapping[str, int | float | bool] | None

STATE_VERSION = 1


class Jagged(NamedTuple):
    """Lists of different lengths: row `n` is `values[offsets[n]:offsets[n + 1]]`."""

    values: Any
    """The elements of all lists, one after the other: what a column of them would be."""
    offsets: torch.Tensor
    """Where each list begins, and at the end the number of elements: one more than there are rows, from 0."""


@dataclass(frozen=True)
class _Place:
    """Where the newest pass is, or the next one begins."""

    epoch: int
    rows: int = 0
    """Rows of the epoch that this worker gave."""
    is_loaded: bool = False
    """The next pass begins here: no pass has given a batch since the place was loaded."""
    is_complete: bool = False
    """There is no batch behind it, and a pass gave the last one."""
    worker: tuple[int, int] = (0, 1)
    """The worker whose rows these are, of how many, if the place was loaded."""


class BatchDataset(IterableDataset[dict[str, Any]]):
    """Batches of a Parquet data set as dicts of tensors.

    Which rows are in which batch is a function of the files, `seed`, the number of the epoch, `batch_size` and the ranks alone:
    any number of reader threads gives the same batches, and a pass can be resumed at any batch.

    Every rank gets the same number of rows, and so of batches: `len(dataset)`. Fewer rows than there are ranks are left out.

    A pickle has the paths, the arguments and the place. It belongs to the same files: where others are found, reading raises
    `FileChangedError`. In the process that unpickles it, rank and world are that of `torch.distributed` if it is initialised
    there, else those of the process that pickled it.

    Args:
        paths: A file, a directory that is searched for `*.parquet`, or several of them.
        batch_size: Rows of a batch. The last batch of an epoch has the rest.
        columns: Names of the columns to read; by default all.
        drop_last: Leave out a last batch of fewer rows.
        shuffle: `None` for the order of the files, `"row_groups"` to shuffle the row groups, `"rows"` to shuffle the row groups
            and then the rows of each `window` row groups among one another.
        window: Row groups whose rows are mixed, for `"rows"`. That many decoded row groups are in memory, and up to as many
            that follow.
        seed: Decides the order, together with the number of the epoch.
        rank: Of this process; by default that of `torch.distributed` if it is initialised, else 0.
        world_size: Ranks; by default that of `torch.distributed` if it is initialised, else 1.
        lists: What becomes of lists: `"jagged"`, `"nested"` or `"dense"`. `"dense"` raises where lengths differ.
        fill: What to put in place of nulls: one number for all columns, or a dict by column.
        copy: Give tensors memory of their own, which operations in place may change.
        threads: Reader threads; by default one for each CPU near the device, shared by the workers of a DataLoader.
        options: Further keyword arguments of `ringquet.open`: `direct`, `memory`, `driver` and others.

    Raises:
        FileNotFoundError: A path does not exist, or a directory has no Parquet file.
        ValueError: An argument is wrong, or a file has no such column.
        SchemaError: The columns of two files differ.
    """

    def __init__(
        self,
        paths: Path | Sequence[Path],
        batch_size: int,
        *,
        columns: Sequence[str] | None = None,
        drop_last: bool = False,
        shuffle: Literal["row_groups", "rows"] | None = None,
        window: int = 16,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        lists: Literal["jagged", "nested", "dense"] = "jagged",
        fill: Fill = None,
        copy: bool = False,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if lists not in ("jagged", "nested", "dense"):
            raise ValueError(f"`lists` {lists!r}: expected 'jagged', 'nested' or 'dense'")
        if (rank is None) != (world_size is None):
            raise ValueError("`rank` and `world_size` are given together or not at all")
        self._paths: Path | list[Path]
        if isinstance(paths, str | bytes | os.PathLike):
            self._paths = paths
        else:
            self._paths = list(paths)
        self._columns = None if columns is None else list(columns)
        self._order: dict[str, Any] = {
            "batch_size": batch_size,
            "drop_last": drop_last,
            "shuffle": shuffle,
            "window": window,
            "seed": seed,
        }
        for name, value in {**self._order, "rank": rank, "world_size": world_size}.items():
            bits = 64 if name in ("batch_size", "seed") else 32
            if isinstance(value, int) and not 0 <= value < 1 << bits:
                raise ValueError(f"`{name}` {value}: expected 0 to 2^{bits} - 1")
        self._shard = None if rank is None or world_size is None else (rank, world_size)
        # Rank and world of the process that pickled this one.
        self._pickled_shard: tuple[int, int] | None = None
        self._lists, self._fill, self._copy = lists, fill, copy
        self._threads, self._options = threads, options
        self._place = _Place(epoch=0)
        self._dataset: ringquet.Dataset | None = None
        self._fingerprint: str | None = None
        # In memory that worker processes share: the number that `set_epoch` was given last, and how often it was called.
        self._epoch_for_workers: torch.Tensor | None = None
        self._set_epoch_calls = 0
        # Wrong arguments are errors here, not in a worker or at the first batch.
        len(self)
        self._tensors()

    @property
    def dataset(self) -> ringquet.Dataset:
        """The files, opened in this process."""
        if self._dataset is None:
            threads = self._threads
            info = get_worker_info()
            if info is not None:
                available = len(os.sched_getaffinity(0)) if threads is None else threads
                threads = max(1, available // info.num_workers)
            opened = ringquet.open(
                self._paths, columns=self._columns, threads=threads, **self._options
            )
            if self._fingerprint not in (None, opened.fingerprint):
                raise ringquet.FileChangedError(
                    f"{self._paths!r}: these are not the files that the BatchDataset had when it was pickled: "
                    f"fingerprint {opened.fingerprint}, expected {self._fingerprint}"
                )
            self._dataset, self._fingerprint = opened, opened.fingerprint
        return self._dataset

    @property
    def epoch(self) -> int:
        """The number of the epoch that is being read, or that the next pass reads."""
        return self._place.epoch

    def set_epoch(self, epoch: int) -> None:
        """Sets the number of the epoch that the next pass reads, from its beginning.

        Passes of this process count by themselves: this is for trainings that begin at another epoch, and for worker processes.
        The number of a state that was loaded, given again, keeps the place within the epoch. A pass that is being read goes
        on, and no longer moves the place.
        """
        if epoch < 0:
            raise ValueError(f"`epoch` {epoch}: must not be negative")
        self._set_epoch_calls += 1
        if self._epoch_for_workers is not None:
            self._epoch_for_workers[0], self._epoch_for_workers[1] = epoch, self._set_epoch_calls
        self._begin_epoch(epoch)

    def _begin_epoch(self, epoch: int) -> None:
        if not (self._place.is_loaded and self._place.epoch == epoch):
            self._place = _Place(epoch)

    def __len__(self) -> int:
        """Batches of an epoch, of this rank: the same for every rank."""
        rank, world_size = self._rank()
        return self._epoch_of(0, rank, world_size, 0, 1).num_batches_of_rank

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """A pass over the rest of the epoch, if a state was loaded, else over all of it.

        Nothing is read before the first batch is asked for. What `state_dict` returns follows the newest pass.
        """
        if get_worker_info() is not None:
            self._take_epoch_of_main_process()
        if self._place.is_complete:
            self._place = _Place(self._place.epoch + 1)
        elif not self._place.is_loaded:
            self._place = _Place(self._place.epoch)
        return self._batches()

    def _batches(self) -> Iterator[dict[str, Any]]:
        newest = self._place
        number, done = newest.epoch, newest.rows
        if newest.is_complete or not newest.is_loaded:
            # Another pass has moved the place since `iter`.
            number, done = number + newest.is_complete, 0
        elif newest.worker != self._worker():
            raise ValueError(
                "the state that was loaded is not one of this worker process: load it into a StatefulDataLoader that has as many "
                "workers as the one that it was taken of, or use num_workers=0"
            )
        self._warn_of_workers()
        epoch = self._epoch_of(number, *self._rank(), *self._worker())
        tensors = self._tensors()
        batches = epoch.batches(done)
        try:
            for batch in batches:
                done += len(batch)
                found = tensors.of_batch(batch)
                # What is asked for between two batches is the place behind the first.
                if self._place is newest:
                    newest = _Place(number, done, is_complete=done == epoch.num_rows)
                    self._place = newest
                yield found
        finally:
            batches.close()
        # Also where nothing was left of the epoch. A worker stays there until the next pass: a state in which it is at its end
        # and others are not has to continue with nothing in this worker.
        if self._place is newest:
            is_worker = get_worker_info() is not None
            self._place = _Place(number, done, is_complete=True) if is_worker else _Place(number + 1)

    def _tensors(self) -> _Tensors:
        return _Tensors(self.dataset.schema, self._lists, self._fill, self._copy)

    def _epoch_of(
        self, number: int, rank: int, world_size: int, worker: int, workers: int
    ) -> ringquet.Epoch:
        return self.dataset.epoch(
            number,
            rank=rank,
            world_size=world_size,
            worker=worker,
            workers=workers,
            **self._order,
        )

    def _rank(self) -> tuple[int, int]:
        if self._shard is not None:
            return self._shard
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return self._pickled_shard or (0, 1)

    def _worker(self) -> tuple[int, int]:
        info = get_worker_info()
        return (0, 1) if info is None else (info.id, info.num_workers)

    def _warn_of_workers(self) -> None:
        worker, workers = self._worker()
        if get_worker_info() is not None and worker == 0:
            warnings.warn(
                f"ringquet reads with threads of its own: {workers} worker processes copy every batch between processes. "
                "num_workers=0 is faster.",
                stacklevel=3,
            )

    def _take_epoch_of_main_process(self) -> None:
        if self._epoch_for_workers is None:
            return
        epoch, calls = self._epoch_for_workers.tolist()
        if calls != self._set_epoch_calls:
            self._begin_epoch(epoch)
            self._set_epoch_calls = calls

    def state_dict(self) -> dict[str, int | str]:
        """The place behind the last batch that was given, for `load_state_dict` of a dataset with the same arguments."""
        rank, world_size = self._rank()
        worker, workers = self._worker()
        order = {name: "none" if value is None else value for name, value in self._order.items()}
        return {
            "version": STATE_VERSION,
            "fingerprint": self.dataset.fingerprint,
            "epoch": self._place.epoch,
            "rows": self._place.rows,
            **{name: int(value) if isinstance(value, bool) else value for name, value in order.items()},
            "rank": rank,
            "world_size": world_size,
            "worker": worker,
            "workers": workers,
        }

    def load_state_dict(self, state: Mapping[str, int | str]) -> None:
        """Makes the next pass go on where a state was taken, with exactly the batches that would have followed.

        Raises:
            ValueError: The state is of other files or other arguments; the text names which.
        """
        expected = self.state_dict()
        missing = expected.keys() - state.keys()
        if missing:
            raise ValueError(f"the state has no {', '.join(sorted(missing))}: it is not one of a BatchDataset")
        differing = [
            f"{name} was {state[name]!r} and is {expected[name]!r}"
            for name in expected
            if name not in ("epoch", "rows") and state[name] != expected[name]
        ]
        if differing:
            raise ValueError(f"the state does not fit this BatchDataset: {'; '.join(differing)}")
        epoch, rows = int(state["epoch"]), int(state["rows"])
        if min(epoch, rows) < 0:
            raise ValueError(f"the state has a negative number: epoch {epoch}, rows {rows}")
        # A place that the epoch does not have is an error here.
        self._epoch_of(epoch, *self._rank(), *self._worker()).batches(rows)
        self._place = _Place(epoch, rows, is_loaded=True, worker=self._worker())

    def __getstate__(self) -> dict[str, Any]:
        """Paths, arguments and the place: the files are opened again where this is unpickled."""
        state = self.__dict__.copy()
        state["_dataset"] = None
        # In a worker process torch.distributed is not initialised.
        state["_pickled_shard"] = self._rank() if self._shard is None else None
        if multiprocessing.context.get_spawning_popen() is None:
            state["_epoch_for_workers"] = None
        else:
            if self._epoch_for_workers is None:
                now = torch.tensor([self._place.epoch, self._set_epoch_calls])
                self._epoch_for_workers = now.share_memory_()  # type: ignore[no-untyped-call]
            state["_epoch_for_workers"] = self._epoch_for_workers
        return state

    def __repr__(self) -> str:
        order = ", ".join(f"{name}={value!r}" for name, value in self._order.items())
        return f"BatchDataset({self._paths!r}, {order})"


_TENSOR_KINDS = ("number", "boolean", "fixed_size_list")


class _Tensors:
    """Makes tensors of the columns of batches."""

    def __init__(self, schema: ringquet.Schema, lists: str, fill: Fill, copy: bool) -> None:
        self._names = list(schema.names)
        self._lists, self._copy = lists, copy
        # Which columns are tensors if they have no nulls: known with the first batch.
        self._are_tensors: list[bool] | None = None
        if isinstance(fill, Mapping):
            unknown = fill.keys() - set(self._names)
            if unknown:
                raise ValueError(f"`fill`: there is no column {', '.join(sorted(unknown))}")
            self._fills = [fill.get(name) for name in self._names]
        else:
            self._fills = [fill] * len(self._names)

    def of_batch(self, batch: ringquet.Batch) -> dict[str, Any]:
        if self._are_tensors is None:
            kinds = [batch.column(at).kind for at in range(batch.num_columns)]
            self._are_tensors = [kind in _TENSOR_KINDS for kind in kinds]
        found: dict[str, Any] = {}
        for at, capsule in enumerate(batch.dlpack_capsules()):
            name = self._names[at]
            if capsule is not None and self._are_tensors[at]:
                tensor = from_dlpack(capsule)
                found[name] = tensor.clone() if self._copy else tensor
                continue
            try:
                found[name] = self._of_column(batch.column(at), self._fills[at])
            except (BufferError, OverflowError, TypeError, ValueError) as error:
                error.add_note(f"column {name!r} of a BatchDataset; `fill` replaces nulls, `columns` can leave it out")
                raise
        return found

    def _of_column(self, column: ringquet.Column, fill: int | float | bool | None) -> Any:
        kind = column.kind
        if kind == "bytes":
            return column.to_bytes()
        if kind == "struct":
            return {name: self._of_column(field, fill) for name, field in column.fields.items()}
        if fill is not None and kind != "other":
            column = column.fill_null(fill)
        kinds = _kinds(column)
        if kinds[-1] not in ("bytes", "struct"):
            if "list" not in kinds:
                return self._tensor(column)
            if self._lists == "dense":
                return self._tensor(column.dense())
        values = self._of_column(column.values, fill)
        if kind == "list":
            offsets = self._tensor(column.offsets)
        else:
            rows, length, *_ = column.shape
            offsets = torch.arange(rows + 1) * length
        if self._lists == "nested" and isinstance(values, torch.Tensor) and not values.is_nested:
            return torch.nested.nested_tensor_from_jagged(values, offsets)
        return Jagged(values, offsets)

    def _tensor(self, column: ringquet.Column) -> torch.Tensor:
        tensor: torch.Tensor = from_dlpack(column)
        return tensor.clone() if self._copy else tensor


def _kinds(column: ringquet.Column) -> list[str]:
    """The kind of a column, those of the lists within, and that of their values."""
    kinds: list[str] = [column.kind]
    while kinds[-1] in ("list", "fixed_size_list"):
        column = column.values
        kinds.append(column.kind)
    return kinds
