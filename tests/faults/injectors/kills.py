"""The node's process is killed at an exact step of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.inside.stepping_node import PLACES
from tests.faults.scene import Scene

_ROUNDS = 3
_STRIKE_SECONDS = 90.0


def killed_at(place: str) -> Callable[[Scene], str]:
    """Return a fault: SIGKILL at a place in each of several rounds, among runs at other steps."""
    assert place in PLACES

    def inject(scene: Scene) -> str:
        rounds = 1 if scene.hurry else _ROUNDS
        for number, count in enumerate(scene.parts(rounds)):
            if number:
                scene.station.renew_node()
            _round(scene, place, count, number)
        return f"{rounds} times the process sent itself SIGKILL there"

    return inject


def _round(scene: Scene, place: str, count: int, number: int) -> None:
    inside: Path = scene.station.inside
    fired = inside / "fired"
    fired.unlink(missing_ok=True)
    # The first run to reach the place, one in the middle, a late one. Not the last: a quick run may
    # skip places in between.
    which = 1 + (count - 1) * number // _ROUNDS if not scene.hurry else count // 2
    fresh = inside / "armed.new"
    fresh.write_text(f"{place} {max(1, which)}")
    fresh.rename(inside / "armed")
    try:
        scene.send(count, (0.5, 4), over=1.0)
        scene.strike_seen(fired.exists, f"the node dies at {place}", _STRIKE_SECONDS)
    finally:
        (inside / "armed").unlink(missing_ok=True)
    scene.await_results()
