"""Runs the real DLIO with its own reader, a loader that does nothing, one of PyArrow, and ours, and compares what came of it.

    python dlio_runs.py SOURCE SCRATCH compare CASE…      # small: steps, rows in their order, files of the output
    python dlio_runs.py SOURCE SCRATCH measure ROUNDS CASE…   # real shapes: samples per second and AU, medians, with their bars

A CASE is a JSON object: name, workload (a YAML file), data (its folder), overrides, ranks. Ends with 0 only if all of it holds.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 900
LOADERS = {
    "null": "dlio_loaders.NullLoader",
    "DLIO's own": None,
    "PyArrow": "dlio_loaders.ArrowLoader",
    "ringquet": "ringquet.dlio.RingquetDataLoader",
}


class Dlio:
    """A checkout of DLIO, and where its runs lie."""

    def __init__(self, source, scratch):
        self.source, self.scratch = Path(source).resolve(), Path(scratch).resolve()

    def words(self, case, **settings):
        """The command that plays a case with these settings of the workload."""
        config = self.scratch / "config" / "workload"
        config.mkdir(parents=True, exist_ok=True)
        # DLIO searches its own folder first: a name of ours is in neither.
        shutil.copy(case["workload"], config / f"xtask_{case['name']}.yaml")
        return [
            sys.executable, "-m", "dlio_benchmark.main", f"--config-dir={config.parent}", f"workload=xtask_{case['name']}",
            *(f"++workload.{word}" for word in case["overrides"]),
            *(f"++workload.{key.replace('__', '.')}={value}" for key, value in settings.items()),
        ]

    def run(self, case, loader, name, ranks, checksums=None):
        """One run. Its folder."""
        folder = self.scratch / f"{case['name']}-{ranks}-{name}".replace(" ", "_").replace("'", "")
        shutil.rmtree(folder, ignore_errors=True)
        settings = {"output__folder": folder, "workflow__generate_data": False, "dataset__data_folder": case["data"]}
        if loader is not None:
            settings |= {"reader__data_loader_classname": loader, "reader__data_loader_sampler": "none"}
        words = [*self.words(case, **settings), f"++hydra.run.dir={folder}", "++hydra.output_subdir=dlio_config"]
        if ranks > 1:
            mpirun = Path(sys.executable).parent / "mpirun"
            words = [str(mpirun), "-np", str(ranks), "--oversubscribe", "--bind-to", "none", *words]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{self.source}:{HERE}",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_mpi_yield_when_idle": "1" if ranks > (os.cpu_count() or 1) else "0",
        }
        if checksums is not None:
            shutil.rmtree(checksums, ignore_errors=True)
            checksums.mkdir(parents=True)
            environment["RINGQUET_DLIO_CHECKSUMS"] = str(checksums)
        log = self.scratch / f"{folder.name}.log"
        with open(log, "w") as file:
            ended = subprocess.run(words, cwd=self.scratch, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS)
        if ended.returncode != 0:
            print(log.read_text()[-3000:], file=sys.stderr)
            raise SystemExit(f"DLIO failed ({ended.returncode}): {log}")
        return folder

    def generate(self, case):
        """The data of a case as DLIO itself writes it."""
        data = self.scratch / "data" / case["name"]
        shutil.rmtree(data, ignore_errors=True)
        words = self.words(case, workflow__generate_data=True, workflow__train=False, dataset__data_folder=data)
        words.append(f"++hydra.run.dir={self.scratch}/generated")
        environment = {**os.environ, "PYTHONPATH": str(self.source)}
        subprocess.run(words, cwd=self.scratch, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)
        return str(data)


def load(folder, name):
    return json.loads((folder / name).read_text())


def outcome(folder, ranks):
    """What must be alike whoever reads: steps of each rank, epoch and phase; the keys of each file."""
    steps, keys = [], []
    for rank in range(ranks):
        output, stats = load(folder, f"{rank}_output.json"), load(folder, f"{rank}_per_epoch_stats.json")
        epochs = {number: epoch for number, epoch in output.items() if number.isdigit()}
        steps.append({number: {block: len(times) for block, times in epoch["load"].items()} for number, epoch in epochs.items()})
        keys.append((sorted(output), sorted(stats), [sorted(epoch) for epoch in epochs.values()]))
    keys.append(sorted(load(folder, "summary.json")))
    keys.append(sorted(load(folder, "summary.json")["metric"]))
    names = sorted(path.name for path in folder.iterdir() if not path.name.endswith("_ringquet.json"))
    return steps, keys, names


def fewer(steps, expected):
    """No rank, epoch and phase has more."""
    pairs = zip(steps, expected, strict=True)
    return all(
        blocks[block] <= wanted[number][block] for found, wanted in pairs for number, blocks in found.items() for block in blocks
    )


def numbers(folder):
    metric = load(folder, "summary.json")["metric"]
    return metric["train_throughput_mean_samples_per_second"], metric["train_au_mean_percentage"]


def show(rows):
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def compare(dlio, cases):
    rows, wrong = [("workload", "ranks", "loader", "steps", "samples/s", "AU %", "")], []
    for case in cases:
        if case.get("generate"):
            case["data"] = dlio.generate(case)
        for ranks in case["ranks"]:
            expected = None
            for name, loader in LOADERS.items():
                folder = dlio.run(case, loader, name, ranks)
                found = outcome(folder, ranks)
                # The steps that DLIO has; files and keys do not depend on who reads.
                expected = expected or found
                faults, remark = [], "as expected"
                for what, ours, theirs in zip(("steps", "keys", "files"), found, expected):
                    if ours != theirs:
                        faults.append(f"other {what}: {ours}, expected {theirs}")
                if loader is None and found[1:] == expected[1:] and fewer(found[0], expected[0]):
                    # Each of its workers drops the rows that are left over from its files.
                    faults, remark = [], "fewer steps than DLIO has: each worker drops a rest" if faults else remark
                if name == "ringquet":
                    log = (folder / "dlio.log").read_text()
                    if "ringquet.dlio.RingquetDataLoader" not in log:
                        faults.append("dlio.log does not say that ringquet read")
                    for rank in range(ranks):
                        faults += wrong_document(load(folder, f"{rank}_ringquet.json"), found[0][rank])
                samples, au = numbers(folder)
                first = next(iter(found[0][0].values()))
                rows.append((case["name"], ranks, name, first, f"{samples:.0f}", f"{au:.1f}", "; ".join(faults) or remark))
                wrong += faults
            sums = {}
            for name in ("Arrow", "Ringquet"):
                folder = dlio.scratch / "checksums" / name
                dlio.run(case, f"dlio_loaders.Checked{name}Loader", f"checked {name}", ranks, checksums=folder)
                sums[name] = {path.name: path.read_text() for path in folder.iterdir()}
            lines = sum(text.count("\n") for text in sums["Arrow"].values())
            same = sums["Arrow"] == sums["Ringquet"] and lines > 0
            verdict = f"{lines} batches, each column of each alike" if same else "other rows, or another order"
            rows.append((case["name"], ranks, "rows of ringquet and PyArrow", "", "", "", verdict))
            if not same:
                wrong.append(verdict)
    show(rows)
    return wrong


def wrong_document(document, steps):
    found = {str(epoch["epoch"]): epoch for epoch in document["epochs"]}
    faults = []
    for number, blocks in steps.items():
        train = found.get(number, {}).get("train", {})
        if train.get("steps") != blocks["block1"]:
            faults.append(f"N_ringquet.json: {train.get('steps')} steps in epoch {number}")
        elif not train["engine"]["decoded_bytes"] or train["touched_bytes"] == 0:
            faults.append(f"N_ringquet.json: nothing decoded in epoch {number}")
    return faults


def measure(dlio, rounds, cases):
    for case in cases:
        ranks = case["ranks"][0]
        loaders = {name: LOADERS[name] for name in case["loaders"]}
        samples, au = ({name: [] for name in [*loaders, "ringquet run"]} for _ in range(2))
        for _ in range(rounds):
            for name, loader in loaders.items():
                found = numbers(dlio.run(case, loader, name, ranks))
                samples[name].append(found[0])
                au[name].append(found[1])
            if case.get("run"):
                document = json.loads(subprocess.run(case["run"], check=True, capture_output=True, text=True).stdout)
                samples["ringquet run"].append(document["train"]["samples_per_second_mean"])
                au["ringquet run"].append(document["train"]["au_percent_mean"])
        rows = [(f"{case['name']}, ranks: {ranks}", "samples/s, median (least–most)", "AU %")]
        for name in samples:
            if samples[name]:
                all = samples[name]
                spread = f"{statistics.median(all):.0f} ({min(all):.0f}–{max(all):.0f})"
                rows.append((name, spread, f"{statistics.median(au[name]):.1f}"))
        show(rows)
        for what, peer, bar in case["bars"]:
            of = samples if what == "samples/s" else au
            ratio = statistics.median(ours / theirs for ours, theirs in zip(of["ringquet"], of[peer]))
            print(f"{what} ÷ {peer}: {ratio:.3f}  bar ≥ {bar}: {'met' if ratio >= bar else 'MISSED'}\n", flush=True)


def main():
    source, scratch, verb, *rest = sys.argv[1:]
    dlio = Dlio(source, scratch)
    dlio.scratch.mkdir(parents=True, exist_ok=True)
    if verb == "compare":
        wrong = compare(dlio, [json.loads(case) for case in rest])
        if wrong:
            raise SystemExit(f"{len(wrong)} of it do not hold: " + "; ".join(wrong))
    else:
        measure(dlio, int(rest[0]), [json.loads(case) for case in rest[1:]])


if __name__ == "__main__":
    main()
