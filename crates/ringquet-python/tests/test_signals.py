"""Ctrl-C takes effect within 100 ms, wherever the program is."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

#: What is allowed: 100 ms, and what a loaded machine needs to notice it.
SECONDS_MAX = 1.0

PROLOGUE = """
import os, signal, sys, threading, time
import pyarrow as pa
import ringquet

def ready():
    print("ready", flush=True)

def run_on():
    # Python raises between two bytecodes.
    for _ in range(500):
        time.sleep(0.01)

path = sys.argv[1]
"""

#: Ends the program with the time that passed between the signal and its effect.
EPILOGUE = """
try:
    work()
    print("it came to its end", flush=True)
except KeyboardInterrupt:
    print("KeyboardInterrupt", flush=True)
"""


def interrupted(path: Path, code: str, ready_after: float = 0.3) -> tuple[float, str]:
    """Runs ``code``, sends SIGINT some time after it is ready, and returns the time until it ends and what it printed."""
    program = PROLOGUE + textwrap.dedent(code) + EPILOGUE
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()
        time.sleep(ready_after)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        seconds = time.monotonic() - sent
        rest, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    return seconds, line + rest + errors


def check(path: Path, code: str) -> None:
    seconds, output = interrupted(path, code)
    assert output.startswith("KeyboardInterrupt"), output
    assert seconds < SECONDS_MAX, f"after {seconds:.3f} s"


@pytest.fixture(scope="module")
def endless(large: Path) -> Path:
    return large


def test_iterating(endless: Path) -> None:
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path)
            ready()
            while True:
                for batch in dataset.scan(batch_rows=100):
                    pass
        """,
    )


def test_a_list_of_batches(endless: Path) -> None:
    """One call of C, in which no bytecode runs between batches."""
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path)
            ready()
            list(dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 1_000, columns=["id", "text"], batch_rows=50))
        """,
    )


def test_a_table(endless: Path) -> None:
    """One call of PyArrow, which reads the whole stream without the GIL."""
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path)
            scan = dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 1_000, columns=["id", "text"], batch_rows=50)
            ready()
            try:
                pa.table(scan)
            except OSError as error:
                assert "interrupted" in str(error), error
            run_on()
        """,
    )


def test_polars(endless: Path) -> None:
    """Reads with the GIL held. DuckDB is left out: it handles signals itself, and drops the exception of the handler."""
    check(
        endless,
        """
        import polars
        def work():
            dataset = ringquet.open(path)
            scan = dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 1_000, columns=["id", "text"], batch_rows=50)
            ready()
            try:
                polars.DataFrame(scan)
            except Exception as error:
                print(repr(error), file=sys.stderr)
            run_on()
        """,
    )


def test_a_handler_of_the_program(endless: Path) -> None:
    """A handler that does not raise ends nothing; the exception of one that raises is that of the program, raised once."""
    check(
        endless,
        """
        count = 0
        class Stop(Exception):
            pass
        def handler(number, frame):
            global count
            count += 1
            raise Stop
        signal.signal(signal.SIGINT, handler)
        def work():
            dataset = ringquet.open(path)
            scan = dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 1_000, columns=["id", "text"], batch_rows=50)
            ready()
            try:
                try:
                    pa.table(scan)
                except OSError:
                    pass
                run_on()
            except Stop:
                assert count == 1, count
                raise KeyboardInterrupt
        """,
    )


def test_measuring(endless: Path) -> None:
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path)
            ready()
            while True:
                dataset.measure(threads=1)
        """,
    )


def test_taking(endless: Path) -> None:
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path, threads=1)
            rows = range(0, len(dataset), 100)
            ready()
            while True:
                dataset.take(rows)
        """,
    )


def test_opening_many_files(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    original = tmp_path / "0.parquet"
    pq.write_table(pa.table({f"column {n}": [n] for n in range(300)}), original)
    content = original.read_bytes()
    for number in range(1, 3_000):
        (tmp_path / f"{number}.parquet").write_bytes(content)
    check(
        tmp_path,
        """
        def work():
            ready()
            while True:
                ringquet.open(path, threads=1)
        """,
    )


def test_waiting_for_another_thread(endless: Path) -> None:
    """The main thread waits while another one has the scan's turn, or the GIL is busy."""
    check(
        endless,
        """
        def work():
            dataset = ringquet.open(path)
            scan = dataset.scan(row_groups=list(range(dataset.num_row_groups)) * 1_000, columns=["id"], batch_rows=50)
            threading.Thread(target=lambda: list(scan), daemon=True).start()
            ready()
            for batch in scan:
                pass
        """,
    )
