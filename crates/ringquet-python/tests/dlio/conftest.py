"""The stand-in for DLIO is found by the processes of the tests alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
