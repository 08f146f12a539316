"""PURE: placement of a pod, from the configuration of its part."""

from __future__ import annotations

import copy
from typing import Any

from node_poc.config.placement import Placement


def placement_fields(placement: Placement) -> dict[str, Any]:
    """Return the fields of a pod's ``spec`` that the site has set."""
    fields = {
        "nodeSelector": dict(placement.node_selector),
        "affinity": copy.deepcopy(placement.affinity),
        "tolerations": [dict(each) for each in placement.tolerations],
        "priorityClassName": placement.priority_class,
    }
    return {name: value for name, value in fields.items() if value}
