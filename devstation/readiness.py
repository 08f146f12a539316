"""Wait until Deployments are ready, and explain why pods are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from devstation.cluster import Cluster, Object
from devstation.errors import StationError
from devstation.waiting import wait_for

_SECONDS = 180


def wait_ready(cluster: Cluster, namespace: str, *names: str) -> None:
    """Wait until these Deployments of a namespace are ready; without names, all of them.

    Raises:
        StationError: a Deployment was not ready in time; the text has Kubernetes' reasons per pod.
    """
    where = ("-n", namespace)
    for chosen in [f"deployment/{name}" for name in names] or _deployments(cluster, namespace):
        try:
            cluster.kubectl(*where, "rollout", "status", chosen, f"--timeout={_SECONDS}s")
        except StationError as error:
            pods, events = (cluster.get(kind, namespace=namespace) for kind in ("pods", "events"))
            facts = "\n".join(troubles(pods, events))
            more = f"python3 -m devcluster kubectl -- -n {namespace} describe pods"
            raise StationError(f"{error}\n{facts}\nmore: {more}") from error


def wait_for_verdict(tasks: Path) -> None:
    """Wait until a node keeps the verdict of its first self-test in its ``task_dir``.

    The pods of the test are gone by then, and disturb no measurement.

    Raises:
        StationError: the self-test came to no result.
    """
    note = tasks / ".node" / "walls.json"
    wait_for(note.exists, "a verdict of the self-test; the node's log has the reason", _SECONDS)


def _deployments(cluster: Cluster, namespace: str) -> list[str]:
    return cluster.kubectl("-n", namespace, "get", "deployments", "-o", "name").split()


def troubles(pods: Sequence[Object], events: Sequence[Object]) -> list[str]:
    """PURE: return a line for each pod that is not ready, with its state and last warning."""
    lines = []
    for pod in pods:
        status = pod.get("status", {})
        if status.get("phase") == "Succeeded" or _is_ready(status):
            continue
        name = pod["metadata"]["name"]
        facts = [*_states(status), *_last_warning(name, events)]
        lines.append(f"pod {name}: {status.get('phase')}; {'; '.join(facts) or 'no reason told'}")
    return lines


def _is_ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))


def _states(status: Object) -> Iterator[str]:
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield str(condition.get("message"))
    for container in (
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            words = (waiting.get("reason"), waiting.get("message"))
            yield f"{container['name']}: {': '.join(filter(None, words))}"


def _last_warning(name: str, events: Sequence[Object]) -> Iterator[str]:
    about = [e for e in events if e.get("involvedObject", {}).get("name") == name]
    warnings = [e for e in about if e.get("type") == "Warning"]
    if warnings:
        yield str(max(warnings, key=_when)["message"])


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")
