"""PURE: build all objects of one vantage6 node from the node's configuration file.

The RBAC rules and the node's pod come from ``kubeconfs/``, the only place that defines the rights
and the probes of a node. This module adds the names of the node, because two nodes may work in one
cluster, and the node's secrets: the configuration file, the private key, and the values for
algorithms. The node's ServiceAccount has no right on Secrets. The kubelet mounts the Secrets, and
would mount any Secret of the namespace into a Job of an attacker who takes over the node. Each node
should therefore have its own namespace.
"""

from __future__ import annotations

import copy

import yaml

from node_poc.config.load import CA_FILE_VARIABLE, IMAGE_VARIABLE
from node_poc.config.model import NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.claims import beside_the_runs, build_claims, keep_claims_together
from node_poc.manifests.config_map import KEY
from node_poc.manifests.databases import build_databases_secret
from node_poc.manifests.identity import Identity
from node_poc.manifests.namespace import build_namespace
from node_poc.manifests.own_pods import (
    CA_FILE,
    CONFIG_FOLDER,
    KEY_FOLDER,
    KEY_NAME,
    Object,
    Station,
    VolumesAndMounts,
    ca_volume,
    extra_mounts,
    extra_variables,
    key_volume,
    metadata,
    pod_extras,
    pod_metadata,
    way_to_the_server,
)
from node_poc.manifests.placement import PREFERRED, placed, with_term
from node_poc.manifests.security import with_users
from node_poc.manifests.tables import add_column_names


def build_station(station: Station) -> list[Object]:
    """Return all objects except the policies and the proxy, in the order for applying them."""
    return [
        build_namespace(station.config),
        *build_claims(station.config),
        *(_right(station, each) for each in station.rights),
        *secrets(station),
        *way_to_the_server(station),
        build_databases_secret(station.config),
        _node(station),
    ]


def _right(station: Station, template: Object) -> Object:
    """Return a ServiceAccount, Role or RoleBinding with the names of this node."""
    made = copy.deepcopy(template) | {"metadata": metadata(station)}
    if "rules" in made:
        made["rules"] = own_rules(station.config, made["rules"])
    if "roleRef" in made:
        made["roleRef"]["name"] = station.names.node_label
    for subject in made.get("subjects", []):
        subject["name"] = station.names.node_label
        subject["namespace"] = station.config.kubernetes.namespace
    return made


def own_rules(config: NodeConfig, rules: list[Object]) -> list[Object]:
    """Return a Role's rules with the names of the node's own objects."""
    names = Identity(config.kubernetes.node_name)
    squid = [names.whitelist_service] if config.whitelist.domains else []
    own = {"services": [config.kubernetes.proxy.service, *squid], "leases": [names.node_label]}
    return [
        rule | {"resourceNames": [name for each in rule["resources"] for name in own[each]]}
        if "resourceNames" in rule
        else rule
        for rule in rules
    ]


def secrets(station: Station) -> list[Object]:
    """Return the Secrets of the configuration file with its overrides, and of the private key."""
    held = {"-config": {KEY: station.text, **station.overrides}}
    if station.key is not None:
        held["-private-key"] = {KEY_NAME: station.key}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(station, suffix),
            "stringData": values,
        }
        for suffix, values in held.items()
    ]


def _node(station: Station) -> Object:
    made = copy.deepcopy(station.deployment)
    made["metadata"] = metadata(station)
    labels = {
        identity.LABEL_NAME: station.names.node_label,
        **station.names.labels_of(identity.COMPONENT_NODE),
    }
    made["metadata"]["labels"] = labels
    made["spec"]["selector"] = {"matchLabels": labels}
    template = made["spec"]["template"]
    site = station.config.kubernetes.placement_of("node")
    template["metadata"] = pod_metadata(station, labels, site)
    pod = template["spec"]
    pod |= _placed(station.config)
    pod["serviceAccountName"] = station.names.node_label
    pod |= pod_extras(station)
    security = station.config.kubernetes.security
    pod["securityContext"] = with_users(pod["securityContext"], security, "node")
    volumes, mounts = _node_volumes(station)
    pod["volumes"] = volumes
    (container,) = pod["containers"]
    container["image"] = station.image
    policy = station.config.kubernetes.node_image_pull_policy
    container["volumeMounts"] = mounts
    own = [each for each in container["env"] if each["name"] != IMAGE_VARIABLE]
    container["env"] = [*own, *_node_variables(station)]
    if station.config.kubernetes.storage.mode == "pvc":
        del pod["initContainers"]  # the pod's fsGroup owns the claim already
    for each in (container, *pod.get("initContainers", [])):
        each["resources"]["requests"]["cpu"] = station.config.kubernetes.node_cpu_request
        each["imagePullPolicy"] = policy
    for init in pod.get("initContainers", []):
        init["image"] = station.image
        init["command"] = ["chown", "10001:10001", station.config.task_dir]
        init["volumeMounts"] = mounts[:1]
    add_column_names(pod, station.config)
    keep_claims_together(pod, station.config)
    return made


def _placed(config: NodeConfig) -> Object:
    """Return the placement of the node's pod: near its runs where one machine has the volume."""
    fields = placed(config, "node")
    if term := beside_the_runs(config):
        fields["affinity"] = with_term(fields.get("affinity", {}), PREFERRED, term)
    return fields


def _node_variables(station: Station) -> list[Object]:
    secret = metadata(station, "-config")["name"]
    from_secret = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
        for name in station.overrides
    ]
    key = [{"name": "PRIVATE_KEY", "value": f"{KEY_FOLDER}/{KEY_NAME}"}] if station.key else []
    ca = [{"name": CA_FILE_VARIABLE, "value": CA_FILE}] if station.authorities else []
    image = [{"name": IMAGE_VARIABLE, "value": station.image}]
    return from_secret + image + key + ca + extra_variables(station)


def _node_volumes(station: Station) -> VolumesAndMounts:
    """Return (volumes, mounts); the first volume is ``task_dir``."""
    config = station.config
    storage = config.kubernetes.storage
    tasks: Object = {"hostPath": {"path": config.task_dir, "type": "DirectoryOrCreate"}}
    if storage.mode == "pvc":
        tasks = {"persistentVolumeClaim": {"claimName": storage.claim}}
    # Mount this key only: the other keys are environment variables.
    items = [{"key": KEY, "path": KEY}]
    file = {"secretName": metadata(station, "-config")["name"], "items": items}
    volumes: list[Object] = [
        {"name": "task-files-root"} | tasks,
        {"name": "config", "secret": file | {"defaultMode": 0o440}},
    ]
    mounts: list[Object] = [
        {"name": "task-files-root", "mountPath": config.task_dir},
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
    ]
    for more_volumes, more_mounts in (
        key_volume(station),
        ca_volume(station),
        extra_mounts(config),
    ):
        volumes += more_volumes
        mounts += more_mounts
    return volumes, mounts


def file_without_secrets(station: Station) -> str:
    """Return the part of the configuration that the proxy needs, without API key and passwords."""
    config, kubernetes = station.config, station.config.kubernetes
    values = {
        "api_key": "not-for-the-proxy",
        "server_url": config.server_url,
        "port": config.port,
        "api_path": config.api_path,
        "task_dir": config.task_dir,
        "encryption": {
            "enabled": config.encryption.enabled,
            "private_key": f"{KEY_FOLDER}/{KEY_NAME}",
        },
        "logging": {"level": config.logging.level},
        "kubernetes": {
            "server_kind": kubernetes.server_kind,
            "node_name": kubernetes.node_name,
            "namespace": kubernetes.namespace,
            "proxy": kubernetes.proxy.model_dump(),
            "ca_file": CA_FILE if station.authorities else None,
        },
    }
    return yaml.safe_dump(values, sort_keys=False)
