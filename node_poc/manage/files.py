"""Where the configuration files of nodes lie, and under which names: as for ``v6 node``.

vantage6 4.x keeps the file of a node in ``node/<name>.yaml`` below the configuration folder of the
user or of the machine (vantage6-common, ``AppContext``, by appdirs). A Docker node's file is
therefore found where it lies.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_SUFFIX = ".yaml"
_SYSTEM = Path("/etc/vantage6/node")


class NoSuchNodeError(Exception):
    """A node's name cannot be used, or names no file. The text has the remedy."""


@dataclass(frozen=True)
class Place:
    """A folder of configuration files. ``is_system``: of the machine and not of a user."""

    folder: Path
    is_system: bool

    def file(self, name: str) -> Path:
        """Return the path of a node's file. Raise NoSuchNodeError for a name against the rule."""
        if not _NAME.fullmatch(name):
            raise NoSuchNodeError(
                f"{name[:80]!r} is no name of a node: use letters, digits, `_`, `.` and `-` only, "
                "as with `v6 node`"
            )
        return self.folder / f"{name}{_SUFFIX}"

    def names(self) -> list[str]:
        """Return the names of the nodes that have a file here, in alphabetical order."""
        paths = self.folder.glob(f"*{_SUFFIX}") if self.folder.is_dir() else ()
        return sorted(path.stem for path in paths if _NAME.fullmatch(path.stem))


def place(*, is_system: bool, environment: Mapping[str, str] = os.environ) -> Place:
    """Return the folder for ``--system`` or ``--user``."""
    if is_system:
        return Place(_SYSTEM, is_system=True)
    home = Path(environment.get("HOME") or Path.home())
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return Place(base / "vantage6" / "node", is_system=False)


def find_file(name: str | None, config: Path | None, where: Place) -> Path:
    """Return the configuration file that the options name.

    Without a name or a file, the only file in the folder is meant. Raises NoSuchNodeError.
    """
    if config is not None:
        return config
    if name is not None:
        path = where.file(name)
        if not path.is_file():
            raise NoSuchNodeError(f"there is no {path}; {_known(where)}")
        return path
    names = where.names()
    if len(names) != 1:
        raise NoSuchNodeError(f"which node? give --name or --config; {_known(where)}")
    return where.file(names[0])


def _known(where: Place) -> str:
    names = where.names()
    if names:
        return f"the files in {where.folder} are of: {', '.join(names[:20])}"
    return f"{where.folder} has no file yet; make one with `v6-node new`"
