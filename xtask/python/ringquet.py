"""Calls the `ringquet` binary for the fork-compat programs."""

import pathlib
import subprocess
import tempfile

import pyarrow
import pyarrow.ipc


class RingquetFailed(Exception):
    """`ringquet` ended with an exit code other than 0; the message holds what it said."""


class Ringquet:
    """The binary, with a directory for the Arrow files that it writes."""

    def __init__(self, binary):
        self.binary = binary
        self.scratch = tempfile.TemporaryDirectory(prefix="ringquet-cat-")

    def decode(self, file):
        """What `ringquet cat FILE -o OUT.arrow` decodes, as a table that PyArrow has validated."""
        out = pathlib.Path(self.scratch.name) / "out.arrow"
        out.unlink(missing_ok=True)
        command = [self.binary, "cat", str(file), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            said = done.stderr.strip() or "nothing on stderr"
            raise RingquetFailed(f"{file}: `{' '.join(command)}` ended with {done.returncode}: {said}")
        # Into memory, not mapped: the next call writes over the file.
        with pyarrow.OSFile(str(out)) as source:
            table = pyarrow.ipc.open_file(source).read_all()
        table.validate(full=True)
        return table
