"""The Job of a run in the cluster: created, marked, removed; its pod and Events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.observations import observe_pod
from node_poc.config.model import NodeConfig
from node_poc.engine.event_reader import EventReader
from node_poc.engine.job_hosts import JobHosts
from node_poc.engine.run_notes import NoTrail, RunNotes
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.runs.event_diagnosis import diagnose_refused_job
from node_poc.runs.model import Failure, Run
from node_poc.runs.observed import EventsSeen, PodObservation
from node_poc.runs.pod_protections import (
    DROPPABLE,
    dropped,
    unknown_to_the_server,
    with_protections,
)
from node_poc.runs.trusted_images import SettledImage, pinned
from node_poc.storage.records import RunRecord

log = structlog.get_logger(__name__)


class RunJobs:
    """Calls the cluster for runs, each call once. Thread-safe."""

    def __init__(
        self,
        config: NodeConfig,
        objects: ClusterObjects,
        is_gated: Callable[[], bool] = lambda: False,
        settle_image: Callable[[str], SettledImage] | None = None,
        notes: RunNotes | None = None,
        protected: Callable[[str], NodeConfig] | None = None,
    ) -> None:
        """Work in the namespace of ``objects``, which is the configured one.

        Args:
            config: configuration of the node.
            objects: calls the Kubernetes API.
            is_gated: returns whether the algorithm of a new Job waits for its NetworkPolicies.
            settle_image: see ``registry.settle.ImageSettler``. None: Jobs name images as runs do.
            notes: writes the audit trail; None for tests only.
            protected: returns the configuration with the protections that the cluster has for pods
                of an image. None: no protection on `auto` is used.
        """
        self._config = config
        self._objects = objects
        self._is_gated = is_gated
        self.settle_image = settle_image
        self.notes = notes or RunNotes(NoTrail(), dict)
        self._protected = protected or (lambda _image: with_protections(config, ()))
        self._keeps_protections = False
        self._identity = Identity(config.kubernetes.node_name)
        self._event_reader = EventReader(objects, self._identity)
        self._hosts = JobHosts(config, objects)

    def create(self, record: RunRecord, wanted: Callable[[], bool]) -> float | None:
        """Create the run's Job and return at once; a watch follows the Job from then on.

        A Job that exists already is no error: a run id has one Job.

        Args:
            record: the run's record.
            wanted: whether the run still waits for its Job. Asked directly before the request:
                after a lost answer, the Job may have been seen and deleted since.

        Returns:
            when the Job was created, in seconds since the epoch; None if the Job is not wanted.

        Raises:
            ClusterError: the Job could not be created.
            StorageError: the audit trail could not be written.
        """
        address = self._hosts.find_proxy()
        if address is None:
            service = self._config.kubernetes.proxy.service
            log.warning("no proxy: its Service has no address", service=service)
        hosts = self._hosts.find_services(record.spec)
        is_gated = self._is_gated()
        spec = replace(record.spec, image=pinned(record.spec.image, record.image_digest))
        config = self._protected(spec.image)
        job = build_job(spec, config, address, os.getgid(), hosts, is_gated=is_gated)
        identity.mark_content(job, record.digest)
        self._check_protections(job)
        if not wanted():
            return None
        self.notes.starts(record, is_gated=is_gated)
        created = self._objects.create_job(job)
        if not created:
            self._check_content(record)
        log.info("job created", run_id=record.spec.run_id, new=created)
        return time.time()

    def _check_protections(self, job: dict[str, Any]) -> None:
        """Raise ClusterError if the API server drops a protection that the site has put `on`.

        A field of a feature that is switched off vanishes without a word. An API server that once
        has kept all fields is not asked again.
        """
        pods = self._config.kubernetes.pods
        wanted = [key for key in DROPPABLE if getattr(pods, key) == "on"]
        if not wanted or self._keeps_protections:
            return
        lost = dropped(job, self._objects.would_create_job(job))
        if lost := [key for key in lost if key in wanted]:
            raise ClusterError("create Job", 422, "Invalid", unknown_to_the_server(lost))
        self._keeps_protections = True

    def _check_content(self, record: RunRecord) -> None:
        """Remove the Job of a former run of the same id. Raise ClusterError if a Job was found."""
        run_id = record.spec.run_id
        for job in self._objects.list_jobs(self._identity.run_selector(run_id)):
            if identity.content_of(job["metadata"]) not in {"", record.digest}:
                self.remove(run_id)
                reason = "the Job of a former run of this number has to go first"
                raise ClusterError(f"create Job of run {run_id}", 0, "AlreadyExists", reason)

    def remove_completely(self, run_id: int) -> bool:
        """Delete the Job of a run that is over; return whether Job and pods are gone.

        Raises ClusterError.
        """
        self.remove(run_id)
        selector = self._identity.run_selector(run_id)
        return not self._objects.list_jobs(selector) and not self._objects.list_pods(selector)

    def remove(self, run_id: int) -> None:
        """Delete a run's Job and pods. Raises ClusterError."""
        self._objects.delete_job(self._identity.job_name(run_id))

    def find_pod(self, run_id: int) -> PodObservation:
        """Return an observation of the run's pod; ``gone`` without a pod. Raises ClusterError."""
        found = map(observe_pod, self._objects.list_pods(self._identity.run_selector(run_id)))
        nothing = PodObservation(run_id, "", "", gone=True)
        return next((pod for pod in found if pod is not None), nothing)

    def find_events(self, runs: Sequence[Run]) -> list[EventsSeen]:
        """Return the Events of each run; see ``EventReader``. Raises ClusterError."""
        return self._event_reader.read(runs)

    def mark(self, run_id: int) -> None:
        """Mark the Job as delivered; Kubernetes removes the Job after ``keep_finished_seconds``.

        Raises ClusterError.
        """
        marks = {
            identity.ANNOTATION_DELIVERED: "true",
            identity.ANNOTATION_DELIVERED_AT: str(int(time.time())),
        }
        patch = {
            "metadata": {"annotations": marks},
            "spec": {"ttlSecondsAfterFinished": self._config.kubernetes.keep_finished_seconds},
        }
        self._objects.patch_job(self._identity.job_name(run_id), patch)


def refused_by(error: Exception) -> Failure:
    """Return the failure of a run whose Job could not be created because of ``error``."""
    if isinstance(error, ClusterError):
        known = diagnose_refused_job(str(error))
        if known is not None:
            return known.failure
        detail = "Kubernetes at the data station does not take the run"
        advice = "Ask the site: its rights, quotas or admission rules forbid it."
        return Failure(error.reason or "ClusterError", detail, advice, str(error))
    advice = "Tell the site: its node's log has more."
    return Failure("InternalError", "the node failed on this run", advice, repr(error))
