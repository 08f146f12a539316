"""The dev cluster that is running, for tests of its network."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

from devcluster import target
from devcluster.layout import Layout
from devcluster.shell import wait_until

LAYOUT = Layout.chosen(os.environ)
CHOSEN = target.resolve(LAYOUT, {})
_PATIENCE_SECONDS = 90.0


def kubectl(*words: str, stdin: str | None = None) -> str:
    result = subprocess.run(
        [*CHOSEN.kubectl, *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def wait_for(look: Callable[[], bool], what: str) -> None:
    wait_until(look, _PATIENCE_SECONDS, what, every=0.2)


def apply(namespace: str, *items: dict[str, Any]) -> None:
    objects = {"apiVersion": "v1", "kind": "List", "items": list(items)}
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(objects))


def log_of_ended(namespace: str, name: str) -> str:
    """Wait until a pod has succeeded, and return its log; fail if the pod fails."""

    def ended() -> bool:
        phase = kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
        assert phase != "Failed", kubectl("-n", namespace, "logs", name)
        return phase == "Succeeded"

    wait_for(ended, f"the pod {name} does not end")
    return kubectl("-n", namespace, "logs", name)
