"""The node's audit trail: whether its chain verifies, up to the head that the Lease keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node_poc.audit.chain import Head, parse_head
from node_poc.audit.verify import Report, verify
from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.lease_calls import audit_head_on_lease
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.storage.audit_files import audit_folder, files_of, stored_lines
from node_poc.storage.records import StorageError

_TRAIL = "the audit trail"
_MOST_FINDINGS = 3
_VERIFY = "keep a copy of task_dir, and call audit verify for all findings"


def look_at_audit(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the findings about the trail below ``task_dir``. Raises ClusterError."""
    settings, folder = config.kubernetes, audit_folder(Path(config.task_dir))
    # Before the files are read: the node may write meanwhile.
    text = audit_head_on_lease(api, settings.namespace, settings.node_name)
    try:
        head = parse_head(text) if text else None
    except ValueError as error:
        yield failure(f"{_TRAIL}: the annotation of the node's Lease was changed: {error}", _VERIFY)
        return
    try:
        if not files_of(folder):
            yield _of_missing_files(head)
            return
        known = [("the node's Lease", head)] if head else []
        yield from of_report(verify(stored_lines(folder), known), head)
    except (OSError, StorageError) as error:
        yield failure(f"{_TRAIL} cannot be read: {error}", "let the node's user read task_dir")


def _of_missing_files(head: Head | None) -> Line:
    if head is None:
        return warning(f"{_TRAIL} has no entries yet", "start the node's Deployment")
    remedy = "run doctor in the node's pod; if it says the same there, somebody removed the files"
    return warning(f"{_TRAIL} is not here, and the Lease names its entry {head.n}", remedy)


def of_report(report: Report, head: Head | None) -> Iterator[Line]:
    """Yield the meaning of a verification; ``head`` is the one that the Lease keeps, if any."""
    for finding in report.findings[:_MOST_FINDINGS]:
        yield failure(f"{_TRAIL}: {finding}", _VERIFY)
    if report.findings:
        more = len(report.findings) - _MOST_FINDINGS
        if more > 0:
            yield failure(f"{_TRAIL}: {more} more findings", _VERIFY)
        return
    told = f"{_TRAIL}: all {report.entries} entries are in order"
    if head is None:
        remedy = "start the node, which keeps its newest entry on the Lease"
        yield warning(f"{told}, but the Lease names no entry: a cut end would not show", remedy)
    else:
        yield ok(f"{told}, and entry {head.n} is the one that the Lease names")
