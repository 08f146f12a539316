"""The YAML files that users apply for a node with the dummy server, moved to another location."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import yaml

from devstation.cluster import Object
from devstation.commands import ROOT
from devstation.location import USERS_HOME, Location
from node_poc.config.load import parse_config
from node_poc.isolation.wanted import wanted_policies

_REGISTRY = "localhost:5001"
_FILE = "node_config.yaml"

#: Changes a node's configuration in place.
ChangeConfig = Callable[[dict[str, Any]], None]


def users_objects(
    images: str, server: str, location: Location, change: ChangeConfig
) -> list[Object]:
    """Return the objects of node and proxy for a location.

    Args:
        images: registry of the images.
        server: address of the server for pods.
        location: the station's namespace, folder and port.
        change: further changes of the node's configuration.
    """
    paths = sorted((ROOT / "node_poc" / "kubeconfs").glob("*.yaml"))
    found: list[Object] = []
    for path in (*paths, ROOT / "dummy_proxy" / "proxy_pod_deployment.yaml"):
        text = path.read_text(encoding="utf-8").replace(str(USERS_HOME), str(location.home))
        text = text.replace(f"{_REGISTRY}/", f"{images}/")
        found += [item for item in yaml.safe_load_all(text) if item]
    for item in found:
        _move(item, location.namespace)
        if item["kind"] == "ConfigMap":
            _configure(item["data"], server, location, partial(_reach, images, change))
    return [_with_ways(item, _policies(found)) for item in found]


def _policies(objects: list[Object]) -> dict[str, Object]:
    """Return by name the NetworkPolicies for the changed configuration, as `make kubeconfs`."""
    (file,) = (item["data"][_FILE] for item in objects if item["kind"] == "ConfigMap")
    return {each["metadata"]["name"]: each for each in wanted_policies(parse_config(file, {}), {})}


def _with_ways(item: Object, policies: dict[str, Object]) -> Object:
    return policies[item["metadata"]["name"]] if item["kind"] == "NetworkPolicy" else item


def _move(item: Object, namespace: str) -> None:
    if item["kind"] == "Namespace":
        item["metadata"]["name"] = namespace
        return
    item["metadata"]["namespace"] = namespace
    for subject in item.get("subjects", []):
        subject["namespace"] = namespace


def _reach(images: str, change: ChangeConfig, config: dict[str, Any]) -> None:
    """Let the node ask another registry than the users' own, and change its configuration."""
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
