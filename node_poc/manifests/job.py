"""PURE: build the ``batch/v1`` Job of a run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.claims import beside_the_node
from node_poc.manifests.identity import Identity
from node_poc.manifests.placement import REQUIRED, placed, with_term
from node_poc.manifests.pull_secret import pull_secret_names
from node_poc.manifests.security import (
    container_resources,
    container_security_context,
    pod_security_context,
)
from node_poc.manifests.volumes import build_volumes
from node_poc.runs.image_resources import for_image
from node_poc.runs.model import RunSpec
from node_poc.runs.runtime_classes import runtime_class_of

# A pod with dnsPolicy None must have a name server. Nothing listens on this address, so a lookup
# fails at once instead of waiting for an answer that the NetworkPolicy drops.
_NO_NAME_SERVER = "127.0.0.1"
_HOST_NAME = "algorithm"
# Kubernetes sets these variables in every container, even if enableServiceLinks is false. The
# NetworkPolicies make them useless, and vantage6's tools decode every variable: an empty value
# stays empty.
_NOT_FOR_ALGORITHMS = (
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_SERVICE_PORT_HTTPS",
    "KUBERNETES_PORT",
    "KUBERNETES_PORT_443_TCP",
    "KUBERNETES_PORT_443_TCP_ADDR",
    "KUBERNETES_PORT_443_TCP_PORT",
    "KUBERNETES_PORT_443_TCP_PROTO",
)
# A user that the image does not define has neither a home nor a name, so caches in ~, getpass and
# more fail. Everybody may write to /tmp.
_FOR_UNKNOWN_USERS = {"HOME": "/tmp", "USER": "algorithm", "LOGNAME": "algorithm"}  # noqa: S108
_NONE: Mapping[str, str] = MappingProxyType({})
# Paths of the node's image (``Dockerfile``). Without site packages the program starts at once.
_GATE_COMMAND = ("/opt/venv/bin/python", "-I", "-S", "/app/node_poc/gate.py")


def build_job(
    spec: RunSpec,
    config: NodeConfig,
    proxy_address: str | None,
    storage_group: int,
    addresses: Mapping[str, str] = _NONE,
    *,
    is_gated: bool = False,
) -> dict[str, Any]:
    """Return the Job of a run.

    Args:
        spec: the run.
        config: configuration of the node.
        proxy_address: IP address for the proxy's host name; with None the name does not resolve.
        storage_group: group id that owns the run's folders.
        addresses: IP addresses of other names that the run may reach; the pod has no DNS.
        is_gated: whether the algorithm waits for the pod's NetworkPolicies.
    """
    config = for_image(config, spec.image)
    names = Identity(config.kubernetes.node_name)
    site = config.kubernetes.placement_of("algorithms")
    labels = site.labels | names.labels(spec.run_id, spec.egress.value, spec.services)
    hosts = {**addresses, **_proxy(config, proxy_address)}
    annotations = site.annotations | {identity.ANNOTATION_IMAGE: spec.image}
    pod = _pod_spec(spec, config, hosts, storage_group)
    job_spec: dict[str, Any] = {
        # Never retry: an algorithm that ran twice would send two results.
        "backoffLimit": 0,
        "template": {
            "metadata": {
                "labels": labels | identity.LABELS_NO_MESH,
                "annotations": annotations | identity.ANNOTATIONS_NO_MESH,
            },
            "spec": pod | ({"initContainers": [_gate(config)]} if is_gated else {}),
        },
    }
    if (seconds := config.kubernetes.limits.run_seconds) is not None:
        job_spec["activeDeadlineSeconds"] = seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(spec.run_id),
            "namespace": config.kubernetes.namespace,
            "labels": labels | _queue(config),
            "annotations": annotations,
        },
        "spec": job_spec,
    }


def _queue(config: NodeConfig) -> dict[str, str]:
    queue = config.kubernetes.queue
    return {identity.LABEL_QUEUE: queue} if queue else {}


def _proxy(config: NodeConfig, address: str | None) -> dict[str, str]:
    return {config.kubernetes.proxy.host_name: address} if address else {}


def _pod_spec(
    spec: RunSpec, config: NodeConfig, hosts: Mapping[str, str], storage_group: int
) -> dict[str, Any]:
    settings = config.kubernetes
    volumes, _ = build_volumes(spec, config)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        # The default would be the pod's name, which contains the node's name.
        "hostname": _HOST_NAME,
        # The first process of a container ignores SIGTERM unless the process has a handler. With
        # the sandbox's process as the first, a killed algorithm ends at once, and an algorithm with
        # a handler can still clean up.
        "shareProcessNamespace": True,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.limits.grace_seconds,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": [_NO_NAME_SERVER]},
        **_placed(config),
        "securityContext": pod_security_context(
            settings.security, storage_group, strict_groups=settings.pods.strict_groups == "on"
        ),
        "volumes": volumes,
        "containers": [_container(spec, config)],
    }
    # With `auto`, the caller has put on or off in its place (``runs/pod_protections.py``).
    if settings.pods.user_namespaces == "on":
        pod["hostUsers"] = False
    if (name := runtime_class_of(spec.image, settings.pods.runtime_classes)) is not None:
        pod["runtimeClassName"] = name
    if hosts:
        pod["hostAliases"] = [
            {"ip": address, "hostnames": [name for name in hosts if hosts[name] == address]}
            for address in dict.fromkeys(hosts.values())
        ]
    if names := pull_secret_names(config):
        pod["imagePullSecrets"] = [{"name": name} for name in names]
    return pod


def _placed(config: NodeConfig) -> dict[str, Any]:
    """Return the placement of the run's pod: beside the node where one machine has the volume."""
    fields = placed(config, "algorithms")
    if term := beside_the_node(config):
        fields["affinity"] = with_term(fields.get("affinity", {}), REQUIRED, term)
    return fields


def _gate(config: NodeConfig) -> dict[str, Any]:
    """Return the init container that ends when the NetworkPolicies of the pod are in force.

    The kubelet reserves the larger of its resources and the algorithm's, so the gate costs nothing.
    """
    settings = config.kubernetes
    proxy = [settings.proxy.host_name, str(settings.proxy.port)]
    return {
        "name": identity.GATE,
        "image": settings.node_image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*_GATE_COMMAND, str(settings.walls.gate_seconds), *proxy],
        "resources": container_resources(settings.resources),
        "securityContext": {
            **container_security_context(settings.security),
            "readOnlyRootFilesystem": True,
        },
    }


def _container(spec: RunSpec, config: NodeConfig) -> dict[str, Any]:
    _, mounts = build_volumes(spec, config)
    return {
        "name": identity.CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "Always" if config.policies.require_algorithm_pull else "IfNotPresent",
        "args": [escape_references(argument) for argument in spec.arguments],
        "env": _variables(spec, config),
        "resources": container_resources(
            config.kubernetes.resources, gpu=config.algorithm_device_requests.gpu
        ),
        "securityContext": container_security_context(config.kubernetes.security),
        "volumeMounts": mounts,
    }


def _variables(spec: RunSpec, config: NodeConfig) -> list[dict[str, Any]]:
    secret = Identity(config.kubernetes.node_name).databases_secret_name
    own = {name for name, _ in (*spec.environment, *spec.secrets)}
    added = dict.fromkeys(_NOT_FOR_ALGORITHMS, "")
    # Root and the image's own user have a home in the image.
    if config.kubernetes.security.run_as_user:
        added |= _FOR_UNKNOWN_USERS
    return [
        *({"name": name, "value": text} for name, text in added.items() if name not in own),
        *({"name": name, "value": escape_references(text)} for name, text in spec.environment),
        *(
            {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for name, key in spec.secrets
        ),
    ]


def escape_references(text: str) -> str:
    """Escape ``$(NAME)`` in an argument as ``$$(NAME)``, which Kubernetes does not expand."""
    return text.replace("$", "$$")
