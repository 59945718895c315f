"""PyArrow as the peer of the datagen bench: writes a table with its defaults, one process per core.

    python datagen_peer.py COLUMNS.json DIR PROCESSES FILES ROWS ROW_GROUP_SIZE

COLUMNS.json is a list of {"name", "dtype", "size"}. Every process makes a random table of ROWS rows once, says that it
is ready, and at each line `pass` on stdin writes FILES files of it, as the real benchmark does with `write_table`:
dictionaries, statistics, no compression, through the page cache, no fsync. The answer is the seconds from the first
start to the last end, and the bytes of all files. Making the table is not counted. `end` or the end of stdin ends it.
"""
import json
import multiprocessing
import os
import sys
import time

import numpy
import pyarrow as pa
import pyarrow.parquet as pq


def table_of(columns, rows, seed):
    random = numpy.random.default_rng(seed)
    arrays = []
    for column in columns:
        kind = numpy.dtype(column["dtype"])
        count = rows * column["size"]
        values = numpy.frombuffer(random.bytes(count * kind.itemsize), dtype=kind)
        array = pa.array(values)
        if column["size"] > 1:
            array = pa.FixedSizeListArray.from_arrays(array, column["size"])
        arrays.append(array)
    return pa.table(arrays, names=[column["name"] for column in columns])


def work(process, columns, folder, files, rows, row_group_size, commands, answers):
    pa.set_cpu_count(1)
    table = table_of(columns, rows, process + 1)
    paths = [os.path.join(folder, f"pyarrow_{process}_{n}.parquet") for n in range(files)]
    answers.put(None)
    while commands.get():
        begun = time.monotonic()
        for path in paths:
            pq.write_table(table, path, row_group_size=row_group_size, compression="none")
        ended = time.monotonic()
        written = sum(os.path.getsize(path) for path in paths)
        for path in paths:
            os.remove(path)
        answers.put((begun, ended, written))


def main():
    spec, folder = sys.argv[1:3]
    processes, files, rows, row_group_size = map(int, sys.argv[3:])
    with open(spec) as file:
        columns = json.load(file)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    commands = [context.Queue() for _ in range(processes)]
    workers = [
        context.Process(
            target=work,
            args=(n, columns, folder, files, rows, row_group_size, commands[n], answers),
            daemon=True,
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        answers.get()
    print("ready", pa.__version__, flush=True)
    for line in sys.stdin:
        if line.strip() != "pass":
            break
        for queue in commands:
            queue.put(True)
        told = [answers.get() for _ in workers]
        seconds = max(end for _, end, _ in told) - min(begin for begin, _, _ in told)
        print(seconds, sum(written for _, _, written in told), flush=True)
    for queue in commands:
        queue.put(False)


if __name__ == "__main__":
    main()
