"""Loaders of training data in Python, for the bench `python`: ours and its peers, each asked to make a pass.

    python loaders.py

Reads one JSON object per line and answers each with one. A loader is opened once and makes passes as often as it is asked to;
opening is outside of the clock, as it is for the scan that it is compared with. A pass ends with all rows as tensors, or as a
table, in this process. Nothing is done with them.

    {"do": "open", "name": "ours", "loader": "batch_dataset", "paths": [...], "columns": [...], "batch_size": 8192, "threads": 2, ...}
    {"do": "pass", "name": ...}     -> {"rows": 61440, "seconds": 0.12, "cpu_seconds": 0.2}
    {"do": "close", "name": ...}
"""

import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.dataset  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset, get_worker_info  # noqa: E402

import ringquet  # noqa: E402
import ringquet.torch  # noqa: E402

torch.set_num_threads(1)


def cpu_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class BatchDataset:
    """Ours, without a DataLoader, which without workers only takes each batch apart and puts it together again."""

    def __init__(self, paths, columns, batch_size, threads, direct, memory=None, shuffle=None, **_):
        self.dataset = ringquet.torch.BatchDataset(
            paths, batch_size, columns=columns, threads=threads, direct=direct, memory=memory, shuffle=shuffle
        )

    def rows(self):
        first = next(iter(self.dataset.dataset.schema.names))
        return sum(len(batch[first]) for batch in self.dataset)


class Table:
    """Ours as a whole table of PyArrow."""

    def __init__(self, paths, columns, threads, direct, **_):
        self.dataset = ringquet.open(paths, columns=columns, threads=threads, direct=direct)

    def rows(self):
        return pa.table(self.dataset.scan()).num_rows


class ReadTable:
    """PyArrow's whole table, with its threads."""

    def __init__(self, paths, columns, threads, **_):
        pa.set_cpu_count(threads)
        pa.set_io_thread_count(threads)
        self.paths, self.columns = paths, columns

    def rows(self):
        return pq.read_table(self.paths, columns=self.columns, use_threads=True).num_rows


def tensors(batch):
    """A record batch as tensors, without a copy where PyArrow can."""
    found = {}
    for name, column in zip(batch.schema.names, batch.columns):
        if pa.types.is_fixed_size_list(column.type):
            values = column.flatten().to_numpy(zero_copy_only=False)
            found[name] = torch.from_numpy(values.reshape(len(column), -1))
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            values = torch.from_numpy(column.flatten().to_numpy(zero_copy_only=False))
            found[name] = (values, torch.from_numpy(np.asarray(column.offsets)))
        else:
            found[name] = torch.from_numpy(column.to_numpy(zero_copy_only=False))
    return found


class ArrowFiles(IterableDataset):
    """Batches of PyArrow's reader for files, each worker with its files."""

    def __init__(self, paths, columns, batch_size, threads):
        self.paths, self.columns, self.batch_size, self.threads = paths, columns, batch_size, threads

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        pa.set_cpu_count(max(1, self.threads // workers))
        for path in self.paths[worker::workers]:
            file = pq.ParquetFile(path, memory_map=False)
            for batch in file.iter_batches(self.batch_size, columns=self.columns, use_threads=workers == 1):
                yield tensors(batch)


class ArrowScanner(IterableDataset):
    """Batches of PyArrow's scanner, which reads ahead with its threads."""

    def __init__(self, paths, columns, batch_size, threads):
        self.paths, self.columns, self.batch_size, self.threads = paths, columns, batch_size, threads

    def __iter__(self):
        pa.set_cpu_count(self.threads)
        source = pyarrow.dataset.dataset(self.paths, format="parquet")
        for batch in source.to_batches(columns=self.columns, batch_size=self.batch_size, use_threads=True):
            yield tensors(batch)


class ArrowLoader:
    """PyArrow's batches as tensors, through a DataLoader if there are workers."""

    def __init__(self, paths, columns, batch_size, threads, workers, scanner=False, **_):
        kind = ArrowScanner if scanner else ArrowFiles
        self.dataset, self.workers = kind(paths, columns, batch_size, threads), workers

    def rows(self):
        loader = self.dataset
        if self.workers > 0:
            loader = DataLoader(self.dataset, batch_size=None, num_workers=self.workers)
        rows = 0
        for batch in loader:
            first = next(iter(batch.values()))
            rows += len(first) if isinstance(first, torch.Tensor) else len(first[1]) - 1
        return rows


class HuggingFace:
    """The `datasets` library reading Parquet as a stream, as tensors."""

    def __init__(self, paths, columns, batch_size, **_):
        import datasets

        datasets.disable_progress_bars()
        options = {"columns": columns} if columns else {}
        stream = datasets.load_dataset("parquet", data_files=paths, split="train", streaming=True, **options)
        self.stream, self.batch_size = stream.with_format("torch"), batch_size

    def rows(self):
        return sum(len(next(iter(batch.values()))) for batch in self.stream.iter(self.batch_size))


class Resume:
    """Ours: from a loaded state to the first batch behind it."""

    def __init__(self, paths, columns, batch_size, threads, direct, shuffle, rows, **_):
        def dataset():
            return ringquet.torch.BatchDataset(
                paths, batch_size, columns=columns, threads=threads, direct=direct, shuffle=shuffle, seed=1
            )

        self.dataset = dataset
        self.state = {**dataset().state_dict(), "rows": rows // batch_size * batch_size}

    def rows(self):
        """Opening the files again is part of it: a job that is started again does."""
        resumed = self.dataset()
        resumed.load_state_dict(self.state)
        batches = iter(resumed)
        rows = len(next(iter(next(batches).values())))
        batches.close()
        return rows


LOADERS = {
    "batch_dataset": BatchDataset,
    "table": Table,
    "read_table": ReadTable,
    "arrow_loader": ArrowLoader,
    "hugging_face": HuggingFace,
    "resume": Resume,
}


def main():
    loaders = {}
    for line in sys.stdin:
        command = json.loads(line)
        do, name = command.pop("do"), command.pop("name")
        if do == "open":
            loaders[name] = LOADERS[command.pop("loader")](**command)
            answer = {"opened": name}
        elif do == "close":
            del loaders[name]
            answer = {"closed": name}
        else:
            loader, cpu, begun = loaders[name], cpu_seconds(), time.perf_counter()
            rows = loader.rows()
            seconds = time.perf_counter() - begun
            answer = {"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds() - cpu}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
