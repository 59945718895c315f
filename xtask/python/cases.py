"""Checks ringquet against a folder of Parquet files with the values that are right for each.

    python cases.py --ringquet BINARY --scratch FOLDER [--uring auto] CASES

CASES holds `expected.json`, which says for each file what has to come of it; README.md beside it explains the keys. For every
entry this calls `cat -o`, `scan --digest` with each driver and each decoder, and `inspect`, and compares values, digests,
exit codes, peak memory and time. Prints one line for each case that fails, and ends with 1 if there is one.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import pyarrow
import pyarrow.ipc
import pyarrow.parquet

import case_values
from case_values import Wrong

# A call that takes longer hangs.
CALL_SECONDS_MAX = 600
# The memory of a scan is asked of a process that is small itself: what starts a program counts for it.
MEASURE = """
import json, os, sys, time
begun = time.monotonic()
child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - begun
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss, seconds]), file=sys.stderr)
"""
# "at most 3 times PyArrow with one thread, plus 2 s"
TIMES_PYARROW, PLUS_SECONDS = 3, 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ringquet", required=True, help="the binary")
    parser.add_argument("--scratch", required=True, type=pathlib.Path, help="for what is generated and written")
    parser.add_argument("--uring", default="uring", choices=["uring", "auto"], help="auto where io_uring may be refused")
    parser.add_argument("--only", action="append", metavar="WORD", help="only cases with this word in their name")
    parser.add_argument("cases", type=pathlib.Path, metavar="CASES")
    args = parser.parse_args()

    entries = json.loads((args.cases / "expected.json").read_text())
    passed = failed = 0
    for name, entry in entries.items():
        if args.only and not any(word in name for word in args.only):
            continue
        case = Case(args, name, entry)
        try:
            case.check()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a case, the others are looked at
            case.wrong.append(f"{type(error).__name__}: {error}")
        if case.wrong:
            failed += 1
            print(f"FAIL {name}: {'; '.join(case.wrong)}", flush=True)
        else:
            passed += 1
    print(f"{args.cases}: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


class Answer:
    """What a call left behind."""

    def __init__(self, code, stdout, stderr, peak_kib=None, seconds=None):
        self.code, self.stdout, self.stderr = code, stdout, stderr
        self.peak_kib, self.seconds = peak_kib, seconds

    def last_line(self):
        lines = self.stderr.strip().splitlines() or ["nothing on stderr"]
        return lines[-1][-300:]


class Case:
    """One entry of expected.json; `wrong` collects what is."""

    def __init__(self, args, name, entry):
        self.args, self.name, self.entry = args, name, entry
        self.path = args.cases / name
        self.wrong = []

    def check(self):
        if "generator" in self.entry:
            self.path = self.generate()
        if self.entry["expect"] == "refuse":
            return self.check_refused()
        if self.name.endswith("/"):
            return self.check_folder()
        cat, out = self.cat(self.path)
        if cat.code == 1 and self.entry.get("or_refuse"):
            return self.check_refused(needs_column=True)
        if cat.code != 0:
            self.wrong.append(f"cat ended with {cat.code}: {cat.last_line()}")
        else:
            self.attempt("cat", lambda: self.check_values([out]))
        out.unlink(missing_ok=True)
        self.check_scans()
        inspect = self.call("inspect", self.path)
        if inspect.code != 0:
            self.wrong.append(f"inspect ended with {inspect.code}: {inspect.last_line()}")

    def attempt(self, what, check):
        try:
            check()
        except Wrong as error:
            self.wrong.append(f"{what}: {error}")

    def generate(self):
        program = self.args.cases / "make_large.py"
        name = pathlib.Path(self.name).stem
        command = [sys.executable, "-B", str(program), str(self.args.scratch), name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return self.args.scratch / self.name

    def call(self, *words):
        command = [self.args.ringquet, *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=CALL_SECONDS_MAX
        )
        return self.looked_at(command, Answer(done.returncode, done.stdout, done.stderr))

    def measured(self, *words):
        command = [sys.executable, "-I", "-S", "-c", MEASURE, self.args.ringquet, *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=CALL_SECONDS_MAX
        )
        *said, facts = done.stderr.splitlines()
        code, peak_kib, seconds = json.loads(facts)
        return self.looked_at(command[5:], Answer(code, done.stdout, "\n".join(said), peak_kib, seconds))

    def looked_at(self, command, answer):
        """The answer, unless the program was ended by a signal or panicked."""
        if answer.code not in (0, 1) or "panicked" in answer.stderr:
            raise Wrong(f"`{' '.join(command[1:])}` ended with {answer.code}: {answer.last_line()}")
        return answer

    def cat(self, path):
        out = self.args.scratch / "out.arrow"
        out.unlink(missing_ok=True)
        return self.call("cat", path, "-o", out), out

    def check_refused(self, needs_column=False):
        calls = {"cat": self.cat(self.path)[0]}
        for what, options in self.ways():
            calls[what] = self.measured("scan", self.path, "--digest", *options)
        for what, answer in calls.items():
            if answer.code != 1:
                self.wrong.append(f"{what} ended with {answer.code}, it has to refuse the file")
            elif self.path.name not in answer.stderr:
                self.wrong.append(f"{what} does not name the file: {answer.last_line()}")
            elif needs_column and "column '" not in answer.stderr:
                self.wrong.append(f"{what} does not name the column: {answer.last_line()}")
            self.check_memory(what, answer)

    def check_folder(self):
        """The good files are read, the bad ones are named."""
        outs, bad = [], []
        for number, file in enumerate(sorted(self.path.glob("*.parquet"))):
            cat, out = self.cat(file)
            if cat.code == 0:
                outs.append(out.rename(out.with_name(f"{number}.arrow")))
            else:
                bad.append(file.name)
        self.attempt("cat of each file", lambda: self.check_values(outs))
        for out in outs:
            out.unlink()
        for what, answer in self.check_scans().items():
            for name in bad:
                if name not in answer.stderr:
                    self.wrong.append(f"{what} does not name {name}: {answer.last_line()}")

    def ways(self):
        yield "scan", ("--driver", self.args.uring)
        yield "scan --driver pread", ("--driver", "pread")
        yield "scan --decoder fallback", ("--decoder", "fallback")

    def check_scans(self):
        """Scans in every way; all must come to the same rows and digest."""
        answers, digests = {}, {}
        for what, options in self.ways():
            answer = self.measured("scan", self.path, "--digest", "--json", *options)
            answers[what] = answer
            self.check_memory(what, answer)
            if "fallback" in what and answer.code == 1 and self.entry.get("fallback_may_refuse"):
                continue
            if answer.code != self.entry.get("exit", 0):
                self.wrong.append(f"{what} ended with {answer.code}: {answer.last_line()}")
                continue
            document = json.loads(answer.stdout)
            if document.get("rows") != self.entry["rows"]:
                self.wrong.append(f"{what} has {document.get('rows')} rows, want {self.entry['rows']}")
            digests[what] = document.get("digest")
        if len(set(digests.values())) > 1:
            self.wrong.append(f"digests differ: {digests}")
        if "time" in self.entry:
            self.check_time(answers)
        return answers

    def check_memory(self, what, answer):
        bound = self.entry.get("memory_mb")
        if bound and answer.peak_kib is not None and answer.peak_kib * 1024 > bound * 1_000_000:
            self.wrong.append(f"{what} took {answer.peak_kib * 1024 / 1e6:.0f} MB, {bound} are allowed")

    def check_time(self, answers):
        begun = time.monotonic()
        pyarrow.parquet.read_table(self.path, use_threads=False)
        theirs = time.monotonic() - begun
        bound = TIMES_PYARROW * theirs + PLUS_SECONDS
        for what, answer in answers.items():
            if answer.seconds > bound:
                self.wrong.append(f"{what} took {answer.seconds:.1f} s, PyArrow {theirs:.1f} s")

    def check_values(self, outs):
        """Compares the Arrow files, one after the other, with what is expected."""
        expected = self.entry["values"]
        if isinstance(expected, str):
            with pyarrow.OSFile(str(self.args.cases / expected)) as source:
                expected = pyarrow.ipc.open_file(source).read_all()
        case_values.check(outs, self.entry["rows"], expected, has_other_form="also" in self.entry)


if __name__ == "__main__":
    main()
