"""PURE: why a pod with a protection of ``kubernetes.pods`` does not start on this cluster.

The words are those of kubelet, container runtime and API server
(``pkg/kubelet/kuberuntime``, ``pkg/kubelet/lifecycle``, ``plugin/pkg/admission/runtimeclass``),
containerd (``internal/cri``) and runc (``libcontainer``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.config.pods import RuntimeClassRule
from node_poc.runs.model import Failure
from node_poc.runs.runtime_classes import runtime_class_of

#: The keys of ``kubernetes.pods`` for which `auto` asks a self-test, each with the field of a Job's
#: pod. For the other keys, Kubernetes itself decides.
TESTED = {"user_namespaces": "hostUsers", "strict_groups": "supplementalGroupsPolicy"}
#: The fields of protections that an API server may drop without an error.
DROPPABLE = TESTED | {"recursive_read_only": "recursiveReadOnly"}

_ADVICE = "Tell the site: its cluster lacks a protection that the site asks for."
_DROPS = "the API server drops"
# (expression for the message, cause, key below ``kubernetes.pods``), the first match counts.
_KNOWN = (
    (r"RuntimeClass .*not found|no runtime for \S+ is configured", "RuntimeClassMissing",
     "runtime_classes"),
    (r"recursive read-only|recursiveReadOnly", "RecursiveReadOnlyMissing", "recursive_read_only"),
    (r"hostUsers|user namespace|IDMAP|idmap", "UserNamespacesMissing", "user_namespaces"),
    (r"(?i)supplementalGroupsPolicy", "StrictGroupsMissing", "strict_groups"),
)  # fmt: skip


def diagnose_protection(message: str) -> Failure | None:
    """Return the failure of a run whose pod the cluster cannot protect as the site asks.

    Args:
        message: the words of kubelet, container runtime or API server.

    Returns:
        None if the message is about something else.
    """
    for words, cause, key in _KNOWN:
        if re.search(words, message):
            return protection_missing(cause, key, message)
    return None


def protection_missing(cause: str, key: str, message: str) -> Failure:
    """Return the failure for one key of ``kubernetes.pods``."""
    detail = "the data station cannot protect its pod as the station's settings ask"
    site_detail = f"kubernetes.pods.{key} asks for more than the cluster has: {message}"
    return Failure(cause, detail, _ADVICE, site_detail)


def with_protections(config: NodeConfig, found: Collection[str]) -> NodeConfig:
    """Return the configuration with `on` or `off` in place of `auto` for each of ``TESTED``.

    Args:
        config: configuration of the node.
        found: the keys of those that the cluster has.
    """
    decided = {key: "on" if key in found else "off" for key in tested_keys(config)}
    if not decided:
        return config
    return _with_pods(config, decided)


def runtime_classes_of(config: NodeConfig) -> list[str]:
    """Return the RuntimeClasses of the configuration, each once."""
    rules = config.kubernetes.pods.runtime_classes
    return list(dict.fromkeys(each.runtime_class for each in rules))


def tested_keys(config: NodeConfig) -> list[str]:
    """Return the keys of ``TESTED`` that are `auto`."""
    return [key for key in TESTED if getattr(config.kubernetes.pods, key) == "auto"]


def name_of(key: str, runtime_class: str | None) -> str:
    """Return the name of a protection in results of tests: pods with a RuntimeClass have their own.

    One container runtime may lack what another has.
    """
    return f"{key} with {runtime_class}" if runtime_class else key


def tested_names(config: NodeConfig) -> list[str]:
    """Return the names of all protections to test: without a RuntimeClass, and with each."""
    classes = [None, *runtime_classes_of(config)]
    return [name_of(key, each) for each in classes for key in tested_keys(config)]


def protections_for(config: NodeConfig, image: str, found: Mapping[str, str]) -> NodeConfig:
    """Return the configuration with the protections of one image's pods.

    Args:
        config: configuration of the node.
        image: name of the image, which decides about the pod's RuntimeClass.
        found: by the name of a protection, why the cluster lacks it; empty if it is there.
    """
    name = runtime_class_of(image, config.kubernetes.pods.runtime_classes)
    there = [key for key in TESTED if found.get(name_of(key, name)) == ""]
    return with_protections(config, there)


def with_class(config: NodeConfig, name: str | None) -> NodeConfig:
    """Return the configuration with one RuntimeClass for all images, or with none."""
    rules = [RuntimeClassRule(images=".*", runtime_class=name)] if name else []
    return _with_pods(config, {"runtime_classes": rules})


def without_protections(config: NodeConfig) -> NodeConfig:
    """Return the configuration with all of ``TESTED`` off."""
    return _with_pods(config, dict.fromkeys(TESTED, "off"))


def _with_pods(config: NodeConfig, update: Mapping[str, Any]) -> NodeConfig:
    return config.with_kubernetes(pods=config.kubernetes.pods.model_copy(update=update))


def dropped(job: dict[str, Any], answered: dict[str, Any]) -> list[str]:
    """Return the keys of those protections in a Job that the API server has dropped.

    Args:
        job: the Job as it was sent.
        answered: the Job as the API server takes it.
    """
    sent, kept = (_fields(each) for each in (job, answered))
    return [key for key, field in DROPPABLE.items() if field in sent and field not in kept]


def _fields(job: dict[str, Any]) -> set[str]:
    pod = job["spec"]["template"]["spec"]
    mounts = pod["containers"][0].get("volumeMounts") or []
    fields = {*pod, *(pod.get("securityContext") or {})}
    return fields.union(*mounts)


def unknown_to_the_server(keys: Collection[str]) -> str:
    """Return the message about protections that the API server has dropped."""
    fields = ", ".join(DROPPABLE[key] for key in keys)
    return f"{_DROPS} {fields}: its version is too old, or a feature is switched off"


def is_dropped(message: str) -> bool:
    """Return whether a message is that of ``unknown_to_the_server``."""
    return _DROPS in message
