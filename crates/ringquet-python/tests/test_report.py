"""Reports: the document of ``ringquet scan --json``."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import ringquet

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "scan.json"


def check(report: dict[str, object], rows: int) -> None:
    if importlib.util.find_spec("jsonschema"):
        import jsonschema

        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert report["command"] == "scan" and report["argv"] == []
    assert report["rows"] == rows and report["failures"] == []
    assert report["environment"]["ringquet_version"] == ringquet.__version__


def keys(value: object) -> object:
    """The keys of a document at every depth. Of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [keys(item) for item in value[:1]]
    return None


def test_keys_are_those_of_the_command_line(small: Path) -> None:
    command = [sys.executable, "-m", "ringquet", "scan", "--json", "--threads", "2", str(small)]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    scan = ringquet.open(small, threads=2).scan()
    for _ in scan:
        pass
    for report in [ringquet.open(small, threads=2).measure(), scan.report()]:
        assert list(report) == list(printed)
        left_out = {"argv", "warnings", "depth", "devices"}
        assert keys({key: report[key] for key in report if key not in left_out}) == keys(
            {key: printed[key] for key in printed if key not in left_out}
        )


def test_of_a_scan(small: Path) -> None:
    dataset = ringquet.open(small, threads=2)
    scan = dataset.scan(columns=["id"])
    with pytest.raises(ValueError, match="no report"):
        scan.report()
    next(scan)
    with pytest.raises(ValueError, match="no report"):
        scan.report()
    assert sum(len(batch) for batch in scan) == 14_000
    report = scan.report()
    check(report, 15_000)
    assert report["files"] == 3 and report["options"]["columns"] == ["id"]
    assert report["options"]["paths"] == [str(small)]
    assert report["options"]["strict"] and not report["options"]["raw"]
    assert scan.report() == scan.report() | {"environment": scan.report()["environment"]}


def test_of_a_stream(small: Path) -> None:
    scan = ringquet.open(small).scan()
    pa.table(scan)
    check(scan.report(), 15_000)


def test_of_a_scan_that_was_closed(large: Path) -> None:
    with ringquet.open(large).scan(columns=["emb"], memory="64MiB", threads=2) as scan:
        next(scan)
    report = scan.report()
    assert report["stopped"] and 0 < report["rows"] < 4 * 64_000


def test_of_the_newest_scan(small: Path) -> None:
    dataset = ringquet.open(small)
    with pytest.raises(ValueError, match="no scan"):
        dataset.report()
    list(dataset.scan(columns=["id"]))
    assert dataset.report()["options"]["columns"] == ["id"]
    unfinished = dataset.scan(columns=["text"])
    next(unfinished)
    assert dataset.report()["options"]["columns"] == ["id"]
    del unfinished
    assert dataset.report()["options"]["columns"] == ["text"]


def test_of_measuring(small: Path) -> None:
    dataset = ringquet.open(small)
    check(dataset.measure(), 15_000)
    check(dataset.measure(columns=["emb"], threads=1), 15_000)
    raw = dataset.measure(raw=True)
    assert raw["options"]["raw"] and raw["decoded_bytes"] == 0 and raw["read_bytes"] > 0


def test_texts_name_keywords(small: Path) -> None:
    text = json.dumps(ringquet.open(small).measure())
    assert "`memory_budget_bytes`" not in text
