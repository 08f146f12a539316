"""PURE: a run's wait before its container starts: its start, its limit, and when to read Events."""

from __future__ import annotations

import math
from dataclasses import replace

from node_poc.config.model import Limits
from node_poc.runs.diagnosis import Patience, Waiting
from node_poc.runs.model import Wait
from node_poc.runs.status import RunStatus

# Seconds before the node first reads Events for a wait without a visible reason, and then between
# two reads; the last value repeats. Most pods without trouble have started before the first read.
_LOOK_SECONDS = (4.0, 10.0, 20.0, 40.0, 60.0)

# A registry's answer that an image does not exist is final, unless the image was pushed at this
# moment. The kubelet's own second pull comes 10 s after the first at the earliest.
_ABSENT_SECONDS = 3.0


def next_wait(wait: Wait | None, seen: Waiting, now: float, limits: Limits) -> Wait:
    """Return the wait after an observed reason.

    Args:
        wait: the run's wait until now.
        seen: the reason observed now.
        now: monotonic seconds.
        limits: how long each kind of waiting may last.
    """
    # Trouble of one kind (ErrImagePull, then ImagePullBackOff) is one wait, counted from its start.
    since = wait.since if wait and _kind(wait) == _kind(seen) else now
    patience = _patience(seen, limits)
    until = None if patience is None else since + patience
    look_at, looks = math.inf, 0
    if is_unexplained(seen):
        goes_on = wait is not None and wait.look_at < math.inf
        look_at, looks = (wait.look_at, wait.looks) if wait and goes_on else (now + _pause(0), 0)
    return Wait(seen.failure, since, until, seen.status, seen.by_events, look_at, looks)


def is_unexplained(seen: Waiting) -> bool:
    """Return whether only Events can show the reason of the wait, or the end of the reason."""
    return seen.by_events or not seen.is_trouble


def only_repeats(wait: Wait | None, seen: Waiting) -> bool:
    """Return whether the new reason adds nothing, and the node keeps the more specific old reason.

    During a back-off the kubelet does not repeat the registry's own words; and the pod's status
    never shows a reason found in Events.
    """
    if wait is None:
        return False
    if seen.failure.cause == "ImagePullBackOff":
        return _kind(wait) == _kind(seen)
    return wait.by_events and not seen.is_trouble


def after_look(wait: Wait, now: float) -> Wait:
    """Return the wait after the node has read Events."""
    return replace(wait, looks=wait.looks + 1, look_at=now + _pause(wait.looks + 1))


def _pause(looks: int) -> float:
    return _LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)]


def _kind(trouble: Wait | Waiting) -> str:
    """Return the kind of trouble: all trouble with an image is one kind, and one wait."""
    image = trouble.status is RunStatus.NO_DOCKER_IMAGE
    return trouble.status if image else trouble.failure.cause


def _patience(seen: Waiting, limits: Limits) -> float | None:
    """Return seconds; None: without end."""
    match seen.patience:
        case Patience.ROOM:
            return limits.schedule_seconds
        case Patience.GROWTH:
            return limits.too_large_seconds
        case Patience.START:
            return limits.start_seconds
        case Patience.NONE:
            return 0.0
        case Patience.ABSENT:
            return min(limits.hopeless_seconds, _ABSENT_SECONDS)
        case Patience.SHORT:
            return limits.hopeless_seconds
        case _:
            return limits.pull_seconds
