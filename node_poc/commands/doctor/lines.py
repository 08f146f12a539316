"""PURE: the lines of ``doctor``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Line:
    """A line of the output; ``remedy`` is empty if all is well."""

    level: Level
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the line as printed."""
        return f"{self.level:8} {self.found}" + (f"; {self.remedy}" if self.remedy else "")

    def to_dict(self) -> dict[str, str]:
        """Return the line for ``--json``."""
        return {"level": str(self.level), "found": self.found, "remedy": self.remedy}


def ok(found: str) -> Line:
    """Return a line of something that is in order."""
    return Line(Level.OK, found)


def warning(found: str, remedy: str = "") -> Line:
    """Return a line for a person to judge."""
    return Line(Level.WARNING, found, remedy)


def failure(found: str, remedy: str = "") -> Line:
    """Return a line of something that keeps the node or its runs from working safely."""
    return Line(Level.FAILURE, found, remedy)


def exit_code(lines: Iterable[Line]) -> int:
    """Return 1 if a line is a failure, 0 otherwise."""
    return 1 if any(line.level is Level.FAILURE for line in lines) else 0
