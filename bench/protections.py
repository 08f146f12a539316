"""PURE: the measured protections: the settings of a node with each, and without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOGETHER_RATIO = 1.05
# All that can be off is off. The self-test takes no part: its pods would run beside a measured run.
_OFF: Mapping[str, Any] = {
    "walls": {"gate": "off", "self_test_hours": None},
    "images": {"resolve": "off"},
    "pods": {"user_namespaces": "off", "strict_groups": "off", "recursive_read_only": "off"},
}
_GATE = {"walls": {"gate": "on", "self_test_hours": None}}
_PODS = {"pods": {"user_namespaces": "on", "strict_groups": "on", "recursive_read_only": "on"}}


@dataclass(frozen=True)
class Protection:
    """A protection, or several together.

    Attributes:
        name: for the table.
        changes: keys of ``kubernetes`` of a node with the protection.
        has_policy: whether the policy for Jobs is a part of the protection.
        goal: the largest ratio of runs with and runs without; None without a goal.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    has_policy: bool = False
    goal: float | None = None

    @property
    def is_signed(self) -> bool:
        """Whether the image needs a signature."""
        return "images" in self.changes

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of ``kubernetes`` of a node with this protection and no other."""
        return {**_OFF, **self.changes}


NOTHING = Protection("no protection")


def protections(images: Mapping[str, Any]) -> list[Protection]:
    """Return what is measured, in this order.

    ``images`` is ``kubernetes.images`` of a node that needs digest and signature.
    """
    signed = {"images": images}
    return [
        Protection("the gate", _GATE),
        Protection("digest and signature", signed),
        Protection("policy for Jobs", has_policy=True),
        Protection("user namespaces, strict groups, recursive read-only", _PODS),
        Protection(
            "all of these but the gate",
            {**signed, **_PODS},
            has_policy=True,
            goal=TOGETHER_RATIO,
        ),
    ]
