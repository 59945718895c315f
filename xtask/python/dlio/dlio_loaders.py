"""Data loaders for DLIO beside which ours is run: one that does nothing, and one that decodes with PyArrow.

Where `RINGQUET_DLIO_CHECKSUMS` is set, the loader of PyArrow and ours write a checksum of every batch to a file of that folder,
so that it can be seen that both gave the same rows in the same order.
"""

import os
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dlio_benchmark.common.enumerations import DatasetType
from dlio_benchmark.data_loader.base_data_loader import BaseDataLoader

import ringquet.dlio


class _Counting(BaseDataLoader):
    """Gives as many batches as DLIO has steps."""

    def __init__(self, format_type, dataset_type, epoch_number):
        super().__init__(format_type, dataset_type, epoch_number, None)
        self.is_training = dataset_type is DatasetType.TRAIN

    def files(self):
        return self._args.file_list_train if self.is_training else self._args.file_list_eval

    def steps(self):
        args = self._args
        if not self.is_training:
            return min(args.total_samples_eval // self.batch_size, args.eval_steps)
        steps = min(args.total_samples_train // self.batch_size, args.training_steps)
        return min(steps, args.total_training_steps) if args.total_training_steps > 0 else steps

    def read(self):
        pass

    def finalize(self):
        pass


class NullLoader(_Counting):
    """Reads nothing: what DLIO's own loop allows."""

    def next(self):
        for _ in range(self.steps()):
            yield None


class ArrowLoader(_Counting):
    """Decodes whole row groups with PyArrow and its threads, only the columns that are read, and cuts batches of them."""

    def read(self):
        pa.set_cpu_count(max(1, min(self._args.read_threads, len(os.sched_getaffinity(0)))))

    def next(self):
        columns = [column["name"] for column in self._args.parquet_columns if column.get("read", True)] or None
        steps, rest = self.steps(), None
        for path in self.files():
            file = pq.ParquetFile(path)
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=columns, use_threads=True)
                rest = table if rest is None else pa.concat_tables([rest, table])
                while rest.num_rows >= self.batch_size:
                    if steps == 0:
                        return
                    steps -= 1
                    batch = rest.slice(0, self.batch_size)
                    rest = rest.slice(self.batch_size)
                    yield {name: _array(batch.column(name)) for name in batch.column_names}


def _array(column):
    column = pa.concat_arrays(column.chunks)
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    if pa.types.is_list(column.type):
        offsets = np.asarray(column.offsets)
        return column.flatten().to_numpy(zero_copy_only=False), offsets - offsets[0]
    return column.to_numpy(zero_copy_only=False)


def _checksum(value, sum=0):
    if isinstance(value, tuple):
        for part in value:
            sum = _checksum(part, sum)
        return sum
    array = np.ascontiguousarray(value)
    return zlib.crc32(array.view(np.uint8).reshape(-1), sum)


class _Checked:
    """Writes what each batch holds: a checksum by column, over its bytes."""

    def next(self):
        args, phase = self._args, "train" if self.dataset_type is DatasetType.TRAIN else "eval"
        folder = os.environ["RINGQUET_DLIO_CHECKSUMS"]
        with open(os.path.join(folder, f"{args.my_rank}_{phase}.txt"), "a") as file:
            for batch in super().next():
                sums = [f"{name}:{len(value[1]) - 1 if isinstance(value, tuple) else len(value)}:{_checksum(value):08x}"
                        for name, value in batch.items()]
                file.write(" ".join(sums) + "\n")
                file.flush()
                yield batch


class CheckedArrowLoader(_Checked, ArrowLoader):
    """PyArrow's, with checksums."""


class CheckedRingquetLoader(_Checked, ringquet.dlio.RingquetDataLoader):
    """Ours, with checksums."""
