"""The wheel in an environment without any other package, as after `pip install ringquet`.

Leaves a data set in `data`, which the README's examples read.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import ringquet

EXTRAS = ["pyarrow", "numpy", "pandas", "torch", "ray"]

ROWS = 2000

WORKLOAD = f"""\
model: {{name: smoke}}
framework: pytorch
workflow: {{generate_data: true, train: false}}
dataset:
  data_folder: data
  format: parquet
  num_files_train: 2
  num_samples_per_file: {ROWS // 2}
  parquet:
    row_group_size: 250
    columns: [{{name: id, dtype: int64}}, {{name: emb, dtype: float32, size: 768}}]
"""


def main() -> None:
    """Runs the command both ways, and reads the data set that it makes."""
    there = [name for name in EXTRAS if importlib.util.find_spec(name)]
    assert not there, f"{there} are installed: the wheel must do without"
    assert Path(ringquet.__file__).is_relative_to(sys.prefix), ringquet.__file__

    script = str(Path(sys.executable).with_name("ringquet"))
    for command in [[script], [sys.executable, "-m", "ringquet"]]:
        assert said(*command, "--version") == f"ringquet {ringquet.__version__}\n"

    Path("smoke.yaml").write_text(WORKLOAD)
    said(script, "datagen", "smoke.yaml", "--quiet")
    scanned = json.loads(said(script, "scan", "data", "--json"))
    assert scanned["rows"] == ROWS, scanned
    ds = ringquet.open("data", columns=["id"])
    assert len(ds) == ROWS, ds
    batches = list(ds.scan())
    assert sum(batch.num_rows for batch in batches) == ROWS, batches
    taken = ds.take([ROWS - 1, 0])
    assert taken.num_rows == 2, taken
    print(f"{ringquet.__file__}: {ROWS} rows read without any other package")


def said(*command: str) -> str:
    """What a command that succeeds prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


main()
