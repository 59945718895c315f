"""PyArrow as the peer of the decode bench: one thread, the file in memory, all columns asked for to Arrow.

Reads commands from stdin, one a line: `open PATH [column,column…]`, then any number of `pass`, each answered with the
seconds that one full decode took.
"""
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
            data = pa.py_buffer(file.read())
        columns = words[2].split(",") if len(words) > 2 else None
        print("ready", pa.__version__, flush=True)
    elif words[0] == "pass":
        begun = time.perf_counter()
        table = pq.ParquetFile(pa.BufferReader(data)).read(columns=columns, use_threads=False)
        seconds = time.perf_counter() - begun
        del table
        print(seconds, flush=True)
