"""PURE: the Helm chart of one node, as texts by file name.

The templates are the marked objects as YAML, with Helm's expressions in place of the marks.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from node_poc.manage.export.layout import JOB_POLICY, NAMESPACE, grouped, to_text
from node_poc.manage.export.parts import Object, Parts, component_of, pod_of
from node_poc.manage.export.values import BLOCK, END, MORE, SCALAR, Value, marked
from node_poc.manifests import identity
from node_poc.manifests.tables import VARIABLE as COLUMNS_VARIABLE

Files = dict[str, str]
_PATH = r"([A-Za-z.]+)"
_BLOCK = re.compile(rf"^( *)(\w+): '?{BLOCK}{_PATH}{END}'?$", re.M)
# A key of a mapping, or an item of a list.
_MORE = re.compile(rf"^( *)(?:- )?'?{MORE}{_PATH}{END}'?(?:: '')?$", re.M)
_SCALAR = re.compile(rf"{SCALAR}{_PATH}{END}")
_HEAD = "# Made by `v6-node export helm`: change the node's configuration file, and export again.\n"
_VALUES_HEAD = """\
# Values of the node {name}. Keep changes in a file of your own (`-f my-values.yaml`):
# `v6-node export helm` writes this file anew. Everything else follows from the node's
# configuration file.
"""
# The folders of runs and data, and what the node makes of them: the test needs neither.
_NOT_FOR_THE_TEST = ("task-files-root", "columns")
_TEST = "doctor"


def chart_of(parts: Parts, static: Mapping[str, str], version: str) -> Files:
    """Return the chart's files. Raises MarkError.

    Args:
        parts: the node's objects.
        static: the files that are the same for all nodes, by name.
        version: version of this package.
    """
    made = marked(parts)
    files = {name: _named(text, parts) for name, text in static.items()}
    templates = grouped(made.objects)
    # Helm needs the namespace before the chart.
    namespace = to_text(templates.pop(NAMESPACE))
    for name, objects in templates.items():
        text = _template(objects)
        if name == JOB_POLICY:
            text = f"{{{{- if .Values.jobPolicy.create }}}}\n{text}{{{{- end }}}}\n"
        files[f"templates/{name}"] = _HEAD + text
    files[f"templates/tests/{_TEST}.yaml"] = _HEAD + _template([_test_pod(made.objects)])
    files["files/namespace.yaml"] = namespace
    files["Chart.yaml"] = to_text([_description(parts, version)])
    files["values.yaml"] = _values_text(parts, made.values)
    files["values.schema.json"] = json.dumps(schema_of(made.values), indent=2) + "\n"
    return files


def _description(parts: Parts, version: str) -> Object:
    return {
        "apiVersion": "v2",
        "name": parts.identity.node_label,
        "description": f"The vantage6 node {parts.config.kubernetes.node_name} on Kubernetes",
        "type": "application",
        "version": version,
        "appVersion": version,
    }


def _named(text: str, parts: Parts) -> str:
    secrets = "".join(f"\n  {each['metadata']['name']}" for each in parts.secrets)
    return (
        text.replace("__NODE__", parts.identity.node_label)
        .replace("__NAMESPACE__", parts.namespace)
        .replace("__SECRETS__", secrets or " none")
    )


def _template(objects: Iterable[Object]) -> str:
    """Return the objects as a template: all braces of the objects themselves are plain text."""
    text = to_text(objects).replace("{{", '{{ "{{" }}')
    text = _BLOCK.sub(_block, text)
    text = _MORE.sub(_more, text)
    return _SCALAR.sub(_scalar, text)


def _block(found: re.Match[str]) -> str:
    indent, key, path = found.groups()
    return (
        f"{indent}{{{{- with .Values.{path} }}}}\n"
        f"{indent}{key}: {{{{- toYaml . | nindent {len(indent) + 2} }}}}\n"
        f"{indent}{{{{- end }}}}"
    )


def _more(found: re.Match[str]) -> str:
    indent, path = found.groups()
    return (
        f"{indent}{{{{- with .Values.{path} }}}}\n"
        f"{indent}{{{{- toYaml . | nindent {len(indent)} }}}}\n"
        f"{indent}{{{{- end }}}}"
    )


def _scalar(found: re.Match[str]) -> str:
    path = found[1]
    return '{{ include "node.image" . }}' if path == "image" else f"{{{{ .Values.{path} }}}}"


def _test_pod(objects: Iterable[Object]) -> Object:
    """Return the pod of ``helm test``: ``doctor`` with the rights, files and walls of the node."""
    (node,) = (
        each
        for each in objects
        if each["kind"] == "Deployment" and component_of(each) == identity.COMPONENT_NODE
    )
    pod = copy.deepcopy(pod_of(node))
    pod.pop("initContainers", None)
    pod["volumes"] = [each for each in pod["volumes"] if _is_for_the_test(each["name"])]
    (container,) = pod["containers"]
    container |= {"name": _TEST, "args": [_TEST, "--no-pods"]}
    for key in ("ports", "livenessProbe", "readinessProbe"):
        del container[key]
    for key, is_wanted in (("volumeMounts", _is_for_the_test), ("env", _is_no_file_of_columns)):
        container[key] = [each for each in container[key] if is_wanted(each["name"])]
    metadata = node["spec"]["template"]["metadata"]
    hook = {
        "helm.sh/hook": "test",
        # `helm uninstall` removes no pod of a test. Helm shows the log before it removes the pod.
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded,hook-failed",
        "helm.sh/hook-output-log-policy": "hook-succeeded,hook-failed",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{node['metadata']['name']}-{_TEST}",
            "namespace": node["metadata"]["namespace"],
            "labels": metadata["labels"],
            "annotations": {**metadata["annotations"], **hook},
        },
        "spec": {**pod, "restartPolicy": "Never"},
    }


def _is_for_the_test(volume: str) -> bool:
    others = ("tables-", "databases")
    return volume not in _NOT_FOR_THE_TEST and not volume.startswith(others)


def _is_no_file_of_columns(variable: str) -> bool:
    return variable != COLUMNS_VARIABLE


def _values_text(parts: Parts, values: Iterable[Value]) -> str:
    """Return ``values.yaml``: each value with its comment."""
    lines = [_VALUES_HEAD.format(name=parts.config.kubernetes.node_name)]
    section = ""
    for value in sorted(values, key=lambda each: each.path.partition(".")[0]):
        first, _, key = value.path.partition(".")
        if first != section:
            section = first
            lines.append(f"\n{section}:\n")
        lines += [f"  # {line}\n" for line in value.about.splitlines()]
        text = to_text([{key: value.default}])
        lines += [f"  {line}\n" for line in text.splitlines()]
    return "".join(lines)


def schema_of(values: Iterable[Value]) -> dict[str, Any]:
    """Return the schema of all values: each section needs its keys and has no others."""
    root = _section()
    # Helm writes this key itself.
    root["properties"]["global"] = {"type": "object"}
    for value in values:
        section, _, key = value.path.partition(".")
        if section not in root["properties"]:
            root["properties"][section] = _section()
            root["required"].append(section)
        inner = root["properties"][section]
        inner["properties"][key] = value.schema
        inner["required"].append(key)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **root}


def _section() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
