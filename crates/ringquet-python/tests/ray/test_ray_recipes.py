"""The programs of docs/python.md that need Ray."""

from pathlib import Path

import fences


def test_ray_data(tmp_path: Path) -> None:
    fences.write_data(tmp_path)
    printed = fences.run(fences.programs(fences.PAGE)["Ray Data"], tmp_path)
    assert "4000 rows, before anything is read" in printed and "rows of positives" in printed
