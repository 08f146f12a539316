"""The YAML files that users apply for a node with the dummy server, moved to another location."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import yaml

from devstation.cluster import Object
from devstation.commands import ROOT
from devstation.location import USERS_HOME, Location
from devstation.storage import Claims
from node_poc.commands.render import account_of, own_group
from node_poc.config.errors import ConfigError
from node_poc.config.load import IMAGE_VARIABLE, parse_config
from node_poc.config.model import NodeConfig
from node_poc.isolation.job_policy import build_job_policy
from node_poc.isolation.wanted import wanted_policies
from node_poc.manifests.claims import build_claims

_REGISTRY = "localhost:5001"
_NODE = "v6_node_poc:latest"
_FILE = "node_config.yaml"
_JOB_POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_POLICIES = ("NetworkPolicy", *_JOB_POLICY)

#: Changes a node's configuration in place.
ChangeConfig = Callable[[dict[str, Any]], None]


def users_objects(
    images: str,
    server: str,
    location: Location,
    change: ChangeConfig,
    node_image: str | None = None,
    claims: Claims | None = None,
) -> list[Object]:
    """Return the objects of node and proxy for a location.

    Args:
        images: registry of the images.
        server: address of the server for pods.
        location: the station's namespace, folder and port.
        change: further changes of the node's configuration.
        node_image: the node's image; None for the users' image in the registry ``images``.
        claims: the claims in place of the folders, if any.
    """
    node_image = node_image or f"{images}/{_NODE}"
    paths = sorted((ROOT / "node_poc" / "kubeconfs").glob("*.yaml"))
    found: list[Object] = []
    for path in (*paths, ROOT / "dummy_proxy" / "proxy_pod_deployment.yaml"):
        text = path.read_text(encoding="utf-8").replace(str(USERS_HOME), str(location.home))
        text = text.replace(f"{_REGISTRY}/", f"{images}/")
        text = text.replace(f"{images}/{_NODE}", node_image)
        found += [item for item in yaml.safe_load_all(text) if item]
    for item in found:
        _move(item, location.namespace)
        if item["kind"] == "ConfigMap":
            _configure(item["data"], server, location, partial(_reach, images, claims, change))
    rest = [item for item in found if item["kind"] not in _POLICIES]
    if claims is not None:
        rest += _in_claims(rest, claims, node_image)
    return rest + _policies(found, node_image)


def _in_claims(objects: list[Object], claims: Claims, node_image: str) -> list[Object]:
    """Give the node's pod its claim in place of the folder; return the claims and their volumes."""
    (node,) = (each for each in objects if each["metadata"]["name"] == "v6-node"
               and each["kind"] == "Deployment")  # fmt: skip
    pod = node["spec"]["template"]["spec"]
    del pod["initContainers"]  # the pod's group gets the volume
    (tasks,) = (each for each in pod["volumes"] if "hostPath" in each)
    del tasks["hostPath"]
    tasks["persistentVolumeClaim"] = {"claimName": claims.names[0]}
    return [*claims.volumes(), *build_claims(_parsed(objects, node_image))]


def _policies(objects: list[Object], node_image: str) -> list[Object]:
    """Return the policies for the changed configuration, as `make kubeconfs` does.

    With a configuration that no node starts with, the users' own NetworkPolicies stay.
    """
    try:
        config = _parsed(objects, node_image)
    except ConfigError:
        return [item for item in objects if item["kind"] == "NetworkPolicy"]
    job_policy = build_job_policy(config, account_of(config), own_group())
    return [*wanted_policies(config, {}), *job_policy]


def _parsed(objects: list[Object], node_image: str) -> NodeConfig:
    """Return the node's configuration. Raise ConfigError."""
    (file,) = (item["data"][_FILE] for item in objects if item["kind"] == "ConfigMap")
    return parse_config(file, {IMAGE_VARIABLE: node_image})


def _move(item: Object, namespace: str) -> None:
    if item["kind"] == "Namespace":
        item["metadata"]["name"] = namespace
    if item["kind"] in ("Namespace", *_JOB_POLICY):
        return
    item["metadata"]["namespace"] = namespace
    for subject in item.get("subjects", []):
        subject["namespace"] = namespace


def _reach(
    images: str, claims: Claims | None, change: ChangeConfig, config: dict[str, Any]
) -> None:
    """Let the node ask another registry than the users' own, and change its configuration."""
    if claims is not None:
        claims.configure(config)
    _, _, port = images.partition("/")[0].rpartition(":")
    if images != _REGISTRY and port.isdecimal():
        config["kubernetes"]["walls"] = {"own_ports": [int(port)]}
    change(config)


def _configure(data: dict[str, str], server: str, location: Location, change: ChangeConfig) -> None:
    config = yaml.safe_load(data[_FILE])
    config["server_url"] = f"http://{server}"
    config["port"] = location.port
    config["kubernetes"]["namespace"] = location.namespace
    change(config)
    if config != yaml.safe_load(data[_FILE]):  # the users' own text has comments
        data[_FILE] = yaml.safe_dump(config)
