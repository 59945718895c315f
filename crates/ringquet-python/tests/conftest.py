"""Files that the tests read, made once a session by PyArrow."""

from pathlib import Path

import pytest
import tables


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of three files with five row groups each: ``id`` counts from 0, ``emb`` is a matrix."""
    return tables.write_files(tmp_path_factory.mktemp("small"), files=3, rows=5_000, row_group_rows=1_000)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of 4 files of 8 row groups, about 130 MB: many batches, and more than the queues hold."""
    return tables.write_files(
        tmp_path_factory.mktemp("large"), files=4, rows=64_000, row_group_rows=8_000, width=128
    )
