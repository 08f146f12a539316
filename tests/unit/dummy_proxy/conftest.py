"""Makes the stand-alone scripts of the folder importable, as when run from there."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).resolve().parents[3] / "dummy_proxy")
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
