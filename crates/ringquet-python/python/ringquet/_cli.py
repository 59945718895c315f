"""The command `ringquet`: `[project.scripts]` and `python -m ringquet` run `main`."""

import os
import signal
import sys
from types import FrameType
from typing import Final

from ringquet._native import run_cli

# The signals that end the binary, after it has cleaned up.
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Standard input, output and error are 0, 1 and 2.
_STANDARD_ERROR: Final = 2


class _Signalled(BaseException):
    """A signal arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> int:
    """Runs the command line in `sys.argv` and returns its exit code."""
    _open_standard_descriptors()
    for number in _SIGNALS:
        # nohup ignores SIGHUP, and a shell ignores SIGINT for what runs in the background.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise)
    try:
        return run_cli(sys.argv)
    except _Signalled as signalled:
        # The command has nothing to clean up, or this is the second signal: end as without a handler.
        signal.signal(signalled.number, signal.SIG_DFL)
        signal.raise_signal(signalled.number)
        raise


def _raise(number: int, _: FrameType | None) -> None:
    raise _Signalled(number)


def _open_standard_descriptors() -> None:
    """Opens /dev/null in place of closed ones, or the next file that is opened would get the messages."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
