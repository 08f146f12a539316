"""Waits until a node is online, and tells progress and trouble meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from node_poc.cluster.errors import ClusterError
from node_poc.manage.health import Part, Phase
from node_poc.manage.view import NodeView
from node_poc.manifests import identity

Tell = Callable[[str], None]

_LOOK_SECONDS = 0.5
_WORD_SECONDS = 10.0
# A registry or the kubelet may recover within this time.
_GRACE_SECONDS = 15.0


@dataclass(frozen=True)
class Outcome:
    """How the waiting ended. ``reasons``: sentences, empty if the node is online."""

    is_online: bool
    reasons: tuple[str, ...] = ()


def wait_online(view: NodeView, tell: Tell, seconds: float, *, again: bool = False) -> Outcome:
    """Wait until node and proxy are ready: the node is ready when the server has accepted it.

    Args:
        view: the node.
        tell: shows a line of progress.
        seconds: the longest wait. Trouble that cannot pass ends the wait earlier.
        again: the former objects are back: pods of the failed ones may be left for a moment, and
            their trouble counts no more.

    Raises:
        ClusterError: the cluster refuses to show the pods.
    """
    started, told, hopeless_since = time.monotonic(), _Told(tell, again=again), None
    parts: list[Part] = []
    while time.monotonic() - started < seconds:
        parts = _look(view) or parts
        told.tell(parts)
        if parts and all(part.phase is Phase.ONLINE for part in parts):
            return Outcome(is_online=True)
        if not again and any(trouble.is_final for part in parts for trouble in part.troubles):
            hopeless_since = hopeless_since or time.monotonic()
            if time.monotonic() - hopeless_since > _GRACE_SECONDS:
                break
        else:
            hopeless_since = None
        told.still_waiting(view, parts)
        time.sleep(_LOOK_SECONDS)
    return Outcome(is_online=False, reasons=tuple(_reasons(view, parts, seconds)))


def wait_gone(view: NodeView, tell: Tell, seconds: float, *components: str) -> bool:
    """Wait until no pods of these components are left; return False if some stay."""
    started = time.monotonic()
    next_word = started + 2
    while time.monotonic() - started < seconds:
        left = [pod["metadata"]["name"] for each in components for pod in view.pods(each)]
        if not left:
            return True
        if time.monotonic() > next_word:
            tell(f"waiting for the end of {', '.join(left)}")
            next_word = time.monotonic() + _WORD_SECONDS
        time.sleep(_LOOK_SECONDS)
    return False


def _look(view: NodeView) -> list[Part] | None:
    """Return the parts; None while the API server does not answer."""
    try:
        return view.parts()
    except ClusterError as error:
        if error.is_transient:
            return None
        raise


def _reasons(view: NodeView, parts: list[Part], seconds: float) -> list[str]:
    """Return why the node is not online: trouble of pods, and the serious lines of the log."""
    found = []
    for part in parts:
        if part.phase is Phase.ONLINE:
            continue
        found += [f"{part.name}: {trouble}" for trouble in part.troubles] or [
            f"{part.name}: not ready after {seconds:.0f} s"
        ]
        try:
            found += [f"{part.name}'s log: {line}" for line in view.last_words(part)]
        except ClusterError as error:
            found.append(f"{part.name}'s log cannot be read: {error}")
    return found or ["the cluster does not answer"]


class _Told:
    """Tells each change of the parts, and every ten seconds a word of the log."""

    def __init__(self, tell: Tell, *, again: bool) -> None:
        self._tell = tell
        self._again = again
        self._phases: dict[str, Phase] = {}
        self._troubles: set[str] = set()
        self._next_word = time.monotonic() + _WORD_SECONDS
        self._started = time.monotonic()

    def tell(self, parts: list[Part]) -> None:
        for part in parts:
            if self._phases.get(part.name) is not part.phase:
                self._phases[part.name] = part.phase
                self._tell(f"{part.name}: {part.phase}")
            for trouble in () if self._again else part.troubles:
                if trouble.where not in self._troubles:
                    self._troubles.add(trouble.where)
                    self._tell(f"{part.name}: {trouble}")

    def still_waiting(self, view: NodeView, parts: list[Part]) -> None:
        if time.monotonic() < self._next_word:
            return
        self._next_word = time.monotonic() + _WORD_SECONDS
        seconds = time.monotonic() - self._started
        waiting = [part for part in parts if part.phase is not Phase.ONLINE]
        names = ", ".join(part.name for part in waiting) or "the cluster's answer"
        last = ""
        for part in waiting:
            if part.name == identity.COMPONENT_NODE:
                with suppress(ClusterError):  # a log that cannot be read ends no wait
                    last = next(iter(view.last_words(part)[-1:]), "")
        self._tell(f"waiting for {names} since {seconds:.0f} s" + (f"; {last}" if last else ""))
