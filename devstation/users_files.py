"""The YAML files that users apply for a node with the dummy server, moved to another location."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from devstation.cluster import Object
from devstation.commands import ROOT
from devstation.location import USERS_HOME, Location

_REGISTRY = "localhost:5001"

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
            _configure(item["data"], server, location, change)
    return found


def _move(item: Object, namespace: str) -> None:
    if item["kind"] == "Namespace":
        item["metadata"]["name"] = namespace
        return
    item["metadata"]["namespace"] = namespace
    for subject in item.get("subjects", []):
        subject["namespace"] = namespace


def _configure(data: dict[str, str], server: str, location: Location, change: ChangeConfig) -> None:
    name = "node_config.yaml"
    config = yaml.safe_load(data[name])
    config["server_url"] = f"http://{server}"
    config["port"] = location.port
    config["kubernetes"]["namespace"] = location.namespace
    change(config)
    if config != yaml.safe_load(data[name]):  # the users' own text has comments
        data[name] = yaml.safe_dump(config)
