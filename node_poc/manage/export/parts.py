"""The objects of a node, apart from its secrets.

The files may lie in a repository that many people read (GitOps). Therefore values of secrets stay
out of them: the pods refer to Secrets that somebody makes before, for example with
``v6-node export secrets``.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from node_poc.commands.render import station_objects
from node_poc.config.load import API_KEY_VARIABLE, PRIVATE_KEY_VARIABLE, overriding
from node_poc.config.model import NodeConfig
from node_poc.config.secret_words import secret_paths
from node_poc.config.yaml_text import parse_yaml
from node_poc.manage.plan import Notes, prepared
from node_poc.manage.station_file import Chosen
from node_poc.manifests import identity
from node_poc.manifests.config_map import KEY
from node_poc.manifests.identity import Identity

Object = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """All objects of one node.

    Attributes:
        config: the node's configuration.
        objects: the objects without any value of a secret, in the order for applying them.
        secrets: the Secrets that must exist before the node starts; ``data`` has their values.
    """

    config: NodeConfig
    objects: list[Object]
    secrets: list[Object] = field(repr=False)

    @property
    def identity(self) -> Identity:
        """The names of the node's objects."""
        return Identity(self.config.kubernetes.node_name)

    @property
    def namespace(self) -> str:
        """The node's namespace."""
        return self.config.kubernetes.namespace


def api_key_secret(label: str) -> str:
    """Return the name of the Secret with the API key, for a file that is no secret itself."""
    return f"{label}-api-key"


def config_secret(label: str) -> str:
    """Return the name of the Secret with the configuration file."""
    return f"{label}-config"


def parts_of(chosen: Chosen, environment: Mapping[str, str] = os.environ) -> Parts:
    """Return the objects of a node, with secrets apart. Raises RenderError.

    The configuration file is no secret if its only secret is the API key, which moves into a Secret
    of its own; otherwise the whole file is a secret.
    """
    config, label = chosen.config, chosen.identity.node_label
    data = parse_yaml(chosen.text)
    is_open = not list(_secrets_of(data, config, environment))
    if is_open:
        data.pop("api_key", None)
        # Without the comments, which may hold anything.
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        given = {**environment, API_KEY_VARIABLE: config.api_key or ""}
    else:
        text, given = chosen.text, dict(environment)
    notes = Notes(chosen.name, config.server_address)
    made = prepared(station_objects(config, chosen.path, text, given), label, notes)
    for each in made:
        if each["kind"] == "Namespace":
            del each["metadata"]["annotations"]  # `v6-node remove` would remove the namespace
    if is_open:
        made = list(_with_the_key_apart(made, label))
    own = config_secret(label) if is_open else None
    secrets = [each for each in made if _holds_secrets(each, own)]
    objects = [each for each in made if not _holds_secrets(each, own)]
    return Parts(config, objects, secrets)


def _secrets_of(
    data: Mapping[str, Any], config: NodeConfig, environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield the keys, beside ``api_key``, that make the whole file a secret.

    Values for algorithms and for node and proxy count as secrets whatever their names are, as in
    the objects of ``render vantage6``.
    """
    yield from secret_paths({key: value for key, value in data.items() if key != "api_key"})
    for key in ("algorithm_env", "node_extra_env", "docker_registries"):
        if data.get(key):
            yield key
    yield from (d.label for d in config.databases if d.env or d.is_service)
    names = set(overriding(data)) - {API_KEY_VARIABLE, PRIVATE_KEY_VARIABLE}
    yield from (name for name in names if environment.get(name))


def _with_the_key_apart(made: list[Object], label: str) -> Iterator[Object]:
    """Yield the objects, with the API key in a Secret of its own."""
    for each in made:
        if each["kind"] == "Secret" and each["metadata"]["name"] == config_secret(label):
            key = {API_KEY_VARIABLE: each["data"].pop(API_KEY_VARIABLE)}
            metadata = each["metadata"] | {"name": api_key_secret(label)}
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": key}
            text = base64.b64decode(each["data"].pop(KEY)).decode()
            del each["data"]
            yield each | {"stringData": {KEY: text}}
        else:
            for variable in _variables(each):
                if variable["name"] == API_KEY_VARIABLE:
                    variable["valueFrom"]["secretKeyRef"]["name"] = api_key_secret(label)
            yield each


def _variables(made: Object) -> Iterator[Object]:
    if made["kind"] == "Deployment":
        pod = made["spec"]["template"]["spec"]
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            yield from container.get("env", [])


def _holds_secrets(made: Object, open_one: str | None) -> bool:
    is_open = made["metadata"]["name"] == open_one
    return made["kind"] == "Secret" and bool(made.get("data")) and not is_open


def component_of(made: Object) -> str | None:
    """Return the component to which an object belongs, by its label."""
    labels = made["metadata"].get("labels") or {}
    return labels.get(identity.LABEL_COMPONENT)


def pod_of(deployment: Object) -> Object:
    """Return the pod of a Deployment."""
    pod: Object = deployment["spec"]["template"]["spec"]
    return pod
