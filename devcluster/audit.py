"""The API server's audit log: which ServiceAccounts of users asked for what.

Tests compare the log with the rights that the node's Role grants.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devcluster.layout import Layout

_MEGABYTES = 20
_OLDER_FILES = 3


def policy() -> str:
    """Return the audit policy: metadata only, without the cluster's own ServiceAccounts."""
    return json.dumps(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "omitManagedFields": True,
            "rules": [
                {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
                {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
                {"level": "None"},
            ],
        },
        indent=1,
    )


def policy_file(layout: Layout) -> Path:
    """Return the path of the policy, on the first node."""
    return layout.node_dir(1) / "audit-policy.json"


def flags(layout: Layout) -> tuple[str, ...]:
    """Return the API server's flags; the log never takes more than 80 megabytes."""
    return (
        f"--audit-policy-file={policy_file(layout)}",
        f"--audit-log-path={_folder(layout)}/audit.log",
        f"--audit-log-maxsize={_MEGABYTES}",
        f"--audit-log-maxbackup={_OLDER_FILES}",
    )


def events(layout: Layout) -> Iterator[dict[str, Any]]:
    """Yield the events of the log (audit.k8s.io/v1), the oldest first.

    Raises:
        FileNotFoundError: a cluster that an older version made has no log; make the cluster anew.
    """
    files = [*sorted(_folder(layout).glob("audit-*.log")), _folder(layout) / "audit.log"]
    for path in files:
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.endswith("}\n"))


def _folder(layout: Layout) -> Path:
    return layout.node_dir(1) / "log"
