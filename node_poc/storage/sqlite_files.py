"""Find SQLite databases in WAL mode, which fail on read-only mounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node_poc.config.findings import Finding, warning
from node_poc.config.model import NodeConfig

# https://www.sqlite.org/fileformat.html: the magic text; bytes 18 and 19 are the file format write
# and read versions, 2 for WAL.
_MAGIC = b"SQLite format 3\0"
_WAL = 2
_HEADER = 20


def look_at_sqlite(config: NodeConfig, _: Path) -> Iterator[Finding]:
    """Yield warnings of SQLite databases in WAL mode: readers must write beside the file."""
    for index, database in enumerate(config.databases):
        if database.is_service or database.is_folder or not _needs_to_write(Path(database.path)):
            continue
        yield warning(
            f"databases[{index}].uri: {database.path} is a SQLite database in WAL mode, which "
            "nobody can read where it is mounted read-only, as here (`attempt to write a readonly "
            "database`); let nothing have it open, then "
            f"`sqlite3 {database.path} 'PRAGMA journal_mode=DELETE'`, or give a copy made so"
        )


def _needs_to_write(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except OSError:  # `look_at_files` reports unreadable files
        return False
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        return False
    return _WAL in header[18:20] or path.with_name(f"{path.name}-wal").exists()
