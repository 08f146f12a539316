"""Make the folder's stand-alone scripts importable, as if Python ran from the folder."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).resolve().parents[3] / "dummy_socketio_server")
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
