"""Reads one node's state from the cluster: Deployments, pods, Events, Jobs and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from node_poc.cluster.applying import NodeObjects
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.logs import SilentError, stream_bytes
from node_poc.manage.health import Part, Phase, judge, of_component
from node_poc.manifests import identity
from node_poc.manifests.lease import version_of
from node_poc.observe.claim_state import claims_of, waiting_claim
from node_poc.observe.node_state import is_ready

Object = dict[str, Any]

PARTS = (identity.COMPONENT_NODE, identity.COMPONENT_PROXY)
#: In place of a component: all pods of the node, also those of runs.
EVERY = ""
_READ_SECONDS = 15.0
_SERIOUS = ("warning", "error", "critical")
_LOG_LINES = 60
_LOG_BYTES = 200_000
#: The API's statuses for the log of a container that has not started, and of a pod that no machine
#: has yet, for example because its claim waits for a volume.
NO_LOG_YET = frozenset({400, 204})


class NodeView:
    """One node in its namespace. Every method raises ClusterError."""

    def __init__(self, objects: NodeObjects, namespace: str, node_label: str) -> None:
        """Look at the node whose objects have ``node_label`` in ``namespace``."""
        self._objects = objects
        self.namespace = namespace
        self._node_label = node_label
        self.selector = f"{identity.LABEL_NODE}={node_label}"

    def deployment(self, component: str) -> Object | None:
        """Return the Deployment of ``node`` or ``proxy``; None without the Deployment."""
        found = self._objects.list_kind("Deployment", self.namespace, self.selector)
        return next(iter(of_component(found, component)), None)

    def pods(self, component: str) -> list[Object]:
        """Return the pods of ``node`` or ``proxy``, or of ``EVERY`` part, the newest first."""
        part = f",{identity.LABEL_COMPONENT}={component}" if component else ""
        selector = f"{self.selector}{part}"
        found = self._objects.list_kind("Pod", self.namespace, selector)
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)

    def parts(self) -> list[Part]:
        """Return how node and proxy are. Events are asked for only where a pod is not ready."""
        deployments = self._objects.list_kind("Deployment", self.namespace, self.selector)
        made = []
        for name in PARTS:
            pods = self.pods(name)
            deployment = next(iter(of_component(deployments, name)), None)
            waiting = [pod for pod in pods if _waits(pod)]
            events, claims = list(self._events(waiting)), list(self._claims(waiting))
            made.append(judge(name, deployment, pods, events, claims))
        return made

    def _events(self, pods: list[Object]) -> Iterator[Object]:
        for pod in pods:
            yield from self._objects.events_of(self.namespace, pod["metadata"]["name"])

    def _claims(self, pods: list[Object]) -> Iterator[str]:
        """Yield sentences about the pods' claims that cannot be used yet, if they may be read."""
        for name in sorted({name for pod in pods for name in claims_of(pod)}):
            try:
                claim = self._objects.get("PersistentVolumeClaim", self.namespace, name)
            except ClusterError as error:
                if not error.is_forbidden:
                    raise
                return
            if claim is None:
                continue  # the scheduler names a missing claim itself
            events = self._objects.events_of(self.namespace, name)
            if (sentence := waiting_claim(claim, events)) is not None:
                yield sentence

    def runs_in_flight(self) -> list[Object]:
        """Return the Jobs of runs that have not ended."""
        return [job for job in self.jobs() if not _has_ended(job)]

    def jobs(self) -> list[Object]:
        """Return the Jobs of all runs; the self-test has Jobs, too, which are no runs."""
        component = f"{identity.LABEL_COMPONENT}={identity.COMPONENT_ALGORITHM}"
        jobs = self._objects.list_kind("Job", self.namespace, f"{self.selector},{component}")
        return [job for job in jobs if _is_run(job)]

    def log(self, pod: str, container: str, *, lines: int, previous: bool = False) -> list[str]:
        """Return the last lines of a container's log; no lines before the container's start."""
        query = [("tailLines", str(lines)), *([("previous", "true")] if previous else [])]
        try:
            return self._lines(pod, container, query)
        except (NotFoundError, SilentError):
            return []
        except ClusterError as error:
            if error.status in NO_LOG_YET:
                return []
            raise

    def _lines(self, pod: str, container: str, query: list[tuple[str, str]]) -> list[str]:
        """Return the lines of a log, of which the first 200 kB are read."""
        limited = [("container", container), ("limitBytes", str(_LOG_BYTES)), *query]
        pieces = stream_bytes(self._objects.api, self.log_path(pod), limited, lambda: _READ_SECONDS)
        return b"".join(pieces).decode("utf-8", "replace").splitlines()

    def log_path(self, pod: str) -> str:
        """Return the API path of a pod's log."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"

    def last_words(self, part: Part) -> list[str]:
        """Return the serious lines at the end of the log of a part that does not come up."""
        for pod in self.pods(part.name):
            name = pod["metadata"]["name"]
            for previous in (False, True):
                found = self.log(name, part.name, lines=_LOG_LINES, previous=previous)
                if serious := list(serious_lines(found)):
                    return serious[-5:]
        return []

    def version(self) -> str | None:
        """Return the version of the node at work, from its Lease, or the start of its log."""
        if told := self.version_on_lease():
            return told
        for pod in self.pods(identity.COMPONENT_NODE):
            with suppress(ClusterError):
                for line in self._lines(pod["metadata"]["name"], identity.COMPONENT_NODE, []):
                    if version := _parsed(line).get("version"):
                        return str(version)
        return None

    def version_on_lease(self) -> str:
        """Return the version of the node that works, or worked last; empty if nobody may know."""
        try:
            lease = self._objects.get("Lease", self.namespace, self._node_label)
        except ClusterError as error:
            if error.is_forbidden:
                return ""
            raise
        return version_of(lease) if lease else ""


def _waits(pod: Object) -> bool:
    return not is_ready(pod) and not pod["metadata"].get("deletionTimestamp")


def is_stopped(parts: list[Part]) -> bool:
    """Return whether no pod of the node is wanted."""
    return all(part.phase in {Phase.STOPPED, Phase.ABSENT} for part in parts)


def serious_lines(lines: list[str]) -> Iterator[str]:
    """Yield the warnings and errors of a node's log; lines without JSON, such as a traceback, too.

    ``error: ...`` is how the node explains a wrong configuration.
    """
    for line in lines:
        entry = _parsed(line)
        if entry.get("level") in _SERIOUS:
            skipped = ("event", "level", "timestamp")
            more = ", ".join(
                f"{key}: {value}" for key, value in entry.items() if key not in skipped
            )
            yield f"{entry['level']}: {entry.get('event')}" + (f" ({more[:400]})" if more else "")
        elif not entry and line.startswith(("error:", "Traceback", "PermissionError", "OSError")):
            yield line[:500]


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _has_ended(job: Object) -> bool:
    """Return whether a run is over; the node's mark may come before the Job's own condition."""
    if identity.is_delivered(job["metadata"]):
        return True
    conditions = (job.get("status") or {}).get("conditions") or []
    ends = {"Complete", "Failed"}
    return any(each.get("type") in ends and each.get("status") == "True" for each in conditions)


def _is_run(job: Object) -> bool:
    """Return whether a Job is a run and not a pod of the self-test."""
    return identity.run_id_of(job["metadata"].get("labels") or {}) is not None
