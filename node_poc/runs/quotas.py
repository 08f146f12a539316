"""PURE: the meaning of a ResourceQuota's or a LimitRange's refusal of an object.

The node waits while a quota is used up. An object that asks for more than a quota's hard limit, or
than a LimitRange allows, never fits. The words are those of the admission plugins
(``apiserver/pkg/admission/plugin/resourcequota``, ``plugin/pkg/admission/limitranger``).
"""

from __future__ import annotations

import re

from node_poc.config.quantities import amount
from node_poc.runs.diagnosis import Patience, Waiting
from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus

# As in: exceeded quota: NAME, requested: cpu=2,pods=1, used: cpu=1,pods=3, limited: cpu=2,pods=3
_EXCEEDED = re.compile(r"exceeded quota: .*?, requested: (\S*), used: (?:\S*), limited: (\S*)")
# A new quota that Kubernetes has not counted yet.
_NOT_COUNTED = "status unknown for quota"
_NOT_NAMED = ("failed quota: ", "insufficient quota to ")
_OUT_OF_RANGE = re.compile(
    r"(?:maximum|minimum) \S+ usage per (?:Container|Pod|PersistentVolumeClaim) is "
    r"|max limit to request ratio per \S+ is "
)
_WAITS = "It starts by itself as soon as that is over; ask the site if it takes too long."
_TOO_LARGE = (
    "Ask the site: a run of this size never fits there, so a larger quota, or smaller "
    "kubernetes.resources of its node, must come first."
)


def diagnose_quota(message: str, *, by_events: bool = False) -> Waiting | None:
    """Return how long the node waits after a refusal by a quota or a LimitRange, else None.

    Args:
        message: the text of the API or of an Event, word for word.
        by_events: whether the text is an Event's.
    """
    if "exceeded quota" in message:
        if lacking := never_fits(message):
            detail = f"it asks for more {', '.join(lacking)} than the data station's quota allows"
            return _waiting(
                Patience.SHORT, "QuotaTooSmall", detail, _TOO_LARGE, message, by_events=by_events
            )
        detail = "the data station's quota for runs is used up at the moment"
        return _waiting(
            Patience.ROOM, "QuotaExceeded", detail, _WAITS, message, by_events=by_events
        )
    if _NOT_COUNTED in message:
        detail = "the data station's quota for runs is not counted yet"
        return _waiting(
            Patience.ROOM, "QuotaExceeded", detail, _WAITS, message, by_events=by_events
        )
    if _OUT_OF_RANGE.search(message):
        detail = "the data station allows no run of this size"
        return _waiting(
            Patience.SHORT, "NotAdmitted", detail, _TOO_LARGE, message, by_events=by_events
        )
    if any(words in message for words in _NOT_NAMED):
        detail = "the data station's quota does not allow runs of this kind"
        return _waiting(
            Patience.SHORT, "NotAdmitted", detail, _TOO_LARGE, message, by_events=by_events
        )
    return None


def never_fits(message: str) -> tuple[str, ...]:
    """Return the names of resources requested above a quota's hard limit.

    Even an unused quota refuses such a request. A hard limit of zero does not count: the quota is
    closed for now, for example while a site works on its cluster.
    """
    found = _EXCEEDED.search(message)
    if found is None:
        return ()
    asked, limited = _amounts(found[1]), _amounts(found[2])
    return tuple(
        name
        for name, wanted in asked.items()
        if amount(wanted) > amount(limited.get(name, "0")) > 0
    )


def _amounts(text: str) -> dict[str, str]:
    """Return quantities by name, without invalid quantities: the node waits for those."""
    pairs = (pair.partition("=") for pair in text.rstrip(",").split(","))
    return {name: value for name, _, value in pairs if _is_quantity(value)}


def _is_quantity(text: str) -> bool:
    try:
        amount(text)
    except ValueError:
        return False
    return True


def _waiting(
    patience: Patience, cause: str, detail: str, advice: str, site: str, *, by_events: bool
) -> Waiting:
    failure = Failure(cause, detail, advice, site)
    return Waiting(patience, RunStatus.START_FAILED, failure, by_events=by_events)
