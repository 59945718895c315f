"""Exceptions: their classes, what they say, and where they are."""

import errno
import os
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ringquet
import tables
from test_arrow import damage


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "missing.parquet"
    for paths in [path, str(path), os.fsencode(path), [path]]:
        with pytest.raises(FileNotFoundError) as caught:
            ringquet.open(paths)
        assert caught.value.errno == errno.ENOENT
        assert caught.value.filename == str(path)
        assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"


def test_a_directory_without_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \*.parquet file"):
        ringquet.open(tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    path.chmod(0)
    with pytest.raises(PermissionError) as caught:
        ringquet.open(path)
    assert caught.value.filename == str(path)


def test_no_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe.parquet"
    os.mkfifo(path)
    with pytest.raises(OSError, match="FIFO") as caught:
        ringquet.open(path)
    assert caught.value.errno == errno.ESPIPE


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text " * 100, b"PAR1" + bytes(100) + b"\xff\0\0\0PAR1"])
def test_no_parquet_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(ringquet.CorruptFileError) as caught:
        ringquet.open(path)
    assert isinstance(caught.value, ringquet.RingquetError)
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.path) == (type(caught.value), str(caught.value), str(path))


def test_a_damaged_page(tmp_path: Path) -> None:
    tables.write_files(tmp_path, files=2, rows=3_000, row_group_rows=1_000)
    path = tmp_path / "0.parquet"
    damage(path)
    dataset = ringquet.open(tmp_path)
    scan = dataset.scan()
    with pytest.raises(ringquet.CorruptFileError) as caught:
        next(scan)
    error = caught.value
    assert (error.path, error.row_group, error.column, error.offset) == (str(path), 0, "id", 4)
    assert "column 'id', row group 0, at offset 4" in str(error)
    assert sum(len(batch) for batch in scan) == 3_000, "those of the other file follow"
    failures = scan.report()["failures"]
    assert [failure["path"] for failure in failures] == [str(path)]


def test_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"a": pa.array(range(10_000), pa.int64())})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\x01")
    assert pa.table(ringquet.open(path)).num_rows == 10_000
    with pytest.raises(ringquet.CorruptFileError, match="checksum"):
        list(ringquet.open(path, verify_crc=True).scan())


def test_a_file_that_changes(tmp_path: Path) -> None:
    tables.write_files(tmp_path, files=1, rows=3_000, row_group_rows=1_000)
    path = tmp_path / "0.parquet"
    dataset = ringquet.open(path)
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(ringquet.FileChangedError) as caught:
        list(dataset.scan())
    assert caught.value.path == str(path)


def test_files_of_several_schemas(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    dataset = ringquet.open(tmp_path)
    for use in [lambda: dataset.schema, dataset.scan, lambda: pa.table(dataset)]:
        with pytest.raises(ringquet.SchemaError, match="2.parquet: its column") as caught:
            use()
        assert caught.value.path == str(tmp_path / "2.parquet")
        assert "placed_batches" not in str(caught.value)


def test_a_column_that_is_not_there(small: Path) -> None:
    for use in [
        lambda: ringquet.open(small, columns=["embb"]),
        lambda: ringquet.open(small).scan(columns=["embb"]),
        lambda: ringquet.open(small / "0.parquet").measure(columns=["embb"]),
    ]:
        with pytest.raises(ValueError, match="no column 'embb' in the file; nearest: 'emb'"):
            use()


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"threads": 0}, ValueError, "`threads` 0: must be at least 1"),
        ({"threads": -1}, ValueError, "`threads` -1: must be at least 1"),
        ({"threads": "two"}, TypeError, "`threads`: expected an int"),
        ({"batch_rows": 0}, ValueError, "`batch_rows` 0"),
        ({"cpus": [100_000]}, ValueError, "CPU 100000"),
        ({"memory": "1 apple"}, ValueError, "`memory`: '1 apple' has an unknown unit"),
        ({"memory": -1}, ValueError, "`memory` -1"),
        ({"memory": 1.5}, TypeError, "`memory`: expected bytes"),
        ({"memory": "1MiB", "threads": 1}, ValueError, "`memory` 1048576: 1 reader threads need"),
        ({"direct": "maybe"}, ValueError, "`direct` 'maybe': expected 'auto'"),
        ({"direct": 3}, TypeError, "`direct`: expected"),
        ({"driver": "floppy"}, ValueError, "`driver` 'floppy': expected"),
        ({"columns": "id"}, TypeError, "str"),
    ],
)
def test_options(small: Path, options: dict[str, object], kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        ringquet.open(small, **options)
    with pytest.raises(kind, match=match):
        ringquet.open(small).scan(**options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"int96": "ms"}, "`int96` 'ms': expected 'ns' or 'us'"),
        ({"queue_depth": 0}, "`queue_depth` 0"),
        ({"queue_depth": 5_000}, "`queue_depth` 5000"),
        ({"read_size": "8GiB"}, "`read_size` 8589934592"),
        ({"read_size": 5_000}, "`read_size` 5000"),
    ],
)
def test_options_of_open(small: Path, options: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ringquet.open(small, **options)


def test_options_that_are_accepted(small: Path) -> None:
    dataset = ringquet.open(
        small, threads=2, cpus=[min(os.sched_getaffinity(0))], direct=False, memory="64MiB", driver="pread",
        batch_rows=77, verify_crc=True, int96="us", queue_depth=7, read_size="64K", coalesce_gap=4096,
        page_bytes_max="8MiB", row_bytes_max="8MiB", footer_bytes_max="8MiB",
    )  # fmt: skip
    options = dataset.measure()["options"]
    assert options["threads"] == 2 and options["memory_budget_bytes"] == 64 << 20
    assert options["io"]["driver"] == "pread" and options["io"]["direct"] == "off"
    assert options["io"]["queue_depth"] == 7 and options["io"]["read_size_bytes"] == 64 << 10
    assert options["batch_rows"] == 77 and options["verify_crc"] and options["int96"] == "us"
    assert options["coalesce_gap_bytes"] == 4096 and options["footer_bytes_max"] == 8 << 20
    assert max(len(batch) for batch in dataset.scan()) == 77
    assert max(len(batch) for batch in dataset.scan(batch_rows=50, driver="mmap", direct="auto")) == 50


def test_paths(small: Path) -> None:
    names = sorted(str(path) for path in small.iterdir())
    for paths in [small, str(small), os.fsencode(small), names, [Path(name) for name in names], tuple(names), iter(names)]:
        assert ringquet.open(paths).files == names
    with pytest.raises(ValueError, match="there is none"):
        ringquet.open([])
    with pytest.raises(TypeError, match="expected a path"):
        ringquet.open(7)


def test_a_page_beyond_its_limit_names_the_keyword(small: Path) -> None:
    with pytest.raises(ringquet.RingquetError, match="`page_bytes_max`") as caught:
        list(ringquet.open(small, page_bytes_max=1_000).scan())
    assert not isinstance(caught.value, ringquet.CorruptFileError)


def test_skip_unreadable(tmp_path: Path) -> None:
    tables.write_files(tmp_path, files=2, rows=1_000, row_group_rows=1_000)
    (tmp_path / "bad.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(ringquet.CorruptFileError, match="bad.parquet"):
        ringquet.open(tmp_path)
    dataset = ringquet.open(tmp_path, skip_unreadable=True)
    assert len(dataset) == 2_000 and len(dataset.files) == 2
    (failure,) = dataset.failures
    assert isinstance(failure, ringquet.CorruptFileError)
    assert failure.path == str(tmp_path / "bad.parquet")
    assert [warning["code"] for warning in dataset.warnings][-1] == "unreadable_files"
    assert "bad.parquet" in dataset.warnings[-1]["message"]
    assert pa.table(dataset).num_rows == 2_000
    assert sum(len(batch) for batch in dataset.scan()) == 2_000


def test_repr(small: Path) -> None:
    dataset = ringquet.open(small)
    assert repr(dataset) == f"Dataset('{small}', files=3, row_groups=15, rows=15000, columns=4)"
    assert len(dataset) == dataset.num_rows == 15_000
    assert repr(dataset.scan(threads=2)) == "Scan(rows=15000, columns=4, threads=2)"
    batch = next(dataset.scan())
    assert repr(batch) == "Batch(rows=1000, columns=4)"
    assert repr(batch["emb"]) == "Column(emb: fixed_size_list<float32>[8] not null, rows=1000)"
