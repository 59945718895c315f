"""PyArrow as the peer of the decode bench: one thread, the file in memory, all columns asked for to Arrow.

Reads commands from stdin, one a line: `open PATH [column,column…]`, then any number of `pass`, each answered with the
seconds that one full decode took.
"""
import mmap
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

pa.set_cpu_count(1)
pa.set_io_thread_count(1)
data = None
columns = None
for line in sys.stdin:
    words = line.split()
    if words[0] == "open":
        with open(words[1], "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            # On huge pages, as the other contenders have it.
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            file.readinto(memory)
            data = pa.py_buffer(memory)
        columns = words[2].split(",") if len(words) > 2 else None
        print("ready", pa.__version__, flush=True)
    elif words[0] == "pass":
        begun = time.perf_counter()
        table = pq.ParquetFile(pa.BufferReader(data)).read(columns=columns, use_threads=False)
        seconds = time.perf_counter() - begun
        del table
        print(seconds, flush=True)
