"""PURE: the objects as YAML texts, grouped into files that a person finds her way in."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import yaml

from node_poc.manage.export.parts import Object, component_of
from node_poc.manifests import identity
from node_poc.manifests.yaml_output import PlainDumper

_BY_KIND = {
    "Namespace": "namespace.yaml",
    "ServiceAccount": "rights.yaml",
    "Role": "rights.yaml",
    "RoleBinding": "rights.yaml",
    "NetworkPolicy": "network-policies.yaml",
    "PersistentVolumeClaim": "claims.yaml",
    "ValidatingAdmissionPolicy": "job-policy.yaml",
    "ValidatingAdmissionPolicyBinding": "job-policy.yaml",
}
_BY_COMPONENT = {
    identity.COMPONENT_NODE: "node.yaml",
    identity.COMPONENT_PROXY: "proxy.yaml",
    identity.COMPONENT_WHITELIST: "whitelist-proxy.yaml",
}
_REST = "configuration.yaml"
NAMESPACE, JOB_POLICY = _BY_KIND["Namespace"], _BY_KIND["ValidatingAdmissionPolicy"]


class _ReadableDumper(PlainDumper):
    """Writes a text of several lines as these lines."""


def _text(dumper: PlainDumper, text: str) -> yaml.Node:
    if "\n" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    return PlainDumper.represent_text(dumper, text)


_ReadableDumper.add_representer(str, _text)


def file_of(made: Object) -> str:
    """Return the name of the file for an object."""
    of_component = _BY_COMPONENT.get(component_of(made) or "", _REST)
    return _BY_KIND.get(made["kind"], of_component)


def grouped(objects: Iterable[Object]) -> dict[str, list[Object]]:
    """Return the objects by file; in each file they keep their order."""
    files: dict[str, list[Object]] = {}
    for each in objects:
        files.setdefault(file_of(each), []).append(each)
    return files


def to_text(documents: Iterable[Any]) -> str:
    """Return the YAML text of objects or other data; long lines stay whole."""
    return str(
        yaml.dump_all(
            documents,
            Dumper=_ReadableDumper,
            sort_keys=False,
            allow_unicode=True,
            width=sys.maxsize,
        )
    )
