"""PURE: the ConfigMap with the configuration file of the dummy server's node.

The node's pod mounts the ConfigMap.
"""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from node_poc.config.kinds.kind import ServerKind
from node_poc.config.secret_words import secret_paths
from node_poc.manifests import identity

NAME = "v6-node-config"
KEY = "node_config.yaml"
_HEAD = """\
# Made from ../node_config.yaml by `make kubeconfs`: edit that file, not this one.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    {label}: {part_of}
data:
"""


def why_no_config_map(kind: ServerKind, data: dict[str, Any]) -> str | None:
    """Return why a file must not become a ConfigMap, or None if the file may.

    Everybody in a namespace may read a ConfigMap.

    Args:
        kind: the kind of server of the file.
        data: values of the configuration file.
    """
    if kind.has_own_objects:
        return (
            f"api_key: this is the file of a {kind.name} node, and a ConfigMap is no place for its "
            "API key and passwords; use `render vantage6`, which makes Secrets of them"
        )
    if data.get("docker_registries"):
        return (
            "docker_registries: holds passwords, and a ConfigMap is no place for them; keep them "
            "in a `docker login` file and name it in kubernetes.docker_config_file, then run "
            "`render pull-secret`"
        )
    if paths := list(secret_paths(data)):
        return (
            f"{', '.join(paths[:8])}: is a secret, and a ConfigMap is no place for it; remove it, "
            f"as a node of the {kind.name} server has no use for it"
        )
    return None


def build_config_map(namespace: str, text: str) -> str:
    """Return the ConfigMap as YAML text, with the comments of the file."""
    label, part_of = identity.LABEL_PART_OF, identity.PART_OF
    head = _HEAD.format(name=NAME, namespace=namespace, label=label, part_of=part_of)
    # If the first line is indented, YAML needs the indentation of the whole text.
    first = next((line for line in text.split("\n") if line.strip()), "")
    indentation = "4" if first.startswith(" ") else ""
    made = f"{head}  {KEY}: |{indentation}\n{_indent(text, indentation)}"
    if _says(made, text):
        return made
    # The text has, for example, line ends of other systems or unprintable characters.
    return head + textwrap.indent(yaml.safe_dump({KEY: text}, default_style='"'), "  ")


def _indent(text: str, indentation: str) -> str:
    return textwrap.indent(text, "      " if indentation else "    ")


def _says(made: str, text: str) -> bool:
    """Return whether the ConfigMap gives back the same text, apart from the final line end."""
    try:
        held = yaml.safe_load(made)["data"][KEY]
    except yaml.YAMLError:
        return False
    return bool(held.rstrip("\n") == text.rstrip("\n"))
