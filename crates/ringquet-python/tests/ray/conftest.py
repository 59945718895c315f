"""One Ray for all tests of the session."""

from collections.abc import Iterator

import pytest
import ray


@pytest.fixture(scope="session", autouse=True)
def local_ray() -> Iterator[None]:
    """Two CPUs and a small object store. Nothing leaves this host."""
    ray.init(
        num_cpus=2,
        object_store_memory=160 << 20,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()
