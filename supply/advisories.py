"""Reads files of advisories: one JSON file, a folder, or a zip, as OSV exports each ecosystem.

The files come from outside: each has a limit of size, and a broken record ends the reading.
"""

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from supply.errors import SupplyError
from supply.osv import ECOSYSTEM, Advisory, parse

#: The largest record of PyPI's export has less than 1 MiB; a file of many records may have more.
MOST_BYTES = 256 * 1024 * 1024
#: PyPI's export has less than 50,000 records, and malicious packages add to them.
MOST_FILES = 1_000_000
_REMEDY = "mount PyPI's export of OSV (all.zip), or single records in the OSV format"


def read(path: Path, now: datetime, most_days: int) -> list[Advisory]:
    """Return the advisories of a file, folder or zip.

    Args:
        path: the place.
        now: the present, with a time zone.
        most_days: age of the newest advisory above which the place is too old.

    Raises:
        SupplyError: the place is missing, broken, too large, too old, or has nothing about PyPI.
    """
    found = [
        parse(record, place) for place, texts in _texts(path) for record in _records(texts, place)
    ]
    kept = [one for one in found if one.affected]
    if not kept:
        raise SupplyError(f"{path}: no advisory about {ECOSYSTEM} ({len(found)} others); {_REMEDY}")
    newest = max(one.modified for one in kept)
    if now - newest > timedelta(days=most_days):
        raise SupplyError(
            f"{path}: too old: its newest advisory is of {newest:%Y-%m-%d}, and at most "
            f"{most_days} days are allowed; fetch the file anew, or allow more with --most-days"
        )
    return kept


def _texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the contents of each JSON file."""
    try:
        if path.is_dir():
            for count, file in enumerate(sorted(path.rglob("*.json"))):
                yield _limited(str(file), file.stat().st_size, count), file.read_bytes()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [one for one in archive.infolist() if one.filename.endswith(".json")]
                for count, one in enumerate(members):
                    place = _limited(f"{path}/{one.filename}", one.file_size, count)
                    yield place, archive.read(one)
        else:
            yield _limited(str(path), path.stat().st_size, 0), path.read_bytes()
    # zipfile raises NotImplementedError for a compression, RuntimeError for a password.
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SupplyError(f"{path}: cannot be read ({type(error).__name__}); {_REMEDY}") from error


def _limited(place: str, size: int, count: int) -> str:
    if size > MOST_BYTES or count >= MOST_FILES:
        raise SupplyError(
            f"{place}: too large: at most {MOST_BYTES} bytes a file and {MOST_FILES} files; "
            f"{_REMEDY}"
        )
    return place


def _records(text: bytes, place: str) -> list[object]:
    """Return the records of a JSON text: a record, a list of records, or ``{"vulns": [...]}``."""
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SupplyError(f"{place}: is no JSON ({type(error).__name__}); {_REMEDY}") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("vulns"), list):
        return list(loaded["vulns"])
    return loaded if isinstance(loaded, list) else [loaded]
