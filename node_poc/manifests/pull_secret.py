"""PURE: the Secret with the logins to registries (``imagePullSecrets``).

An administrator makes the Secret once:

    python -m node_poc render pull-secret | kubectl apply -f -

The node only names the Secret in each Job. The node therefore needs no right on Secrets, and
passwords stay out of the ConfigMap that the node's pod mounts. But an attacker who takes over the
node can still mount the Secret in a Job.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.manifests.identity import Identity

# Docker Hub has a special name in login files (github.com/docker/cli, config/types).
_DOCKER_HUB = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class LoginFileError(ValueError):
    """The docker login file is unusable. The message gives the reason, but no content."""


def pull_secret_names(config: NodeConfig) -> list[str]:
    """Return the names of the Secrets for each Job: the site's Secrets, and the node's Secret."""
    names = list(config.kubernetes.image_pull_secrets)
    if config.docker_registries or config.kubernetes.docker_config_file:
        names.append(Identity(config.kubernetes.node_name).pull_secret_name)
    return names


def build_pull_secret(config: NodeConfig, login_file: str | None) -> dict[str, Any]:
    """Return the Secret of ``docker_registries`` and the text of a ``docker login`` file.

    Raises:
        LoginFileError: the text is no login file, or the passwords are in a credential store.
    """
    logins = {} if login_file is None else _logins_in(login_file)
    for entry in config.docker_registries:
        host = entry.registry.removeprefix("https://").removeprefix("http://").rstrip("/")
        host, slash, path = host.partition("/")
        host = host.lower() + slash + path  # the kubelet's comparison is case-sensitive
        host = _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
        pair = f"{entry.username}:{entry.password}"
        logins[host] = {"auth": base64.b64encode(pair.encode()).decode()}
    names = Identity(config.kubernetes.node_name)
    text = json.dumps({"auths": logins}, sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {
            "name": names.pull_secret_name,
            "namespace": config.kubernetes.namespace,
            "labels": names.own_labels,
        },
        "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()},
    }


def _logins_in(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
        logins = {str(host): dict(login) for host, login in data["auths"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LoginFileError(
            'is no docker login file: it must be JSON with an object "auths"; `docker login` or '
            "`podman login --authfile FILE` makes one"
        ) from None
    if empty := [host for host, login in logins.items() if not login.get("auth")]:
        raise LoginFileError(
            f"has no password of {', '.join(sorted(empty))}: docker keeps it in a credential "
            "store; log in with `podman login --authfile FILE`, or remove credsStore and log in "
            "again"
        )
    return logins
