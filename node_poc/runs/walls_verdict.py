"""PURE: the verdict of the self-test of the walls: whether, and when, the cluster enforces them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Enforcement(StrEnum):
    """How the cluster enforces the NetworkPolicies around algorithms."""

    AT_ONCE = "enforced at once"
    LATE = "enforced late"  # a new pod is open for a moment
    NOT = "not enforced"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class WallsVerdict:
    """What the last self-test found.

    Attributes:
        enforcement: how the cluster enforces the policies.
        window_ms: with LATE, the latest moment at which a pod got through, in milliseconds since
            the start of its process; 0 otherwise.
        kept: number of connections that were made in the window and lived on at the end.
        open_ways: with NOT, the ways that stayed open; with LATE, the ways of the window.
        reason: with UNKNOWN, the reason.
        tested: the closed ways whose destinations were seen to be up.
        not_tested: the ways whose destinations nobody reached, so that nothing is proven.
        pods: number of pods whose reports count.
        made_at: when the test ended, in seconds since the epoch; 0 without a test.
    """

    enforcement: Enforcement
    window_ms: int = 0
    kept: int = 0
    open_ways: tuple[str, ...] = ()
    reason: str = ""
    tested: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()
    pods: int = 0
    made_at: float = 0.0

    @property
    def needs_gate(self) -> bool:
        """Whether an algorithm must not start before the policies of its pod are in force."""
        return self.enforcement is not Enforcement.AT_ONCE

    @property
    def is_known(self) -> bool:
        """Whether a self-test has come to a result."""
        return self.enforcement is not Enforcement.UNKNOWN

    def says_the_same(self, other: WallsVerdict) -> bool:
        """Whether both verdicts mean the same; the length of a window differs from test to test."""
        mine, others = (
            (each.enforcement, each.reason, *([each.open_ways] if not_enforced(each) else []))
            for each in (self, other)
        )
        return mine == others

    def __str__(self) -> str:
        """Return the verdict in one line, for people."""
        match self.enforcement:
            case Enforcement.AT_ONCE:
                return f"{self.enforcement} ({self.pods} pods, {len(self.tested)} ways)"
            case Enforcement.LATE:
                kept = f", and {self.kept} connections lived on" if self.kept else ""
                ways = ", ".join(self.open_ways)
                return f"enforced {self.window_ms} ms after a pod's start: until then {ways}{kept}"
            case Enforcement.NOT:
                return f"{self.enforcement}: open are {', '.join(self.open_ways)}"
            case _:
                return f"{self.enforcement}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON data, for ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WallsVerdict:
        """Return the verdict of ``to_dict``.

        Raises:
            ValueError: the data is no verdict.
        """
        try:
            return cls(
                enforcement=Enforcement(data["enforcement"]),
                window_ms=int(data["window_ms"]),
                kept=int(data["kept"]),
                open_ways=_texts(data["open_ways"]),
                reason=str(data["reason"]),
                tested=_texts(data["tested"]),
                not_tested=_texts(data["not_tested"]),
                pods=int(data["pods"]),
                made_at=float(data["made_at"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no verdict of a self-test: {error}") from None


def not_enforced(verdict: WallsVerdict) -> bool:
    """Whether a way stays open, so that no run may start."""
    return verdict.enforcement is Enforcement.NOT


def unknown(reason: str, made_at: float = 0.0) -> WallsVerdict:
    """Return the verdict of a test without a result."""
    return WallsVerdict(Enforcement.UNKNOWN, reason=reason, made_at=made_at)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
