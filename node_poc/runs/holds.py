"""PURE: the reasons for which the node starts no run at all."""

from __future__ import annotations

from enum import StrEnum


class Hold(StrEnum):
    """Who holds all runs back. Of several reasons, runs are told the first in this order."""

    WALLS = "walls"  # the NetworkPolicies around algorithms are not as they must be
    SELF_TEST = "self-test"  # the cluster does not enforce the NetworkPolicies
    DISK = "disk"  # the disk of task_dir has too little free space
