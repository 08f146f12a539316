"""``python -m node_poc columns``: reads the column names of csv databases for the node.

The command runs in an init container of the node's pod and must not keep the node from starting:
the command prints all errors, and exits with 0 even then.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

from node_poc.config.load import ConfigError, load_config
from node_poc.config.model import DatabaseType
from node_poc.storage.columns import Columns, read_columns
from node_poc.storage.columns_file import write_columns

# The time for all files together, and the delay of the node if a network disk does not answer.
_SECONDS = 30


class _TooLongError(Exception):
    """A file did not answer in time."""


class _Patience:
    """Ends a read that takes too long; a signal between two reads has no effect."""

    is_reading = False

    @classmethod
    def end(cls, _: int, __: FrameType | None) -> None:
        """Handle the alarm's signal."""
        if cls.is_reading:
            raise _TooLongError


def tell_columns(config_file: Path, root: Path, output: Path) -> int:
    """Read the first rows of all csv databases, and write the column names that may be told.

    Args:
        config_file: the node's configuration file.
        root: the folder below which the databases' paths are mounted.
        output: the file to write for the node.

    Returns:
        the exit code, always 0.
    """
    try:
        config = load_config(config_file)
    except ConfigError as error:
        print(f"no column names: {error}", file=sys.stderr)  # the node reports it too, and ends
        return 0
    found = {}
    signal.signal(signal.SIGALRM, _Patience.end)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS, 1)  # then 1 s for each further file
    for database in config.databases:
        if database.type is DatabaseType.CSV:
            is_header = config.kubernetes.csv_header.get(database.label)
            found[database.label] = _read(root, database.path, is_header)
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        write_columns(output, found)
    except OSError as error:
        print(f"no column names: {output} cannot be written ({error.strerror})", file=sys.stderr)
    return 0


def _read(root: Path, path: str, is_header: bool | None) -> Columns:  # noqa: FBT001  three values
    try:
        _Patience.is_reading = True
        return read_columns(_below(root, Path(path)), is_header)
    except _TooLongError:
        return Columns(withheld=f"the files did not answer within {_SECONDS} s")
    finally:
        _Patience.is_reading = False


def _below(root: Path, path: Path) -> Path:
    """Return where a path of the machine is mounted; symbolic links name machine paths too."""
    for _ in range(8):
        mounted = root / path.relative_to("/")
        if not mounted.is_symlink():
            break
        path = Path("/") / path.parent / mounted.readlink()
    return mounted
