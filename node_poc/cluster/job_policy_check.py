"""Looks whether the API server keeps this node to its own Jobs (``isolation/job_policy.py``).

The node has no right to read a ValidatingAdmissionPolicy, and a policy may exist without effect.
Therefore the node asks the API server, by a dry run, for a Job that only an attacker would want: a
Job with the machine's whole file system. A dry run creates nothing.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.runs.quotas import diagnose_quota

log = structlog.get_logger(__name__)

_CHECK_SECONDS = 600.0
_SOON_SECONDS = 30.0
_FORBIDDEN = {403, 422}
REMEDY = (
    "an administrator applies the output of `python -m node_poc render job-policy`; "
    "see the page on security"
)


def forbidden_job(job: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of one of the node's Jobs, with a volume that the node never asks for."""
    made = copy.deepcopy(job)
    pod = made["spec"]["template"]["spec"]
    pod["volumes"] = [*pod["volumes"], {"name": "machine", "hostPath": {"path": "/"}}]
    return made


def is_kept_to_its_jobs(
    would_create: Callable[[dict[str, Any]], object], forbidden: dict[str, Any]
) -> bool:
    """Return whether the API server refuses a forbidden Job.

    Args:
        would_create: asks the API server by a dry run. Raises ClusterError.
        forbidden: the Job.

    Raises:
        ClusterError: the answer says nothing about a policy.
    """
    try:
        would_create(forbidden)
    except ClusterError as error:
        if error.status not in _FORBIDDEN or diagnose_quota(error.message) is not None:
            raise
        return True
    return False


class JobPolicyCheck:
    """Asks at the start and every ten minutes, in a thread of its own."""

    def __init__(
        self, would_create: Callable[[dict[str, Any]], object], job: dict[str, Any]
    ) -> None:
        """Take a call and a Job.

        Args:
            would_create: asks the API server by a dry run. Raises ClusterError.
            job: a Job as the node builds it.
        """
        self._would_create = would_create
        self._job = forbidden_job(job)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="job policy", daemon=True)
        self.is_enforced: bool | None = None  # None: not known yet

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread without waiting for an answer of the API server."""
        self._ended.set()

    def _serve(self) -> None:
        while not self._ended.is_set():
            self._ended.wait(_SOON_SECONDS if self._check() is None else _CHECK_SECONDS)

    def _check(self) -> bool | None:
        """Ask once, log a change, and return whether the policy is enforced; None if unknown."""
        try:
            found = is_kept_to_its_jobs(self._would_create, self._job)
        except ClusterError as error:
            log.debug("the policy for Jobs is not known", error=str(error))
            return None
        if found != self.is_enforced:
            self.is_enforced = found
            self._tell()
        return found

    def _tell(self) -> None:
        if self.is_enforced:
            log.info("the API server keeps this node to its own Jobs")
            return
        log.warning(
            "no policy keeps this node to its own Jobs: an attacker who takes over the node could "
            "start any pod in the namespace",
            remedy=REMEDY,
        )
