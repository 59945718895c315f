"""The programs of docs/python.md and of README.md that need neither PyTorch nor Ray. The others are run beside their tests."""

import os
from pathlib import Path

import fences
import pytest

PROGRAMS = {
    f"{page.name}, {heading}": program
    for page in [fences.PAGE, fences.README]
    for heading, program in fences.programs(page).items()
    if not fences.frameworks(program)
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, tmp_path: Path) -> None:
    fences.write_data(tmp_path, "data/dlrm" if name.startswith("README") else "data")
    program = PROGRAMS[name]
    if "direct=True" in program:
        try:
            os.close(os.open(tmp_path / "data/0.parquet", os.O_RDONLY | os.O_DIRECT))
        except OSError as error:
            pytest.skip(f"{tmp_path} has no O_DIRECT: {error}")
    fences.run(program, tmp_path)


def test_every_recipe_is_run() -> None:
    """A page whose fences are not found would pass with no test at all."""
    found = {heading: fences.frameworks(program) for heading, program in fences.programs(fences.PAGE).items()}
    assert found == {
        "To begin with": set(),
        "PyTorch on one GPU": {"torch"},
        "Distributed training": {"torch"},
        "Ray Data": {"ray"},
        "DuckDB and polars": set(),
        "Measuring a storage": set(),
    }
    assert "From Python" in fences.programs(fences.README)
