"""The node that a configuration file describes: its configuration and the objects to apply.

A Docker node's file names no namespace and no image. The command then takes the name of the file
for the node, a namespace made of the name, and the image of ``--image``. The text in the cluster
has these values, because the node reads them there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from node_poc.commands.render import station_objects
from node_poc.config.load import IMAGE_VARIABLE, ConfigError, load_text, read_text
from node_poc.config.model import NodeConfig
from node_poc.config.yaml_text import parse_yaml
from node_poc.manage.plan import Notes, prepared
from node_poc.manifests.identity import Identity

_SECTION = "kubernetes"
_NAMESPACE_LENGTH = 60


class NoImageError(Exception):
    """No image of the node is named. The text has the remedy."""


@dataclass(frozen=True)
class Chosen:
    """A node that a person chose.

    Attributes:
        path: the configuration file.
        config: the configuration, with the options of the command line.
        text: the text of the file for the cluster, with these options.
        has_image: whether file, option or environment name the image.
    """

    path: Path
    config: NodeConfig
    text: str = field(repr=False)
    has_image: bool

    @property
    def name(self) -> str:
        """The node's name on the command line: the file's."""
        return self.path.stem

    @property
    def namespace(self) -> str:
        """The node's namespace."""
        return self.config.kubernetes.namespace

    @property
    def identity(self) -> Identity:
        """The names of the node's objects."""
        return Identity(self.config.kubernetes.node_name)

    def objects(self, notes: Notes | None = None) -> list[dict[str, Any]]:
        """Return the objects to apply. Raises RenderError, NoImageError, ConfigError."""
        if not self.config.kind.has_own_objects:
            raise ConfigError(
                f"{self.path}: has no api_key, so its server is the dummy server, whose node comes "
                "from `kubectl apply -f ./kubeconfs` in a clone (docs/try-with-dummy-server.md); "
                "for a vantage6 server make a file with `v6-node new`, or set the key with "
                "`v6-node set-api-key`"
            )
        self.require_image()
        rendered = station_objects(self.config, self.path, self.text)
        own = notes or Notes(self.name, self.config.server_address)
        return prepared(rendered, self.identity.node_label, own)

    def require_image(self) -> None:
        """Raise NoImageError if nobody named the node's image."""
        if not self.has_image:
            raise NoImageError(
                f"{self.path}: kubernetes.node_image is not set; set it or give --image, and build "
                "the image with `v6-node image build --push NAME` if there is none yet"
            )


def choose(
    path: Path,
    *,
    namespace: str | None = None,
    image: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Chosen:
    """Read a node's file. Raises ConfigError.

    Args:
        path: the configuration file.
        namespace: overrides ``kubernetes.namespace``.
        image: overrides ``kubernetes.node_image``.
        environment: the variables that may override the file.
    """
    try:
        text = read_text(path)
        data = parse_yaml(text)
        amended = complete(data, path.stem, namespace=namespace, image=image)
        if amended != data:
            text = yaml.safe_dump(amended, sort_keys=False, allow_unicode=True)
        config = load_text(text, environment)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    section = amended.get(_SECTION)
    named = isinstance(section, dict) and section.get("node_image")
    return Chosen(path, config, text, has_image=bool(named or environment.get(IMAGE_VARIABLE)))


def complete(
    data: dict[str, Any], name: str, *, namespace: str | None, image: str | None
) -> dict[str, Any]:
    """PURE: return the values of a file with the node's name, its namespace and its image.

    A section of a wrong type stays as it is, because the model reports the mistake.
    """
    section = data.get(_SECTION) or {}
    if not isinstance(section, dict):
        return data
    given = {"namespace": namespace, "node_image": image}
    default = {"node_name": name, "namespace": namespace_of(name)}
    values = {key: value for key, value in section.items() if value is not None}
    given = {key: value for key, value in given.items() if value}
    return data | {_SECTION: default | values | given}


def namespace_of(name: str) -> str:
    """Return the namespace of a node whose file names none: a DNS label made of the name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_NAMESPACE_LENGTH].strip("-")
    return f"v6-{plain or 'node'}"
