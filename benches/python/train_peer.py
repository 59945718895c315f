"""PyArrow as the peer of the train bench: how many rows per second come out of a Python reader.

    python train_peer.py DIR SECONDS THREADS [COLUMN,COLUMN...]

The kinder form: DLIO's reader slices and counts every sample in Python, this loop reads whole row groups and touches
nothing. THREADS threads of one process each take the next row group (PyArrow lets go of the interpreter's lock while it
decodes), files are read into the page cache, opened and their footers parsed before the clock runs, and no accelerator
or barrier takes any time. Passes go on until SECONDS have gone by.
"""
import json
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

directory, wanted_seconds, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
columns = sys.argv[4].split(",") if len(sys.argv) > 4 else None
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
paths = sorted(Path(directory).glob("*.parquet"))
for path in paths:
    with open(path, "rb", buffering=0) as file:
        while file.read(16 << 20):
            pass
footers = [pq.read_metadata(path) for path in paths]
units = [(path, footer, group)
         for path, footer in zip(paths, footers) for group in range(footer.num_row_groups)]
lock = threading.Lock()
taken = 0
rows = decoded_bytes = 0


def read():
    """Row groups until the time is up; a pass that has begun is not finished: rates do not need it."""
    global taken, rows, decoded_bytes
    open_file, open_path = None, None
    while time.perf_counter() < until:
        with lock:
            path, footer, group = units[taken % len(units)]
            taken += 1
        if path != open_path:
            open_file, open_path = pq.ParquetFile(path, metadata=footer), path
        table = open_file.read_row_group(group, columns=columns, use_threads=False)
        with lock:
            rows += table.num_rows
            decoded_bytes += table.nbytes


begun = time.perf_counter()
until = begun + wanted_seconds
workers = [threading.Thread(target=read) for _ in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
seconds = time.perf_counter() - begun
print(json.dumps({"pyarrow": pa.__version__, "rows": rows, "seconds": seconds, "decoded_bytes": decoded_bytes}))
