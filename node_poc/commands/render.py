"""``python -m node_poc render``: Kubernetes objects from the configuration file, as YAML.

    policies           the NetworkPolicies
    job-policy         the ValidatingAdmissionPolicy that keeps the node to its own Jobs
    config-map         the configuration file of a node with the dummy server
    pull-secret        the Secret with logins to private registries
    database-secrets   the Secret with values for vantage6 algorithms only: credentials of databases
    vantage6           all objects of a vantage6 node, with its Secrets, proxy and NetworkPolicies

Output with secrets is meant for ``| kubectl apply -f -``, not for a file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from node_poc.cluster.addresses import look_up
from node_poc.config.load import API_KEY_VARIABLE, PRIVATE_KEY_VARIABLE, overriding, read_text
from node_poc.config.model import NodeConfig
from node_poc.config.yaml_text import parse_yaml
from node_poc.crypto.errors import PrivateKeyError
from node_poc.crypto.keys import private_key_pem
from node_poc.isolation.job_policy import build_job_policy
from node_poc.isolation.wanted import hosts_to_look_up, wanted_policies
from node_poc.manifests.config_map import build_config_map, why_no_config_map
from node_poc.manifests.databases import build_databases_secret
from node_poc.manifests.identity import Identity
from node_poc.manifests.own_pods import Station
from node_poc.manifests.proxy_deployment import build_proxy
from node_poc.manifests.pull_secret import LoginFileError, build_pull_secret
from node_poc.manifests.station import build_station, own_rules
from node_poc.manifests.whitelist_proxy import build_whitelist_proxy
from node_poc.manifests.yaml_output import to_yaml
from node_poc.storage.authorities import TrustError, sites_certificates
from node_poc.storage.places import misplaced_files, readable_secrets
from node_poc.storage.private_key import organization_key

WHAT = (
    ("vantage6", "all objects of the node of a vantage6 server; parts of them:"),
    ("policies", "the NetworkPolicies"),
    ("job-policy", "the ValidatingAdmissionPolicy that keeps the node to its own Jobs"),
    ("pull-secret", "the Secret with logins to registries"),
    ("database-secrets", "the Secret with values of databases"),
    ("config-map", "for the dummy server's node: the ConfigMap with the file"),
)
_TEMPLATES = Path(__file__).parents[1] / "kubeconfs"
_POLICIES_HEAD = "Made by `make kubeconfs` from node_poc/isolation/policies.py: who talks to whom."
_NODE_HEAD = "Made by `python -m node_poc render policies`: who talks to whom."
_JOB_POLICY_HEAD = (
    "Made by `python -m node_poc render job-policy`: the only Jobs that the node may create."
)
_PRIVATE_HEAD = "Holds secrets: apply it (kubectl apply -f -), and keep it in no file."
_LOGIN_FILE = "kubernetes.docker_config_file"


class RenderError(Exception):
    """The objects cannot be made. The text names the configuration key and the remedy."""


def render(
    what: str,
    config: NodeConfig,
    path: Path,
    image: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the YAML text of the objects.

    Args:
        what: the name of an entry of ``WHAT``.
        config: the configuration loaded from ``path`` and ``environment``.
        path: the configuration file.
        image: the image of node and proxy; None takes the configured image.
        environment: the variables that may override the file.

    Raises:
        RenderError: a file is missing, or the objects make no sense for this kind of server.
    """
    if image is not None:  # the gate of each Job is a program of this image, too
        config = config.with_kubernetes(node_image=image)
    kind = config.kind
    _refuse_open_secrets(config, path)
    if what == "pull-secret":
        return _yaml(_PRIVATE_HEAD, [_pull_secret(config)])
    if what == "config-map":
        text = read_text(path)
        if reason := why_no_config_map(kind, parse_yaml(text)):
            raise RenderError(reason)
        return build_config_map(config.kubernetes.namespace, text)
    if what == "job-policy":
        return _yaml(_JOB_POLICY_HEAD, _job_policy(config))
    if what == "policies":
        head = _NODE_HEAD if kind.has_own_objects else _POLICIES_HEAD
        return _yaml(head, _policies(config))
    if what == "database-secrets":
        _refuse_kind_without_objects(config)
        return _yaml(_PRIVATE_HEAD, [build_databases_secret(config)])
    return _yaml(_PRIVATE_HEAD, station_objects(config, path, read_text(path), environment))


def station_objects(
    config: NodeConfig, path: Path, text: str, environment: Mapping[str, str] = os.environ
) -> list[dict[str, Any]]:
    """Return all objects of a vantage6 node in the order for applying them. Raises RenderError.

    Args:
        config: the configuration loaded from ``text`` and ``environment``.
        path: the configuration file; relative paths start at its folder.
        text: the text that the node in the cluster reads.
        environment: the variables that may override the file.
    """
    _refuse_open_secrets(config, path)
    _refuse_kind_without_objects(config)
    station = _station(config, path, text, environment)
    logins = [_pull_secret(config)] if _has_logins(config) else []
    objects = [*build_station(station), *logins, *build_proxy(station)]
    objects += build_whitelist_proxy(station)
    walls = [*_policies(config), *_job_policy(config)]
    return _pods_last([*objects, *walls])


def _refuse_open_secrets(config: NodeConfig, path: Path) -> None:
    for problem in (*misplaced_files(config), *readable_secrets(config, path)):
        raise RenderError(problem)


def _refuse_kind_without_objects(config: NodeConfig) -> None:
    if not config.kind.has_own_objects:
        raise RenderError(
            f"kubernetes.server_kind: is {config.kind.name}, and this is for a vantage6 server; "
            "set api_key"
        )


def _pods_last(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects in their order, Deployments at the end: walls stand before any pod."""
    return sorted(objects, key=lambda each: each["kind"] == "Deployment")


def _has_logins(config: NodeConfig) -> bool:
    return bool(config.kubernetes.docker_config_file or config.docker_registries)


def _pull_secret(config: NodeConfig) -> dict[str, Any]:
    file = config.kubernetes.docker_config_file
    if not _has_logins(config):
        raise RenderError(
            f"there is no login to make a Secret of: set docker_registries or {_LOGIN_FILE}"
        )
    try:
        return build_pull_secret(config, _read(Path(file)) if file else None)
    except (OSError, UnicodeDecodeError) as error:
        raise RenderError(f"{_LOGIN_FILE}: {file} cannot be read ({error})") from error
    except LoginFileError as error:
        raise RenderError(f"{_LOGIN_FILE}: {file} {error}") from error


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _yaml(head: str, objects: list[dict[str, Any]]) -> str:
    return f"# {head}\n" + to_yaml(objects)


def _policies(config: NodeConfig) -> list[dict[str, Any]]:
    """Return the node's policies; warn of a database without address, which stays unreachable."""
    addresses = {}
    for label, host in hosts_to_look_up(config).items():
        addresses[host] = look_up(host)
        if not addresses[host]:
            print(
                f"warning: databases: {label!r}: its host has no address here, so nothing "
                f"reaches it; give kubernetes.databases_egress.{label}.address",
                file=sys.stderr,
            )
    return wanted_policies(config, addresses)


def _job_policy(config: NodeConfig) -> list[dict[str, Any]]:
    """Return the policy for the node's ServiceAccount and the group of the node's process."""
    return build_job_policy(config, account_of(config), own_group())


def own_group() -> int:
    """Return the group id of the node's process, which owns the folders of runs."""
    pod = _deployment()["spec"]["template"]["spec"]
    return int(pod["securityContext"]["runAsGroup"])


def account_of(config: NodeConfig) -> str:
    """Return the name of the node's ServiceAccount."""
    if config.kind.has_own_objects:
        return Identity(config.kubernetes.node_name).node_label
    account, *_ = _rights()
    return str(account["metadata"]["name"])


def _rights() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(_read(_TEMPLATES / "10_rbac.yaml")))


def rights_of(config: NodeConfig) -> list[dict[str, Any]]:
    """Return the rules of the node's Role."""
    (role,) = (each for each in _rights() if each["kind"] == "Role")
    return own_rules(config, role["rules"])


def _deployment() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(_read(_TEMPLATES / "node_pod_config.yaml"))
    return made


def _station(config: NodeConfig, path: Path, text: str, environment: Mapping[str, str]) -> Station:
    data = parse_yaml(text)
    names = [name for name in overriding(data) if environment.get(name)]
    # The private key becomes a Secret of its own, whether from the environment or a file.
    overrides = {name: environment[name] for name in names if name != PRIVATE_KEY_VARIABLE}
    if config.api_key and data.get("api_key") != config.api_key:
        overrides[API_KEY_VARIABLE] = config.api_key  # the key may come from a file
    return Station(
        config=config,
        text=text,
        overrides=overrides,
        key=_private_key(config, path),
        authorities=_authorities(config, path),
        image=config.kubernetes.node_image,
        rights=_rights(),
        deployment=_deployment(),
    )


def _authorities(config: NodeConfig, path: Path) -> str | None:
    try:
        return sites_certificates(config, path.parent)
    except TrustError as error:
        raise RenderError(str(error)) from error


def _private_key(config: NodeConfig, path: Path) -> str | None:
    """Return only the private key of its file. Raises RenderError for a file without a key."""
    try:
        key = organization_key(config, path.parent)
    except PrivateKeyError as error:
        raise RenderError(str(error)) from error
    return private_key_pem(key).decode() if key else None
