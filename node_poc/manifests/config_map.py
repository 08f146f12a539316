"""PURE: the node's configuration file as the ConfigMap that its pod mounts."""

from __future__ import annotations

import textwrap

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
  {key}: |
"""


def build_config_map(namespace: str, text: str) -> str:
    """Return the ConfigMap as YAML text, with the file's comments kept."""
    label, part_of = identity.LABEL_PART_OF, identity.PART_OF
    head = _HEAD.format(name=NAME, namespace=namespace, key=KEY, label=label, part_of=part_of)
    return head + textwrap.indent(text, "    ")
