"""Plan which files of a run's output the command `result` fetches, and which it leaves out: pure.

The list comes from an algorithm and is not trusted: a hundred files of 10 GB each cost the
algorithm nothing (sparse files), and a name may hold any characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from output_files import FilesError, Parts, parts_of
from wire import is_run_id

MAX_FILE_BYTES = 500_000_000
MAX_TOTAL_BYTES = 2_000_000_000
# Number of left-out files to name; further files are only counted.
NAMED = 10
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(i?)b?", re.IGNORECASE | re.ASCII)


def size(text: str) -> int:
    """Parse a size such as 500M, 1.5GB, 4GiB or 1048576; argparse reports the ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise ValueError(text)
    exponent = "kmgt".find(match[2].lower()) + 1 if match[2] else 0
    unit = 1024**exponent if match[3] else _UNITS[match[2].lower()]
    return int(float(match[1]) * unit)


@dataclass
class Limits:
    """How many bytes one file may have, and how many bytes all further files may have together."""

    file: int = MAX_FILE_BYTES
    left: int = MAX_TOTAL_BYTES

    def problem(self, size_bytes: int) -> str | None:
        """Return which limit a further file of the given size breaks, None if no limit."""
        if size_bytes > self.file:
            return f"is larger than --max-file-size ({self.file:,} bytes)"
        if size_bytes > self.left:
            return "does not fit into what --max-size leaves any more"
        return None


@dataclass(frozen=True)
class Wanted:
    """One output file: path at the node, target path, and size as listed (None: unknown)."""

    path: str
    parts: Parts
    size_bytes: int | None


@dataclass
class Plan:
    """The files to fetch, in order, and the reasons for leaving out the rest."""

    files: list[Wanted] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    @property
    def total_bytes(self) -> int:
        """The sum of all sizes as listed."""
        return sum(file.size_bytes or 0 for file in self.files)

    def notes(self) -> list[str]:
        """Return the lines about files that are left out or renamed."""
        more = len(self.left_out) - NAMED
        cut = [f"{more:,} more output files are left out"] if more > 0 else []
        return [*self.renamed[:NAMED], *self.left_out[:NAMED], *cut]


def plan(result: dict[str, Any], limits: Limits) -> Plan:
    """Choose among the files of a result, from the first; `limits` stay unchanged."""
    made, room = Plan(), Limits(limits.file, limits.left)
    seen: set[Parts] = set()
    listed = result.get("output")
    for item in listed if isinstance(listed, list) else []:
        path = item.get("path") if isinstance(item, dict) else item
        size = item.get("size") if isinstance(item, dict) else None
        size_bytes = size if is_run_id(size) and size >= 0 else None
        try:
            parts = parts_of(path)
        except FilesError as error:
            made.left_out.append(f"output file {error}: left out")
            continue
        named = tuple(map(writable, parts))
        problem = room.problem(size_bytes or 0)
        if named in seen:
            problem = "has the name of a file before it"
        if problem is not None:
            of = "" if size_bytes is None else f" ({size_bytes:,} bytes)"
            made.left_out.append(f"output file {path!r}{of} {problem}: left out")
            continue
        seen.add(named)
        room.left -= size_bytes or 0
        made.files.append(Wanted("/".join(parts), named, size_bytes))
        if named != parts:
            made.renamed.append(f"output file {path!r} is written as {'/'.join(named)!r}")
    if result.get("output_truncated"):
        made.left_out.append("the run wrote more files than the node lists: the rest is left out")
    return made


def writable(name: str) -> str:
    """Return a file's name with escapes for characters that could steer a reader's terminal."""
    return _STEERING.sub(lambda found: f"%{ord(found[0]):02x}", name)
