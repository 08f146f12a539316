"""PURE: may this run be started on this node?"""

from __future__ import annotations

from node_poc.config.model import NodeConfig
from node_poc.runs.model import RunSpec
from node_poc.runs.policies import basics_refused, image_allowed
from node_poc.runs.status import RunStatus


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
    # With a store, or with digests of a registry, only the server's adapter can tell: it has.
    if config.kubernetes.server_kind != "dummy":
        return
    policies = config.policies
    if reason := basics_refused(spec.image, policies):
        raise NotAllowedError(f"image: {reason}")
    if not image_allowed(spec.image, policies.allowed_algorithms):
        raise NotAllowedError(
            "image: this node's policies.allowed_algorithms does not allow it; "
            "ask the data station to allow it, or use an allowed one"
        )
