"""The protections of ``kubernetes.pods``: which the cluster has, tried by pods."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.protections import ProtectionTest
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.config.pods import Pods
from node_poc.runs.pod_protections import TESTED
from node_poc.storage.folders import make_shared_folder

#: The key whose effect Kubernetes itself decides; on `auto` it needs a database with files.
RECURSIVE = "recursive_read_only"


def try_protections(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Start a pod with each protection, for a minute each at most, and yield the findings."""
    folder = Path(config.task_dir)
    is_own = folder.is_dir() and folder.stat().st_uid == os.geteuid()
    make_folder = partial(make_shared_folder, folder) if is_own else None
    objects = ClusterObjects(api, config.kubernetes.namespace)
    test = ProtectionTest(config, api, objects, make_folder)
    found = test.run(threading.Event())
    mounts = test.run_mounts(threading.Event())
    if mounts is not None:
        found = {**found, RECURSIVE: mounts}
    yield from of_protections(config.kubernetes.pods, found)
    yield from of_runtime_classes(test.run_classes(threading.Event()))


def of_protections(pods: Pods, found: Mapping[str, str]) -> Iterator[Line]:
    """Yield which protections of ``kubernetes.pods`` are used.

    Args:
        pods: the settings.
        found: for each key on `auto`, also by its name with each RuntimeClass, the reason why the
            cluster lacks the protection, or nothing.
    """
    for key in (*TESTED, RECURSIVE):
        choice = getattr(pods, key)
        name = f"kubernetes.pods.{key}"
        if choice == "off":
            yield warning(f"{name} is off", "set it to auto")
        elif choice == "on":
            yield ok(f"{name} is on: a run without the protection does not start")
        elif key not in found:
            yield ok(f"{name}: no database has files")
        else:
            names = [each for each in found if each.split()[0] == key]
            yield from (_of_auto(each, found[each]) for each in names)


def _of_auto(name: str, reason: str) -> Line:
    told = f"kubernetes.pods.{name}"
    if not reason:
        return ok(f"{told}: the cluster has it, and runs use it")
    remedy = "runs go without; a newer cluster or container runtime may have it"
    return warning(f"{told}: {reason}", remedy)


def of_runtime_classes(found: Mapping[str, str]) -> Iterator[Line]:
    """Yield whether pods start with each RuntimeClass; by its name, the reason if not."""
    for name, reason in found.items():
        told = f"kubernetes.pods.runtime_classes: {name}"
        if reason:
            remedy = "runs of its images do not start; let an administrator add the RuntimeClass"
            yield failure(f"{told}: {reason}", remedy)
        else:
            yield ok(f"{told}: pods start with it")
