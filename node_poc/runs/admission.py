"""PURE: decide whether this node may start a run."""

from __future__ import annotations

from node_poc.config.model import NodeConfig
from node_poc.runs.model import RunSpec
from node_poc.runs.policies import basics_refused, image_allowed
from node_poc.runs.status import RunStatus


class NotAllowedError(Exception):
    """The run breaks a rule of this node; the exception's text names the rule for the researcher.

    Attributes:
        status: the final status of the run.
    """

    def __init__(self, reason: str, status: RunStatus = RunStatus.NOT_ALLOWED) -> None:
        """Take ``reason``, which names field, rule and remedy, and the run's final ``status``."""
        super().__init__(reason)
        self.status = status


def check_admission(spec: RunSpec, config: NodeConfig) -> None:
    """Refuse a run that this node must not start.

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
    if not config.kind.core_checks_images:
        return
    policies = config.policies
    if reason := basics_refused(spec.image, policies):
        raise NotAllowedError(f"image: {reason}")
    if not image_allowed(spec.image, policies.allowed_algorithms):
        raise NotAllowedError(
            "image: this node's policies.allowed_algorithms does not allow it; "
            "ask the data station to allow it, or use an allowed one"
        )
