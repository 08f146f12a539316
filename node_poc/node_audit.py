"""Connects the audit trail with the other parts of the node. Contains no rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node_poc import __version__
from node_poc.audit.events import Event
from node_poc.cluster.lease import NodeLease
from node_poc.cluster.walls_proof import WallsProof
from node_poc.cluster.walls_watch import WallsWatch
from node_poc.config.model import NodeConfig
from node_poc.engine.run_notes import RunNotes
from node_poc.storage.audit_files import AuditFiles
from node_poc.storage.audit_trail import AuditTrail

_STOP_SECONDS = 1.0


class NodeAudit:
    """The node's audit trail, and the notes about runs for the engine."""

    def __init__(self, config: NodeConfig, walls: WallsWatch, proof: WallsProof) -> None:
        """Create a trail below ``task_dir``; nothing is read or written before ``start``."""
        self._config = config
        self._walls = walls
        self._proof = proof
        keep = config.kubernetes.audit_megabytes
        self._trail = AuditTrail(AuditFiles(Path(config.task_dir), keep))
        self.notes = RunNotes(self._trail, self._walls_in_force)

    @property
    def remark(self) -> str | None:
        """Why no run starts at the moment because of the trail; None if all is well."""
        return self._trail.remark

    def start(self, lease: NodeLease) -> None:
        """Start writing, and keep the newest head on the Lease, which this process must hold."""
        self._trail.start(lease.calls.found_audit_head)
        lease.calls.audit_head = lambda: self._trail.head
        settings = self._config.kubernetes
        facts = {
            "version": __version__,
            "node": settings.node_name,
            "namespace": settings.namespace,
            "server": self._config.server_address,
            "holder": lease.holder.text,
            "walls_required": settings.walls.required,
        }
        self._trail.note(Event.NODE_STARTED, facts | self._walls_in_force())

    def stop(self, *, failed: bool, lease_lost: bool) -> None:
        """Write the last entries; none if the Lease is lost, because another node may write now."""
        if lease_lost:
            self._trail.abandon()
        else:
            self._trail.note(Event.NODE_ENDED, {"failed": failed})
            self._trail.stop(_STOP_SECONDS)

    def _walls_in_force(self) -> dict[str, Any]:
        names, digest = self._walls.fingerprint
        verdict = self._proof.verdict
        made_at = datetime.fromtimestamp(verdict.made_at, UTC) if verdict.made_at else None
        return {
            "opened_ways": list(self._config.opened_ways),
            "policies": list(names),
            "policies_sha256": digest,
            "policies_wrong": self._walls.remark,
            "verdict": str(verdict),
            "verdict_at": made_at.isoformat(timespec="seconds") if made_at else None,
        }
