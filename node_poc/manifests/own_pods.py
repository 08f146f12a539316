"""PURE: the settings that the pods of a vantage6 node and of its proxy have in common.

Node and proxy both talk to the server, so both need the site's network settings: host names,
certificates, an outer proxy. Values that may be secret are in Secrets, and the pods refer to the
Secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from node_poc.config.base import short_hash
from node_poc.config.databases import is_address
from node_poc.config.extra_mounts import ExtraMount
from node_poc.config.model import NodeConfig
from node_poc.config.outside import CERTIFICATE_VARIABLES
from node_poc.config.placement import Placement
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.pull_secret import pull_secret_names

# Where the pods of node and proxy see the configuration file. `node_pod_config.yaml` names the
# folder too.
CONFIG_FOLDER = "/etc/v6-node"
KEY_FOLDER = "/etc/v6-keys"
KEY_NAME = "private_key.pem"
CA_FILE = "/etc/v6-ca/ca.pem"
_CA = "-ca"
_EXTRA_ENV = "-extra-env"

Object = dict[str, Any]
# No capability, no way to gain one, and nothing to change in the image.
LEAST_RIGHTS: Mapping[str, Any] = MappingProxyType(
    {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
)
VolumesAndMounts = tuple[list[Object], list[Object]]


@dataclass(frozen=True)
class Station:
    """The inputs for building one node's objects.

    Attributes:
        config: the parsed configuration.
        text: text of the configuration file.
        overrides: environment variables that override the configuration file.
        key: private key (PEM), if the node encrypts.
        authorities: certificates (PEM) of ``ca_file``.
        image: image of the node and the proxy.
        rights: RBAC objects of ``kubeconfs/``.
        deployment: Deployment of ``kubeconfs/``.
    """

    config: NodeConfig
    text: str = field(repr=False)
    overrides: Mapping[str, str] = field(repr=False)
    key: str | None = field(repr=False)
    authorities: str | None
    image: str
    rights: list[Object]
    deployment: Object

    @property
    def names(self) -> Identity:
        """The names of this node's objects."""
        return Identity(self.config.kubernetes.node_name)

    @property
    def checksum(self) -> str:
        """A hash that changes with the configuration and reveals nothing of the secrets in it."""
        parts = (self.config.api_key, self.text, dict(self.overrides), self.key, self.authorities)
        return short_hash("".join(map(str, parts)))


def metadata(station: Station, suffix: str = "") -> Object:
    """Return name, namespace and labels of an object of this node."""
    return {
        "name": station.names.node_label + suffix,
        "namespace": station.config.kubernetes.namespace,
        "labels": station.names.own_labels,
    }


def pod_metadata(station: Station, labels: Mapping[str, str], site: Placement) -> Object:
    """Return labels and annotations of a pod of this node or its proxy; the pod joins no mesh.

    Args:
        station: the node.
        labels: the part's own labels.
        site: what the site adds to the part.
    """
    return {
        "labels": {**site.labels, **labels, **identity.LABELS_NO_MESH},
        "annotations": {
            **site.annotations,
            identity.ANNOTATION_CHECKSUM: station.checksum,
            **identity.ANNOTATIONS_NO_MESH,
        },
    }


def part_metadata(station: Station, component: str, name: str) -> Object:
    """Return name, namespace and labels of the objects of one component of this node."""
    labels = {identity.LABEL_NAME: name, **station.names.labels_of(component)}
    return metadata(station) | {"name": name, "labels": labels}


def service(metadata: Object, port: int) -> Object:
    """Return the Service of the pods with the labels of ``metadata``, on their port ``http``."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            "selector": metadata["labels"],
            "ports": [{"name": "http", "port": port, "targetPort": "http"}],
        },
    }


def deployment(metadata: Object, template: Object) -> Object:
    """Return the Deployment of one pod; the pod has at least the labels of ``metadata``."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": metadata["labels"]},
            "template": template,
        },
    }


def pod_extras(station: Station) -> Object:
    """Return ``node_extra_hosts`` and the logins to registries, for node and proxy alike."""
    extras: Object = {}
    aliases = [
        {"ip": address, "hostnames": [name]}
        for name, address in station.config.node_extra_hosts.items()
        if is_address(address)
    ]
    if aliases:
        extras["hostAliases"] = aliases
    if names := pull_secret_names(station.config):
        extras["imagePullSecrets"] = [{"name": name} for name in names]
    return extras


def way_to_the_server(station: Station) -> list[Object]:
    """Return the Secret of ``node_extra_env`` and the ConfigMap of ``ca_file``, as far as set."""
    made: list[Object] = []
    if values := station.config.node_extra_env:
        secret = {"metadata": metadata(station, _EXTRA_ENV), "stringData": dict(values)}
        made.append({"apiVersion": "v1", "kind": "Secret", **secret})
    if station.authorities is not None:
        data = {PurePosixPath(CA_FILE).name: station.authorities}
        config_map = {"metadata": metadata(station, _CA), "data": data}
        made.append({"apiVersion": "v1", "kind": "ConfigMap", **config_map})
    return made


def extra_variables(station: Station) -> list[Object]:
    """Return the variables of ``node_extra_env`` as references to their Secret.

    An outer proxy's address, for example, may contain a password.
    """
    secret = metadata(station, _EXTRA_ENV)["name"]
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
        for name in station.config.node_extra_env
    ]


def key_volume(station: Station) -> VolumesAndMounts:
    """Return (volumes, mounts) of the private key; empty without a private key."""
    if station.key is None:
        return [], []
    secret = {"secretName": metadata(station, "-private-key")["name"], "defaultMode": 0o440}
    mount = {"name": "private-key", "mountPath": KEY_FOLDER, "readOnly": True}
    return [{"name": "private-key", "secret": secret}], [mount]


def ca_volume(station: Station) -> VolumesAndMounts:
    """Return (volumes, mounts) of the certificates of ``ca_file``; empty without certificates."""
    if station.authorities is None:
        return [], []
    config_map = {"name": metadata(station, _CA)["name"]}
    folder = str(PurePosixPath(CA_FILE).parent)
    mount = {"name": "authorities", "mountPath": folder, "readOnly": True}
    return [{"name": "authorities", "configMap": config_map}], [mount]


def extra_mounts(config: NodeConfig, *, only_certificates: bool = False) -> VolumesAndMounts:
    """Return (volumes, mounts) of ``node_extra_mounts``.

    Args:
        config: configuration of the node.
        only_certificates: whether to include only mounts with certificates that ``node_extra_env``
            names, read-only. The proxy gets no other mounts, because algorithms call the proxy.
    """
    volumes, mounts = [], []
    for index, mount in enumerate(map(ExtraMount.parse, config.node_extra_mounts)):
        if mount is None:
            continue  # reported elsewhere as not applied
        if only_certificates and not holds_certificates(mount, config):
            continue
        name = f"extra-{index}"
        read_only = mount.read_only or only_certificates
        keys = _certificate_keys(mount, config) if only_certificates else []
        volumes.append({"name": name, **_source(mount, keys)})
        mounts.append({"name": name, "mountPath": mount.target, "readOnly": read_only})
    return volumes, mounts


def _source(mount: ExtraMount, keys: list[str]) -> Object:
    """Return the source of a volume. The pod's group may read Secrets, as with the private key.

    Args:
        mount: the mount.
        keys: the only keys of a Secret or ConfigMap to mount; all if empty.
    """
    items = {"items": [{"key": key, "path": key} for key in keys]} if keys else {}
    if mount.kind == "secret":
        return {"secret": {"secretName": mount.source, "defaultMode": 0o440, **items}}
    if mount.kind == "configmap":
        return {"configMap": {"name": mount.source, **items}}
    return {"hostPath": {"path": mount.source}}


def _certificate_keys(mount: ExtraMount, config: NodeConfig) -> list[str]:
    """Return the keys of an object whose files ``node_extra_env`` names; none for its folder.

    A Secret may hold a private key beside its certificate.
    """
    inside = [
        PurePosixPath(path).relative_to(mount.target) for path in _certificates_in(mount, config)
    ]
    if any(not path.parts for path in inside):
        return []
    return sorted({path.parts[0] for path in inside})


def holds_certificates(mount: ExtraMount, config: NodeConfig) -> bool:
    """Return whether a variable of ``node_extra_env`` names certificates that lie in the mount."""
    return bool(_certificates_in(mount, config))


def _certificates_in(mount: ExtraMount, config: NodeConfig) -> list[str]:
    named = (config.node_extra_env.get(name) for name in CERTIFICATE_VARIABLES)
    return [path for path in named if path and mount.holds(path)]
