"""The command `ringquet` of the wheel: exit codes, standard descriptors, and signals, which belong to the interpreter."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import ringquet

# The script of the wheel, and the module.
SCRIPT = [str(Path(sys.executable).with_name("ringquet"))]
MODULE = [sys.executable, "-m", "ringquet"]

WORKLOAD = """\
model: {name: cli}
framework: pytorch
workflow: {generate_data: true, train: true}
dataset:
  data_folder: data
  format: parquet
  num_files_train: 2
  num_samples_per_file: 2000
  parquet:
    row_group_size: 1000
    columns: [{name: a, dtype: int64}, {name: b, dtype: float32, size: 8}]
reader: {data_loader: pytorch, batch_size: 50, read_threads: 1}
train: {epochs: 1, computation_time: 1}
"""

# Of a signal until the process is gone. The best of several counts: other processes share the machine.
SIGNAL_SECONDS_MAX = 0.1
ATTEMPTS = 5

# More than any command here takes, even in a debug build.
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workload and its data set."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "w.yaml").write_text(WORKLOAD)
    done = run([*MODULE, "datagen", "w.yaml", "--quiet"], folder)
    assert done.returncode == 0, done.stderr
    return folder


def run(command: list[str], folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, **options
    )


@pytest.mark.parametrize("command", [SCRIPT, MODULE], ids=["script", "module"])
def test_version_and_exit_codes(command: list[str], folder: Path) -> None:
    done = run([*command, "--version"], folder)
    assert (done.returncode, done.stdout) == (0, f"ringquet {ringquet.__version__}\n")
    done = run([*command, "scan", "data", "--json"], folder)
    document = json.loads(done.stdout)
    assert (done.returncode, document["rows"]) == (0, 4000)
    assert Path(document["argv"][0]).name == "ringquet"
    assert document["argv"][1:] == ["scan", "data", "--json"]
    done = run([*command, "scan", "nowhere"], folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nowhere: No such file")
    done = run([*command, "scan"], folder)
    assert done.returncode == 2
    # Not the path of `__main__.py`.
    assert "Usage: ringquet scan" in done.stderr


def test_arguments_are_bytes(folder: Path) -> None:
    odd = os.fsencode(folder / "data") + b"-\xff"
    os.symlink(folder / "data", odd)
    done = subprocess.run([*map(os.fsencode, MODULE), b"scan", odd, b"--json"], capture_output=True)
    assert json.loads(done.stdout)["rows"] == 4000, done.stderr


def test_a_closed_standard_output_fails(folder: Path) -> None:
    done = run([*MODULE, "scan", "data", "--json"], folder, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: cannot write to standard output: it is closed\n"


def test_no_file_gets_the_number_of_a_closed_descriptor(folder: Path) -> None:
    # A file that is written as descriptor 2 would hold the messages, too.
    code = """
import os, sys
from ringquet import _cli
def opened(args):
    os.write(int(args[1]), str(os.open(".", os.O_RDONLY)).encode())
    return 0
_cli.run_cli = opened
_cli.main()
"""
    reader, writer = os.pipe()
    subprocess.run(
        [sys.executable, "-c", code, str(writer)],
        cwd=folder,
        pass_fds=[writer],
        preexec_fn=lambda: (os.close(0), os.close(1), os.close(2)),
        timeout=SECONDS_MAX,
    )
    assert int(os.read(reader, 9)) > 2
    os.close(reader)
    os.close(writer)


def test_a_reader_that_has_gone_is_no_error(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*MODULE, "man", "scan"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_stops_a_run_and_its_document_is_complete(folder: Path) -> None:
    line = "run w.yaml --accelerators 1 --results-dir results --json --quiet"
    seconds = []
    for number in [signal.SIGTERM, signal.SIGHUP] + ATTEMPTS * [signal.SIGINT]:
        child = start([*MODULE, *line.split()], folder)
        wait_until(child, (folder / "results").exists)
        time.sleep(0.2)
        passed, output, errors = end(child, number)
        assert child.returncode == 1, errors
        assert errors.startswith("error: interrupted"), errors
        assert json.loads(output)["complete"] is False
        seconds.append(passed)
        shutil.rmtree(folder / "results")
    assert min(seconds) < SIGNAL_SECONDS_MAX, seconds


def test_ctrl_c_ends_a_command_without_a_handler(folder: Path) -> None:
    seconds = []
    for _ in range(ATTEMPTS):
        reader, writer = full_pipe()
        child = start([*MODULE, "man", "scan"], folder, stdout=writer)
        wait_until_blocked(child)
        passed, _, errors = end(child, signal.SIGINT)
        # As the binary: by the signal, without a word.
        assert (child.returncode, errors) == (-signal.SIGINT, "")
        seconds.append(passed)
        os.close(reader)
        os.close(writer)
    assert min(seconds) < SIGNAL_SECONDS_MAX, seconds


def test_the_second_ctrl_c_ends_a_command_that_hangs(folder: Path) -> None:
    reader, writer = full_pipe()
    child = start([*MODULE, "scan", "data", "--json"], folder, stdout=writer)
    wait_until_blocked(child)
    child.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.5)
    _, _, errors = end(child, signal.SIGINT)
    assert (child.returncode, errors) == (-signal.SIGINT, "")
    os.close(reader)
    os.close(writer)


def test_an_ignored_signal_stays_ignored(folder: Path) -> None:
    reader, writer = full_pipe()
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    child = start([*MODULE, "man", "scan"], folder, stdout=writer, preexec_fn=ignore)
    wait_until_blocked(child)
    child.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.3)
    end(child, signal.SIGINT)
    os.close(reader)
    os.close(writer)


def test_a_plain_import_does_not_load_the_command() -> None:
    code = "import sys, ringquet; sys.exit('ringquet._cli' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def start(command: list[str], folder: Path, **options: object) -> subprocess.Popen[str]:
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, **options)


def end(child: subprocess.Popen[str], number: int) -> tuple[float, str, str]:
    """Sends a signal; the seconds until the process is gone, and its output."""
    begun = time.monotonic()
    child.send_signal(number)
    child.wait(timeout=SECONDS_MAX)
    passed = time.monotonic() - begun
    output, errors = child.communicate()
    return passed, output, errors


def wait_until(child: subprocess.Popen[str], holds: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not holds():
        assert child.poll() is None, f"it ended by itself: {child.communicate()}"
        assert time.monotonic() - begun < SECONDS_MAX
        time.sleep(0.005)


def full_pipe() -> tuple[int, int]:
    """A pipe whose next writer waits."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(4096))
    return reader, writer


def wait_until_blocked(child: subprocess.Popen[str]) -> None:
    """Until a thread of the process waits in `write` to standard output."""

    def is_blocked() -> bool:
        for task in Path(f"/proc/{child.pid}/task").iterdir():
            # A thread that has ended meanwhile waits for nothing.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # `NUMBER 0xFIRST …`: the number of write differs between architectures, the descriptor does not.
                call = (task / "syscall").read_text().split()
                if len(call) > 2 and call[1] == "0x1":
                    return True
        return False

    wait_until(child, is_blocked)
