"""Finds out which protections of ``kubernetes.pods`` the cluster has, for those on `auto`.

The features of the machines are on objects that the node has no right to read. Therefore the node
starts a pod of the self-test with each protection, and with the mounts of a run: user namespaces
also need file systems that can map users, and NFS cannot. Until a pod has started, the protection
is not used, so that no run is lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.tester_pods import TesterPod, TesterPods
from node_poc.config.base import short_hash
from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.jobs import TEST_FOLDER, mounts_of_a_run
from node_poc.manifests.identity import CONTAINER
from node_poc.runs.pod_protections import (
    diagnose_protection,
    dropped,
    name_of,
    protections_for,
    runtime_classes_of,
    tested_keys,
    tested_names,
    unknown_to_the_server,
    with_class,
    with_protections,
    without_protections,
)

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 1800.0
_STOP_SECONDS = 2.0


class ProtectionTest:
    """Starts a pod with each protection that is on `auto`."""

    def __init__(
        self,
        config: NodeConfig,
        api: KubernetesApi,
        objects: ClusterObjects,
        make_folder: Callable[[str], None] | None,
    ) -> None:
        """Take the connection.

        Args:
            config: configuration of the node.
            api: the connection to the API server.
            objects: calls in the namespace of ``config``.
            make_folder: makes a shared folder of this name in ``task_dir``, for the pods to mount;
                None where ``task_dir`` is out of reach.
        """
        self._config = config
        self._objects = objects
        self._logs = ContainerLogs(api, objects.pods_path, CONTAINER)
        self._make_folder = make_folder

    def run(self, ended: threading.Event) -> dict[str, str]:
        """Try each protection for a minute at most; raises nothing.

        Args:
            ended: ends the test early.

        Returns:
            for each protection on `auto`, by its name without and with each RuntimeClass, the
            reason why it is not used; empty if the cluster has the protection.
        """
        try:
            if self._make_folder is not None:
                self._make_folder(TEST_FOLDER)
            return {
                name_of(key, each): self._try(
                    with_class(with_protections(self._config, {key}), each), ended
                )
                for each in (None, *runtime_classes_of(self._config))
                for key in tested_keys(self._config)
            }
        except Exception as error:  # without an answer, nobody would learn of the failure
            log.exception("the test of protections failed")
            reason = f"the test failed ({type(error).__name__})"
            return dict.fromkeys(tested_names(self._config), reason)

    def run_classes(self, ended: threading.Event) -> dict[str, str]:
        """Return for each RuntimeClass of the configuration why no pod starts with the class.

        The text is empty if a pod starts. Raises nothing; at most a minute for each class.
        """
        bare = without_protections(self._config)
        names = runtime_classes_of(self._config)
        return {name: self._try(with_class(bare, name), ended) for name in names}

    def run_mounts(self, ended: threading.Event) -> str | None:
        """Return why mounts below databases stay writable with ``recursive_read_only: auto``.

        The text is empty if they are read-only. None: another setting, or no database has files.
        Raises nothing; at most a minute.
        """
        has_files = any(not each.is_service for each in self._config.databases)
        if self._config.kubernetes.pods.recursive_read_only != "auto" or not has_files:
            return None
        return self._try(with_protections(self._config, ()), ended, _of_mounts)

    def _try(
        self,
        config: NodeConfig,
        ended: threading.Event,
        judge: Callable[[TesterPod], str] = lambda _started: "",
    ) -> str:
        """Return why no pod starts; for a pod that has started, the answer of ``judge``."""
        mounts = mounts_of_a_run(config, with_task_dir=self._make_folder is not None)
        pods = TesterPods(config, self._objects, self._logs, os.getgid(), mounts)
        try:
            if lost := dropped(*pods.dry_run()):
                return unknown_to_the_server(lost)
            pod = pods.start((), 0.0)
            return self._await_start(pods, pod, ended) or judge(pod)
        except ClusterError as error:
            return f"no pod could be made (status {error.status}): {error.message}"[:300]
        finally:
            pods.remove()

    def _await_start(self, pods: TesterPods, pod: TesterPod, ended: threading.Event) -> str:
        left = _PATIENCE_SECONDS
        while left > 0 and not ended.wait(_LOOK_SECONDS):
            pods.refresh()
            if pod.has_told_addresses:  # the program runs
                return ""
            reason = self._refusal(pod) if left % 5 < _LOOK_SECONDS else ""
            if pod.is_over or reason:
                return reason or pod.trouble
            left -= _LOOK_SECONDS
        return pod.trouble

    def _refusal(self, pod: TesterPod) -> str:
        """Return the words of the pod's Events or status about a protection; empty without any."""
        texts = [pod.trouble]
        for event in self._objects.list_all_events() or []:
            if str((event.get("involvedObject") or {}).get("name")).startswith(pod.job):
                texts.append(str(event.get("message")))
        return next((text[:300] for text in texts if diagnose_protection(text)), "")


def _of_mounts(started: TesterPod) -> str:
    if not started.shallow_mounts:
        return ""
    return "the machine's container runtime or kernel has no recursive read-only mounts"


class Note(Protocol):
    """Keeps the last result (``storage/protections_note.py``)."""

    def read(self) -> tuple[dict[str, str], float] | None:
        """Return the result and the time of the test, in seconds since the epoch; or None."""

    def write(self, found: dict[str, str], tested_at: float) -> None:
        """Keep a result."""


class Protections:
    """The protections that the cluster has, tested at the first start and on a timer."""

    def __init__(
        self,
        config: NodeConfig,
        test: Callable[[threading.Event], dict[str, str]],
        note: Note,
    ) -> None:
        """Create the object; ``start`` starts its thread.

        Args:
            config: configuration of the node. Without ``self_test_hours``, `auto` is as `off`.
            test: ``ProtectionTest.run``.
            note: keeps the last result.
        """
        self._test = test
        self._note = note
        self._seconds = 3600 * (config.kubernetes.walls.self_test_hours or 0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="protections", daemon=True)
        self._config = config
        self._found: dict[str, str] = {}
        self._tested_at = 0.0

    def start(self) -> None:
        """Take the last result, and start the thread, unless there is nothing to test."""
        names = set(tested_names(self._config))
        if not self._seconds or not names:
            return
        kept = self._note.read()
        if kept is not None and kept[0].keys() == names:
            found, tested_at = kept
            if 0 <= time.time() - tested_at < 2 * self._seconds:
                self._take(found, tested_at)
        self._thread.start()

    def config_for(self, image: str) -> NodeConfig:
        """Return the node's configuration with `on` or `off` in place of `auto`. Thread-safe.

        Args:
            image: name of the pod's image: its RuntimeClass may lack a protection.
        """
        return protections_for(self._config, image, self._found)

    def stop(self) -> None:
        """End the thread. A test that is under way has a moment to remove its pod."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _serve(self) -> None:
        while not self._ended.wait(self._pause()):
            found = self._test(self._ended)
            if self._ended.is_set():
                return
            self._take(found, time.time())
            self._note.write(found, self._tested_at)

    def _pause(self) -> float:
        """Return the seconds until the next test, which comes sooner if a protection is missing."""
        every = min(self._seconds, _AGAIN_SECONDS) if any(self._found.values()) else self._seconds
        return max(0.0, self._tested_at + every - time.time())

    def _take(self, found: dict[str, str], tested_at: float) -> None:
        before, self._found, self._tested_at = self._found, found, tested_at
        if before == found:
            return
        lacking = {f"kubernetes.pods.{key}": reason for key, reason in found.items() if reason}
        if lacking:
            log.warning("the cluster lacks protections for algorithms", lacking=lacking)
        else:
            log.info("the cluster has all protections for algorithms", found=sorted(found))


def place_of(config: NodeConfig, cluster: str) -> str:
    """Return a text that tells clusters and file systems apart; the result depends on both."""
    storage = config.kubernetes.storage.model_dump_json()
    paths = [each.uri for each in config.databases if not each.is_service]
    return f"{cluster} {short_hash(' '.join([config.task_dir, storage, *paths]))}"
