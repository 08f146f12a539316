"""PURE: the node's configuration file as the ConfigMap that its pod mounts."""

from __future__ import annotations

import textwrap

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
    app.kubernetes.io/part-of: v6-node
data:
  {key}: |
"""


def build_config_map(namespace: str, text: str) -> str:
    """Return the ConfigMap as YAML text, with the file's comments kept."""
    head = _HEAD.format(name=NAME, namespace=namespace, key=KEY)
    return head + textwrap.indent(text, "    ")
