"""PURE: may this run be started on this node?"""

from __future__ import annotations

import re

from node_poc.config.model import NodeConfig
from node_poc.runs.model import RunSpec
from node_poc.runs.policies import image_allowed, without_tag
from node_poc.runs.status import RunStatus

__all__ = ["NotAllowedError", "check_admission", "image_allowed", "is_image_name", "without_tag"]

# Grammar of an image reference: github.com/distribution/reference, reference.go and regexp.go.
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*:[0-9a-f]{32,128}"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::{_TAG})?(?:@{_DIGEST})?", re.ASCII
)
_IMAGE_LENGTH = 512


class NotAllowedError(Exception):
    """The run breaks a rule of this node. Its text tells the researcher which.

    ``status`` is what the run ends with.
    """

    def __init__(self, reason: str, status: RunStatus = RunStatus.NOT_ALLOWED) -> None:
        """``reason`` names field, rule and remedy."""
        super().__init__(reason)
        self.status = status


def check_admission(spec: RunSpec, config: NodeConfig) -> None:
    """Refuse what this node must not run.

    Raises:
        NotAllowedError: a database label is unknown, or the image is not on the list.
    """
    known = [database.label for database in config.databases]
    unknown = [label for label in spec.databases if label not in known]
    if unknown:
        raise NotAllowedError(
            f"databases_to_use: this node has no database {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, known)) or 'none'}"
        )
    policies = config.policies
    # With a store, or with digests of a registry, only the server's adapter can tell: it has.
    decided = config.kubernetes.server_kind != "dummy"
    if not decided and not image_allowed(spec.image, policies.allowed_algorithms):
        raise NotAllowedError(
            "image: this node's policies.allowed_algorithms does not allow it; "
            "ask the data station to allow it, or use an allowed one"
        )


def is_image_name(text: str) -> bool:
    """Whether ``text`` is an image reference: a name, and if given a tag and a digest."""
    return len(text) <= _IMAGE_LENGTH and _IMAGE.fullmatch(text) is not None
