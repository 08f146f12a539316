"""Log a run's changes in the node's own log; only the site may see Kubernetes' messages."""

from __future__ import annotations

import structlog

from node_poc.runs.model import Failure, Run

log = structlog.get_logger(__name__)


def log_change(before: Run, now: Run) -> None:
    """Log a run's status, and the cause of a failure, if the status or the failure has changed."""
    if now.status is before.status and now.failure == before.failure:
        return
    why = now.failure or Failure("", "", "")
    reason = {"cause": why.cause, "site_detail": why.site_detail} if why.cause else {}
    log.info("run is now", run_id=now.run_id, status=now.status.value, **reason)
