"""A data source for Ray Data.

```python
import ray
from ringquet.ray import RingquetDatasource

ds = ray.data.read_datasource(RingquetDatasource("data/", columns=["id", "emb"]))
```

Row groups are the parts of a read task. Ray decides how many tasks there are, never more than there are row groups; each task
reads neighbouring row groups, of about as many bytes as the others. Rows are counted and sizes estimated from the footers, before
anything is read. `select_columns` and `limit` read less: columns that are not selected are not read, and a task ends after as
many rows as are wanted.

The footers are read once, where the data source is made. A task has paths, row groups and names of columns. It opens the files
where it runs, so they have the same paths on all nodes. A file that has changed since is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow  # type: ignore[import-untyped]
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

import ringquet

if TYPE_CHECKING:
    from ray.data.context import DataContext

__all__ = ["RingquetDatasource"]

Path: TypeAlias = str | bytes | os.PathLike[str]


class RingquetDatasource(Datasource):
    """Parquet files for `ray.data.read_datasource`.

    Args:
        paths: A file, a directory that is searched for `*.parquet`, or several of them. All nodes find them there.
        columns: Names of the columns to read, in this order; by default all.
        threads: Reader threads of a task; by default as many as Ray gives it CPUs, which is one unless
            `read_datasource(…, num_cpus=…)` says more.
        options: Further keyword arguments of `ringquet.open`: `direct`, `memory`, `driver` and others. `memory` is that of each
            task: by default 192 MiB for each thread, or 32 MiB without O_DIRECT, which Ray does not know of.

    Raises:
        FileNotFoundError: A path does not exist, or a directory has no Parquet file.
        ValueError: An argument is wrong, or a file has no such column.
        SchemaError: The columns of two files differ.
    """

    def __init__(
        self,
        paths: Path | Sequence[Path],
        *,
        columns: Sequence[str] | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # The base class has methods for it, and does not set it.
        self._projection_map: dict[str, str] | None = None
        if columns is not None:
            self._projection_map = {name: name for name in columns}
        dataset = ringquet.open(paths, columns=columns, threads=threads, **options)
        self._options: dict[str, Any] = options | {"threads": threads}
        self._schema = pyarrow.schema(dataset.schema)
        self._column_bytes = dict(zip(dataset.schema.names, dataset.column_bytes, strict=True))
        sizes = {path: os.stat(path).st_size for path in dataset.files}
        self._parts = [
            _Part(os.path.abspath(part.path), sizes[part.path], part.row_group, part.num_rows, part.decoded_bytes)
            for part in dataset.row_groups
            if part.num_rows > 0
        ]

    def supports_projection_pushdown(self) -> bool:
        """Columns that are not selected are not read."""
        return True

    def estimate_inmemory_data_size(self) -> int:
        """About how many bytes the selected columns of all rows have."""
        return sum(self._column_bytes[name] for name in self._columns())

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """Tasks of neighbouring row groups. Reads nothing.

        Args:
            parallelism: Tasks that Ray asks for. There are fewer where there are fewer row groups.
            per_task_row_limit: Rows after which a task ends.
            data_context: Not used.
        """
        columns = self._columns()
        schema = pyarrow.schema([self._schema.field(name) for name in columns], self._schema.metadata)
        all_bytes = sum(self._column_bytes.values())
        share = self.estimate_inmemory_data_size() / all_bytes if all_bytes else 0.0
        tasks = []
        for parts in _balanced(self._parts, parallelism) or [[]]:
            metadata = BlockMetadata(
                num_rows=sum(part.num_rows for part in parts),
                size_bytes=int(sum(part.decoded_bytes for part in parts) * share),
                exec_stats=None,
                input_files=tuple(dict.fromkeys(part.path for part in parts)),
            )
            read = _Read(tuple(parts), schema, self._options)
            tasks.append(ReadTask(read, metadata, schema=schema, per_task_row_limit=per_task_row_limit))
        return tasks

    def _columns(self) -> list[str]:
        """The selected columns, in their order."""
        names: list[str] | None = self._get_data_columns()
        return list(self._column_bytes) if names is None else names


@dataclass(frozen=True)
class _Part:
    """A row group that has rows."""

    path: str
    file_bytes: int
    row_group: int
    num_rows: int
    decoded_bytes: int


def _balanced(parts: list[_Part], count: int) -> list[list[_Part]]:
    """The parts in `count` runs of about as many bytes each, in fewer if there are fewer parts."""
    count = max(1, min(count, len(parts)))
    runs: list[list[_Part]] = []
    at, left = 0, sum(part.decoded_bytes for part in parts)
    for others in range(count - 1, -1, -1):
        first, size, wanted = at, 0, left / (others + 1)
        # Each of the others has a part at least; a part goes where the larger half of it fits.
        while at < len(parts) - others and (at == first or size + parts[at].decoded_bytes / 2 <= wanted or others == 0):
            size += parts[at].decoded_bytes
            at += 1
        if at > first:
            runs.append(parts[first:at])
        left -= size
    return runs


@dataclass(frozen=True)
class _Read:
    """What a task does: reads row groups as tables."""

    # Ray asks for the name of what a task calls.
    __name__ = "read_row_groups"

    parts: tuple[_Part, ...]
    schema: pyarrow.Schema
    options: dict[str, Any]

    def __call__(self) -> Iterator[pyarrow.Table]:
        if not self.parts:
            yield self.schema.empty_table()
            return
        files = list(dict.fromkeys(part.path for part in self.parts))
        options = self.options | {"threads": self.options["threads"] or _cpus_of_task()}
        dataset = ringquet.open(files, columns=self.schema.names, **options)
        with dataset.scan(row_groups=self._numbers(dataset)) as scan:
            for batch in scan:
                yield self._table(batch)

    def _numbers(self, dataset: ringquet.Dataset) -> list[int]:
        """The numbers that the row groups have in the data set of the task."""
        found = {(group.path, group.row_group): group for group in dataset.row_groups}
        numbers = []
        for part in self.parts:
            group = found.get((part.path, part.row_group))
            size = os.stat(part.path).st_size
            if group is None or group.num_rows != part.num_rows or size != part.file_bytes:
                error = ringquet.FileChangedError(f"{part.path}: the file changed after the data source was made")
                error.path, error.row_group = part.path, part.row_group
                raise error
            numbers.append(group.number)
        return numbers

    def _table(self, batch: ringquet.Batch) -> pyarrow.Table:
        if not self.schema.names:
            # Ray drops this column again. A table without columns would lose the number of its rows.
            from ray.data._internal.arrow_block import _BATCH_SIZE_PRESERVING_STUB_COL_NAME as STUB

            return pyarrow.table({STUB: pyarrow.nulls(len(batch))})
        # In the order that is asked for: batches have that of the file.
        return pyarrow.table(batch).select(self.schema.names)


def _cpus_of_task() -> int:
    """CPUs that Ray gives to the task that runs this; one where this is no task."""
    if not ray.is_initialized():
        return 1
    context = ray.get_runtime_context()
    if context.worker.mode != ray.WORKER_MODE:
        return 1
    resources: dict[str, float] = context.get_assigned_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))
