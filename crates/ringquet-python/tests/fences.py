"""The programs in the pages of the documentation, and a small data set that they can run on."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/python.md"
README = ROOT / "README.md"

SECONDS_MAX = 300


def programs(page: Path) -> dict[str, str]:
    """Each fence of Python by the heading above it; a heading has one at most."""
    found: dict[str, str] = {}
    heading = ""
    for part in re.split(r"^(#+ [^\n]*|```\w*\n.*?^```)$", page.read_text(), flags=re.MULTILINE | re.DOTALL):
        if part.startswith("#"):
            heading = part.lstrip("#").strip()
        elif part.startswith("```python\n"):
            assert heading not in found, f"{page}: two programs under {heading!r}"
            found[heading] = part.removeprefix("```python\n").removesuffix("```")
    return found


def frameworks(program: str) -> set[str]:
    """What a program imports that a plain environment does not have."""
    names = re.findall(r"^\s*(?:import|from) (?:ringquet\.)?(torch|ray)\b", program, flags=re.MULTILINE)
    return set(names)


def write_data(folder: Path, name: str = "data") -> None:
    """The folder that the programs read: 4,000 rows in two files."""
    (folder / name).mkdir(parents=True)
    for number in range(2):
        random = np.random.default_rng(number)
        ids = np.arange(number * 2_000, (number + 1) * 2_000)
        emb = random.random(2_000 * 16, dtype=np.float32)
        table = pa.table(
            {
                "id": ids,
                "emb": pa.FixedSizeListArray.from_arrays(pa.array(emb), 16),
                "label": random.random(2_000, dtype=np.float32),
                "text": [f"row {id}" for id in ids],
            }
        )
        pq.write_table(table, folder / name / f"{number}.parquet", row_group_size=250)


def run(program: str, folder: Path, launcher: tuple[str, ...] = ()) -> str:
    """What a program prints, in a process of its own in the folder; it must end well."""
    path = folder / "program.py"
    path.write_text(program)
    command = [sys.executable, *launcher, str(path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
