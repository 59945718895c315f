"""Work in a child of `os.fork`, with a limit of time."""

import os
import signal
import time
from collections.abc import Callable

import pytest


def in_child(work: Callable[[], None], seconds_max: float = 20) -> None:
    """Runs ``work`` in a child, which ends without Python's usual clean-up; fails if that raises, faults or hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, f"the child ended with status {status}"
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"the child hangs for {seconds_max} s")
