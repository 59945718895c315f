"""Batches of tensors for PyTorch.

```python
from torch.utils.data import DataLoader
from ringquet.torch import BatchDataset

dataset = BatchDataset("data/", batch_size=8192, columns=["id", "emb"], shuffle="row_groups", seed=7)
for batch in DataLoader(dataset, batch_size=None, num_workers=0):
    ...  # batch["emb"]: a tensor of 8192 rows
```

Reader threads of the engine take the place of worker processes: `num_workers=0` is the fast way. A batch is a dict of
tensors by column:

| column | in the batch |
|---|---|
| numbers, booleans | a tensor of `rows` elements; `float16` stays `float16` |
| dates, times | a tensor of their integers, in the unit of the column |
| fixed-size lists of numbers | a tensor of `rows` × `length`, nested ones of more dimensions |
| lists | `Jagged(values, offsets)`; with `lists="nested"` a nested tensor; with `lists="dense"` as fixed-size lists |
| strings, binaries | a list of `bytes`, `None` where null |
| structs | a dict by field |

Nulls in tensors are refused unless `fill` says what to put in their place.

Tensors share the memory of the batch, and torch does not know that it is read-only: an operation in place (`add_`) on such a
tensor changes what others see of the batch. Use `clone()` first, or `copy=True`. A batch that goes to an accelerator is
copied on its way in any case; `DataLoader(…, pin_memory=True)` copies too.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
import torch.distributed
from torch.utils.data import IterableDataset, get_worker_info

import ringquet

__all__ = ["BatchDataset", "Jagged"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Fill: TypeAlias = int | float | bool | Mapping[str, int | float | bool] | None

STATE_VERSION = 1


class Jagged(NamedTuple):
    """Lists of different lengths: row `n` is `values[offsets[n]:offsets[n + 1]]`."""

    values: Any
    """The elements of all lists, one after the other: what a column of them would be."""
    offsets: torch.Tensor
    """Where each list begins, and at the end the number of elements: one more than there are rows, from 0."""


class BatchDataset(IterableDataset[dict[str, Any]]):
    """Batches of a Parquet data set as dicts of tensors.

    Which rows are in which batch is a function of the files, `seed`, the number of the epoch, `batch_size` and the ranks alone:
    any number of reader threads gives the same batches, and a pass can be resumed at any batch.

    Every rank gets the same number of rows, and so of batches: `len(dataset)`. Fewer rows than there are ranks are left out.

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
        self._paths = paths
        self._columns = None if columns is None else list(columns)
        self._order = {
            "batch_size": batch_size,
            "drop_last": drop_last,
            "shuffle": shuffle,
            "window": window,
            "seed": seed,
        }
        self._shard = None if rank is None or world_size is None else (rank, world_size)
        self._lists, self._fill, self._copy = lists, fill, copy
        self._threads, self._options = threads, options
        self._epoch = 0
        # Rows that the consumer has of the epoch; those of a loaded state until the pass that continues it has given a batch.
        self._rows = 0
        self._is_loaded = False
        self._dataset: ringquet.Dataset | None = None
        # Wrong arguments are errors here, not in a worker or at the first batch.
        len(self)

    @property
    def dataset(self) -> ringquet.Dataset:
        """The files, opened in this process."""
        if self._dataset is None:
            threads = self._threads
            info = get_worker_info()
            if info is not None:
                available = len(os.sched_getaffinity(0)) if threads is None else threads
                threads = max(1, available // info.num_workers)
            self._dataset = ringquet.open(
                self._paths, columns=self._columns, threads=threads, **self._options
            )
        return self._dataset

    @property
    def epoch(self) -> int:
        """The number of the epoch that is being read, or that the next pass reads."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Sets the number of the epoch that the next pass reads, from its beginning.

        Passes count by themselves: this is for those that start amid a training. The number of a state that was loaded, given
        again, keeps the place within the epoch.
        """
        if epoch < 0:
            raise ValueError(f"`epoch` {epoch}: must not be negative")
        if epoch != self._epoch or not self._is_loaded:
            self._epoch, self._rows, self._is_loaded = epoch, 0, False

    def __len__(self) -> int:
        """Batches of an epoch, of this rank: the same for every rank."""
        rank, world_size = self._rank()
        return self._epoch_of(0, rank, world_size, 0, 1).num_batches_of_rank

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """A pass over the rest of the epoch, if a state was loaded, else over all of it.

        Nothing is read before the first batch is asked for. A pass that is read to its end makes the next one the next epoch.
        """
        return self._batches()

    def _batches(self) -> Iterator[dict[str, Any]]:
        number, done = self._epoch, self._rows if self._is_loaded else 0
        epoch = self._epoch_of(number, *self._rank(), *self._worker())
        tensors = _Tensors(self.dataset.schema, self._lists, self._fill, self._copy)
        batches = epoch.batches(done)
        try:
            for batch in batches:
                done += len(batch)
                found = tensors.of_batch(batch)
                # What is asked for between two batches is the place behind the first.
                self._epoch, self._rows, self._is_loaded = number, done, False
                yield found
        finally:
            batches.close()
        # Also where nothing was left of the epoch. Another pass may have gone on to another one meanwhile.
        if self._epoch == number:
            self._epoch, self._rows, self._is_loaded = number + 1, 0, False

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
        return 0, 1

    def _worker(self) -> tuple[int, int]:
        info = get_worker_info()
        if info is None:
            return 0, 1
        if info.id == 0:
            warnings.warn(
                f"ringquet reads with threads of its own: {info.num_workers} worker processes copy every batch "
                "between processes. num_workers=0 is faster.",
                stacklevel=3,
            )
        return info.id, info.num_workers

    def state_dict(self) -> dict[str, int | str]:
        """The place behind the last batch that was given, for `load_state_dict` of a dataset with the same arguments."""
        rank, world_size = self._rank()
        info = get_worker_info()
        order = {name: "none" if value is None else value for name, value in self._order.items()}
        return {
            "version": STATE_VERSION,
            "fingerprint": self.dataset.fingerprint,
            "epoch": self._epoch,
            "rows": self._rows,
            **{name: int(value) if isinstance(value, bool) else value for name, value in order.items()},
            "rank": rank,
            "world_size": world_size,
            "worker": 0 if info is None else info.id,
            "workers": 1 if info is None else info.num_workers,
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
        # A place that the epoch does not have is an error here.
        self._epoch_of(epoch, *self._rank(), *self._worker_quietly()).batches(rows)
        self._epoch, self._rows, self._is_loaded = epoch, rows, True

    def _worker_quietly(self) -> tuple[int, int]:
        info = get_worker_info()
        return (0, 1) if info is None else (info.id, info.num_workers)

    def __getstate__(self) -> dict[str, Any]:
        """Paths, arguments and the place: the files are opened again where this is unpickled."""
        state = self.__dict__.copy()
        state["_dataset"] = None
        # In a worker process torch.distributed is not initialised.
        state["_shard"] = self._rank()
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
        found = {}
        for at, capsule in enumerate(batch.dlpack_capsules()):
            if capsule is not None and self._are_tensors[at]:
                tensor = torch.from_dlpack(capsule)
                found[self._names[at]] = tensor.clone() if self._copy else tensor
            else:
                found[self._names[at]] = self._of_column(batch.column(at), self._fills[at])
        return found

    def _of_column(self, column: ringquet.Column, fill: int | float | bool | None) -> Any:
        kind = column.kind
        if kind == "bytes":
            return column.to_bytes()
        if kind == "struct":
            return {name: self._of_column(field, fill) for name, field in column.fields.items()}
        if fill is not None and kind != "other":
            column = column.fill_null(fill)
        if kind == "list":
            if self._lists == "dense":
                return self._tensor(column.dense())
            values = self._of_column(column.values, fill)
            offsets = self._tensor(column.offsets)
            if self._lists == "nested" and isinstance(values, torch.Tensor):
                return torch.nested.nested_tensor_from_jagged(values, offsets)
            return Jagged(values, offsets)
        return self._tensor(column)

    def _tensor(self, column: ringquet.Column) -> torch.Tensor:
        tensor: torch.Tensor = torch.from_dlpack(column)
        return tensor.clone() if self._copy else tensor
