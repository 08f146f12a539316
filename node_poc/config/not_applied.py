"""PURE: keys of a vantage6 node's file that have no effect here, each with its reason.

The node accepts a Docker node's file unchanged. At its start the node reports, once and key by key,
all settings that Kubernetes cannot apply, so nobody relies on a setting without effect. A key
without a value (null, false, empty) is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from node_poc.config.databases import DatabaseType, is_address
from node_poc.config.docker_hosts import is_bridge, why_unreachable
from node_poc.config.extra_mounts import ExtraMount

if TYPE_CHECKING:
    from node_poc.config.kinds.kind import ServerKind

# Sections that are not in the model, for any server.
_SECTIONS = {
    "docker_services": "a pod cannot be linked to a Docker container; run the service in "
    "Kubernetes, and configure the service as a database",
    "ssh-tunnels": "the node opens no tunnel; open the tunnel outside of the node, and give its "
    "end as the database's uri",
    "vpn_subnet": "the node opens no VPN: algorithms of different nodes do not talk to each other",
}
_PARTS = {
    "debug": {"": "set logging.level: DEBUG"},
    "directories": {"": "files lie in task_dir, and logs go to the console"},
    "images": {
        "node": "kubernetes.node_image names the node's image",
        "": "the node starts no container of this image",
    },
}
_LOGGING = {
    "use_console": "the log always goes to the console",
    "file": "the log goes to the console, where Kubernetes keeps it",
    "backup_count": "Kubernetes keeps and rotates the log",
    "max_size": "Kubernetes keeps and rotates the log",
    "format": "the log is JSON in a pod, and text on a terminal",
    "datefmt": "times are written in ISO 8601, UTC",
    "loggers": "logging.level applies to all loggers",
}
_NO_VOLUME = (
    "Docker's named volumes do not exist here: write /source:/target for a path of the machine, "
    "or secret/NAME:/target or configmap/NAME:/target"
)
_NO_DOCKER_HOST = "its host is known in Docker only; name the machine"

Reasons = dict[str, str]


def with_any_server() -> Reasons:
    """Return the reasons of the keys that have no effect with any server.

    ``images.*`` stands for the keys of a section that have no reason of their own.
    """
    sections = _PARTS | {"logging": _LOGGING}
    parts = {
        f"{section}.{key or '*'}": why
        for section, whys in sections.items()
        for key, why in whys.items()
    }
    return parts | _SECTIONS


def split(data: dict[str, Any], kind: ServerKind | None) -> tuple[dict[str, Any], Reasons]:
    """Split a file's values into those for the model, and reasons for those without effect.

    Args:
        data: the file.
        kind: the kind of server; None if the file names a kind that does not exist.
    """
    own = kind.sections_without_effect if kind else {}
    sections = {**_SECTIONS, **own}
    reasons = {key: reason for key, reason in sections.items() if _says_something(data, key)}
    for section, whys in _PARTS.items():
        reasons |= _parts(data, section, whys)
    reasons |= _parts(data, "logging", _LOGGING)
    reasons |= dict(kind.find_values_without_effect(data)) if kind else {}
    without = sections.keys() | _PARTS.keys()
    return {key: value for key, value in data.items() if key not in without}, reasons


def find_docker_values(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield path and reason of values that have a meaning for Docker only."""
    yield from _databases(data.get("databases"))
    yield from _extras(data)


def _says_something(data: dict[str, Any], key: str) -> bool:
    return data.get(key) not in (None, False, "", [], {})


def _parts(data: dict[str, Any], section: str, whys: Reasons) -> Reasons:
    """Return one reason for each key of a section; ``""`` is for keys without their own reason."""
    values = data.get(section)
    if not isinstance(values, dict):
        return {section: whys[""]} if "" in whys and _says_something(data, section) else {}
    found = {}
    for key in values:
        why = whys.get(key, whys.get(""))
        # `use_console` is the only key with a meaning when false.
        if why and (_says_something(values, key) or key == "use_console"):
            found[f"{section}.{key}"] = why
    if values.get("use_console") is True:
        found.pop(f"{section}.use_console", None)
    return found


def _databases(values: Any) -> Iterator[tuple[str, str]]:
    for index, database in enumerate(values if isinstance(values, list) else []):
        if not isinstance(database, dict):
            continue
        path = f"databases[{index}]"
        if database.get("mount_mode") == "copy":
            yield f"{path}.mount_mode", "the node copies no database: each one is mounted read-only"
        if _docker_host(database.get("uri"), database.get("type")):
            egress = f"kubernetes.databases_egress.{database.get('label')}.address"
            yield f"{path}.uri", f"{_NO_DOCKER_HOST}, or give {egress}"


def _extras(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    mounts, hosts = data.get("node_extra_mounts"), data.get("node_extra_hosts")
    for index, mount in enumerate(mounts if isinstance(mounts, list) else []):
        if ExtraMount.parse(mount) is None:
            yield f"node_extra_mounts[{index}]", _NO_VOLUME
    for name, address in (hosts if isinstance(hosts, dict) else {}).items():
        if not (isinstance(address, str) and is_address(address)):
            yield f"node_extra_hosts.{name}", "its value must be an IP address here"


def _docker_host(uri: Any, kind: Any) -> bool:
    if not isinstance(uri, str) or kind == DatabaseType.FOLDER:
        return False
    rest = uri.partition("://")[2].partition("/")[0].rpartition("@")[2]
    host = rest.partition("]")[0].removeprefix("[") if "[" in rest else rest.partition(":")[0]
    return not is_bridge(host) and why_unreachable(host) is not None
