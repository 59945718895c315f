"""`RingquetDatasource` under a local Ray: the rows that PyArrow reads, known before anything is read."""

import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import ringquet
import tables
from reader_threads import reader_threads
from ringquet.ray import RingquetDatasource, _cpus_of_task


def rows_of(dataset: ray.data.Dataset) -> pa.Table:
    """All rows of a Ray data set, in the order of its blocks."""
    blocks = [block for block in map(ray.get, dataset.to_arrow_refs()) if block.num_columns]
    return pa.concat_tables(blocks)


def read(path: object, parallelism: int = -1, **arguments: object) -> ray.data.Dataset:
    source = RingquetDatasource(path, **arguments)
    return ray.data.read_datasource(source, override_num_blocks=None if parallelism < 0 else parallelism)


@pytest.fixture(scope="module")
def in_order() -> Iterator[None]:
    """Blocks come in the order of the tasks."""
    options = ray.data.DataContext.get_current().execution_options
    before, options.preserve_order = options.preserve_order, True
    yield
    options.preserve_order = before


pytestmark = pytest.mark.usefixtures("in_order")


@pytest.mark.parametrize("parallelism", [-1, 1, 4, 100])
def test_the_rows_of_pyarrow(small: Path, parallelism: int) -> None:
    found = rows_of(read(small, parallelism))
    expected = pq.read_table(small)
    assert found.column_names == expected.column_names
    assert found.cast(expected.schema).equals(expected)


def test_every_type(tmp_path: Path) -> None:
    # Ray has no arrays of `null`, and reads decimals of 256 bits as others.
    names = [name for name in tables.COLUMNS if name != "null"]
    table = tables.table(300, nulls=True).select(names)
    pq.write_table(table, tmp_path / "types.parquet", row_group_size=100)
    found = rows_of(read(tmp_path, 2))
    for name in names:
        assert found[name].to_pylist() == pq.read_table(tmp_path / "types.parquet")[name].to_pylist(), name


def test_rows_are_counted_without_reading(small: Path, tmp_path: Path) -> None:
    for path in small.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dataset = read(tmp_path)
    schema = dataset.schema()
    for path in tmp_path.iterdir():
        path.unlink()
    assert dataset.count() == 15_000
    assert schema.names == ["id", "emb", "text", "tags"]
    with pytest.raises(Exception, match="No such file|does not exist"):
        dataset.materialize()


def test_sizes_are_known_beforehand(tmp_path: Path) -> None:
    table = tables.table(2_000, nulls=False).drop_columns(["null"])
    pq.write_table(table, tmp_path / "types.parquet", row_group_size=500, use_dictionary=False)
    source = RingquetDatasource(tmp_path)
    decoded = pa.table(ringquet.open(tmp_path)).nbytes
    assert source.estimate_inmemory_data_size() == pytest.approx(decoded, rel=0.25)
    tasks = source.get_read_tasks(4)
    assert sum(task.metadata.size_bytes for task in tasks) == pytest.approx(source.estimate_inmemory_data_size(), abs=4)
    numbers = RingquetDatasource(tmp_path, columns=["int64", "float"])
    assert numbers.estimate_inmemory_data_size() == 2_000 * 12
    assert all(isinstance(task.metadata.size_bytes, int) for task in tasks)


def test_row_groups_are_tasks(small: Path) -> None:
    source = RingquetDatasource(small)
    for parallelism, expected in [(1, 1), (4, 4), (15, 15), (1000, 15), (0, 1)]:
        tasks = source.get_read_tasks(parallelism)
        assert len(tasks) == expected
        rows = [task.metadata.num_rows for task in tasks]
        assert sum(rows) == 15_000 and max(rows) - min(rows) <= 1_000
        # Neighbours stay together, and the order is that of the rows.
        found = [id for task in tasks for block in task() for id in block["id"].to_pylist()]
        assert found == list(range(15_000))


def test_tasks_have_about_as_many_bytes(tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.int64())])
    sizes = [10, 10_000, 10, 10, 4_000, 6_000, 10, 10_000, 0, 10]
    with pq.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for rows in sizes:
            writer.write_table(pa.table({"id": range(rows)}, schema=schema), max(rows, 1))
    source = RingquetDatasource(tmp_path)
    rows = [task.metadata.num_rows for task in source.get_read_tasks(3)]
    assert sum(rows) == sum(sizes) and max(rows) < 10_100
    # One without rows is no part of a task.
    assert len(source.get_read_tasks(100)) == 9


def test_tasks_hold_no_handle(small: Path) -> None:
    source = RingquetDatasource(small, columns=["id"])
    before = len(os.listdir("/proc/self/fd"))
    tasks = [pickle.loads(pickle.dumps(task)) for task in source.get_read_tasks(3)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert max(len(pickle.dumps(task)) for task in tasks) < 3_000
    assert sum(block.num_rows for task in tasks for block in task()) == 15_000
    assert pickle.loads(pickle.dumps(source)).estimate_inmemory_data_size() == 15_000 * 8


def test_columns(small: Path) -> None:
    dataset = read(small, columns=["text", "id"])
    assert dataset.schema().names == ["text", "id"]
    assert rows_of(dataset).equals(pq.read_table(small, columns=["text", "id"]))
    with pytest.raises(ValueError, match="no_such"):
        RingquetDatasource(small, columns=["no_such"])


def test_selected_columns_are_the_only_ones_that_are_read(small: Path) -> None:
    dataset = read(small).select_columns(["tags", "id"])
    assert rows_of(dataset).equals(pq.read_table(small, columns=["tags", "id"]))
    source = RingquetDatasource(small)
    selected = source.apply_projection({"id": "id"})
    assert selected.get_projection_map() == {"id": "id"} and source.get_projection_map() is None
    assert selected.estimate_inmemory_data_size() == 15_000 * 8
    task = selected.get_read_tasks(1)[0]
    assert task.schema.names == ["id"] and task.metadata.size_bytes == pytest.approx(15_000 * 8, abs=2)
    assert {tuple(block.column_names) for block in task()} == {("id",)}
    none = source.apply_projection({}).get_read_tasks(2)
    assert sum(block.num_rows for task in none for block in task()) == 15_000
    renamed = read(small, columns=["id"]).rename_columns({"id": "number"})
    assert rows_of(renamed).column_names == ["number"]


def test_the_plan_reads_the_selected_columns(small: Path) -> None:
    """As Ray's optimizer makes it: the projection is in the data source, not after it."""
    dataset = read(small).select_columns(["id"])
    dataset = dataset.materialize()
    assert "Project" not in dataset.stats(), dataset.stats()


def test_limits(small: Path) -> None:
    for rows in [0, 1, 1_500, 20_000]:
        found = read(small, 4).limit(rows)
        assert found.count() == min(rows, 15_000)
        assert sorted(row["id"] for row in found.take_all()) == list(range(min(rows, 15_000)))
    assert [row["id"] for row in read(small, 3).take(5)] == [0, 1, 2, 3, 4]
    task = RingquetDatasource(small).get_read_tasks(1, per_task_row_limit=1_234)[0]
    assert task.per_task_row_limit == 1_234 and sum(block.num_rows for block in task()) == 1_234


def test_a_task_that_is_left_ends_its_threads(large: Path) -> None:
    blocks = RingquetDatasource(large).get_read_tasks(1)[0]()
    next(iter(blocks))
    blocks.close()
    assert not [name for name in reader_threads() if name.startswith("ringquet-")]


def test_a_pipeline(small: Path) -> None:
    doubled = read(small, columns=["id"]).map_batches(lambda batch: {"id": batch["id"] * 2}).sum("id")
    assert doubled == 2 * sum(range(15_000))
    assert read(small, columns=["id"]).filter(lambda row: row["id"] % 100 == 0).count() == 150
    batches = read(small, columns=["emb"]).iter_batches(batch_size=1_000)
    assert sum(len(batch["emb"]) for batch in batches) == 15_000


def test_threads_are_the_cpus_of_the_task(small: Path) -> None:
    assert ray.get(ray.remote(num_cpus=2)(_cpus_of_task).remote()) == 2
    assert ray.get(ray.remote(num_cpus=0.5)(_cpus_of_task).remote()) == 1
    source = RingquetDatasource(small, columns=["id"])
    assert ray.data.read_datasource(source, num_cpus=2).sum("id") == sum(range(15_000))
    assert read(small, columns=["id"], threads=2, memory="64MiB", direct=False).sum("id") == sum(range(15_000))


def test_relative_paths(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small)
    for paths in [".", ["0.parquet", "2.parquet"]]:
        source = RingquetDatasource(paths, columns=["id"])
        monkeypatch.chdir("/")
        assert ray.data.read_datasource(source).count() == (15_000 if paths == "." else 10_000)
        assert len(ray.data.read_datasource(source).materialize().take_all()) == (15_000 if paths == "." else 10_000)
        monkeypatch.chdir(small)


def test_an_empty_data_set(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    dataset = read(tmp_path)
    assert dataset.count() == 0 and dataset.take_all() == []
    assert dataset.schema().names == ["id", "text"]


def test_missing_files(small: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RingquetDatasource(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        RingquetDatasource(tmp_path)


def test_files_that_change(small: Path, tmp_path: Path) -> None:
    def written(rows: int) -> None:
        pq.write_table(pa.table({"id": range(rows)}), tmp_path / "a.parquet", row_group_size=100)

    written(1_000)
    source = RingquetDatasource(tmp_path)
    for rows in [900, 1_001, 50]:
        written(rows)
        with pytest.raises(ringquet.FileChangedError, match="a.parquet: the file changed") as raised:
            list(source.get_read_tasks(1)[0]())
        assert raised.value.path == str(tmp_path / "a.parquet")
        with pytest.raises(Exception, match="the file changed"):
            ray.data.read_datasource(source).materialize()
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is not all of it")
    with pytest.raises(ringquet.CorruptFileError):
        list(source.get_read_tasks(1)[0]())


def test_memory_stays_below_the_data(large: Path) -> None:
    """130 MB go through an object store of 160 MB, block by block; nothing stays behind."""
    before = resident_bytes()
    for _ in range(3):
        rows = 0
        for batch in read(large, 8).iter_batches(batch_size=4_000):
            rows += len(batch["id"])
            time.sleep(0)
        assert rows == 4 * 64_000
    assert resident_bytes() - before < 400 << 20


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
