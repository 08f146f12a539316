"""PURE: the values of the chart, and their places in the objects.

A value's place is marked in the objects by a text that ``chart.py`` replaces with an expression of
Helm. Only such places are values whose change needs no other change elsewhere: the node's own
configuration, the policy for Jobs and the NetworkPolicies follow from the configuration file.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from node_poc.config.base import OBJECT_NAME
from node_poc.config.placement import Part
from node_poc.manage.export.parts import (
    Object,
    Parts,
    api_key_secret,
    component_of,
    config_secret,
    pod_of,
)
from node_poc.manage.export.schema import (
    ANNOTATIONS,
    BOOLEAN,
    LABELS,
    NAME,
    OBJECT,
    POLICY,
    RESOURCES,
    text,
)
from node_poc.manifests import identity

# No object holds these texts: a configuration with one of them is refused.
SCALAR, BLOCK, MORE = "__v6_value:", "__v6_block:", "__v6_more:"
END = ":__"
_DIGEST = r"^(sha256:[0-9a-f]{64})?$"
# No quotes: the image also stands in the expressions of the policy for Jobs.
_IMAGE = r"^[a-z0-9][-A-Za-z0-9._/:]*$"
_WHOLE_IMAGE = r"^[a-z0-9][-A-Za-z0-9._/:@]*$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
_KEPT_BY_HELM = {"helm.sh/resource-policy": "keep"}
#: By component: the part whose placement counts, and the section of the component's own values.
_PARTS: dict[str, tuple[Part, str]] = {
    identity.COMPONENT_NODE: ("node", "node"),
    identity.COMPONENT_PROXY: ("proxy", "proxy"),
    identity.COMPONENT_WHITELIST: ("proxy", "whitelistProxy"),
}


class MarkError(Exception):
    """The configuration holds a text that the chart uses itself."""


@dataclass(frozen=True)
class Value:
    """A value of the chart.

    Attributes:
        path: its keys, joined by dots.
        default: the value by the configuration file.
        about: the comment in ``values.yaml``.
        schema: JSON schema of the value.
    """

    path: str
    default: Any
    about: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Marked:
    """Objects with marks, and the values for the marks."""

    objects: list[Object]
    values: list[Value]


def marked(parts: Parts) -> Marked:
    """Return the objects with a mark at the place of each value. Raises MarkError."""
    if any(mark in json.dumps(parts.objects) for mark in (SCALAR, BLOCK, MORE)):
        raise MarkError(f"the configuration holds {SCALAR!r} or a similar text; change the text")
    objects = copy.deepcopy(parts.objects)
    values = [*_image(objects, parts), *_secrets(objects, parts)]
    for each in objects:
        if each["kind"] == "Deployment":
            values += _deployment(each, parts)
        if each["kind"] == "PersistentVolumeClaim":
            values += _claim(each, parts)
    about = (
        "Make the ValidatingAdmissionPolicy that keeps the node to its own Jobs. The policy is an\n"
        "object of the whole cluster; without the right to make it, an administrator may apply it."
    )
    values.append(Value("jobPolicy.create", default=True, about=about, schema=BOOLEAN))
    by_path: dict[str, Value] = {}
    for value in values:  # proxy and forward proxy share some
        by_path.setdefault(value.path, value)
    return Marked(objects, list(by_path.values()))


def scalar(path: str) -> str:
    """Return the mark of a text, which may stand inside of a longer text."""
    return SCALAR + path + END


def block(path: str) -> str:
    """Return the mark of a value of any type; without the value, its key is left out."""
    return BLOCK + path + END


def _image(objects: list[Object], parts: Parts) -> Iterator[Value]:
    image = parts.config.kubernetes.node_image
    name, _, digest = image.partition("@")
    mark = scalar("image")
    for each in objects:
        if each["kind"] == "Deployment" and component_of(each) != identity.COMPONENT_WHITELIST:
            _replace(each, image, mark)
        if each["kind"] == "ValidatingAdmissionPolicy":
            for rule in each["spec"]["validations"]:
                quoted = json.dumps(image, ensure_ascii=False)
                rule["expression"] = rule["expression"].replace(quoted, f'"{mark}"')
    yield Value("image.name", name, "Image of node and proxy, with its registry.", text(_IMAGE))
    about = "Digest of the image, which then counts in place of a tag: sha256:…"
    yield Value("image.digest", digest, about, text(_DIGEST))
    policy = parts.config.kubernetes.node_image_pull_policy
    yield Value("image.pullPolicy", policy, "When machines pull the image.", POLICY)


def _replace(made: Any, old: str, new: str) -> None:
    """Replace each text ``old`` inside of lists and mappings."""
    items = made.items() if isinstance(made, dict) else enumerate(made)
    for key, value in list(items):
        if value == old:
            made[key] = new
        elif isinstance(value, dict | list):
            _replace(value, old, new)


def _secrets(objects: list[Object], parts: Parts) -> Iterator[Value]:
    """Mark the names of the Secrets that the site makes; Jobs name the others by fixed names."""
    label = parts.identity.node_label
    known = {
        api_key_secret(label): ("apiKey", "with the API key, under the key V6_API_KEY"),
        config_secret(label): ("configuration", "with the configuration file, node_config.yaml"),
        f"{label}-private-key": ("privateKey", "with the private key, private_key.pem"),
        f"{label}-extra-env": ("extraEnv", "with the variables of node_extra_env"),
    }
    for secret in parts.secrets:
        name = secret["metadata"]["name"]
        if name in known:
            key, about = known[name]
            for each in objects:
                if each["kind"] == "Deployment":
                    _replace(each, name, scalar(f"secrets.{key}"))
            yield Value(f"secrets.{key}", name, f"Secret {about}.", NAME)


def _deployment(made: Object, parts: Parts) -> Iterator[Value]:
    """Mark the places of one Deployment; the forward proxy shares the placement of the proxy."""
    placed, own = _PARTS[component_of(made) or ""]
    site = parts.config.kubernetes.placement_of(placed)
    pod, metadata = pod_of(made), made["spec"]["template"]["metadata"]
    # The builder adds a term for the machine of the volumes.
    affinity = pod.get("affinity", {})
    for value in (
        Value(f"{placed}.nodeSelector", site.node_selector, "Labels of machines.", OBJECT),
        Value(f"{placed}.affinity", affinity, "As in a pod; keep the terms.", OBJECT),
        Value(f"{placed}.priorityClassName", site.priority_class or "", "", {"type": "string"}),
    ):
        pod[value.path.partition(".")[2]] = block(value.path)
        yield value
    path, more = f"{placed}.tolerations", site.tolerations
    pod["tolerations"] = [MORE + path + END, *pod.get("tolerations", [])[len(more) :]]
    yield Value(path, more, "More, as in a pod.", {"type": "array"})
    if own != "whitelistProxy":
        for kind, given, schema in (
            ("labels", site.labels, LABELS),
            ("annotations", site.annotations, ANNOTATIONS),
        ):
            path = f"{placed}.{kind}"
            rest = {key: text for key, text in metadata[kind].items() if key not in given}
            metadata[kind] = {MORE + path + END: "", **rest}
            yield Value(path, given, f"More {kind} of the pod.", schema)
    yield from _containers(pod, own)


def _containers(pod: Object, own: str) -> Iterator[Value]:
    (container,) = pod["containers"]
    about = "As in a container. The init containers have the same." if own == "node" else ""
    yield Value(f"{own}.resources", container["resources"], about, RESOURCES)
    if own == "whitelistProxy":
        about = "Image of the forward proxy for the names in whitelist.domains."
        yield Value(f"{own}.image", container["image"], about, text(_WHOLE_IMAGE))
        container["image"] = scalar(f"{own}.image")
    for each in (container, *pod.get("initContainers", [])):
        each["resources"] = block(f"{own}.resources")
        each["imagePullPolicy"] = scalar("image.pullPolicy")


def _claim(made: Object, parts: Parts) -> Iterator[Value]:
    storage, spec = parts.config.kubernetes.storage, made["spec"]
    key = "size" if made["metadata"]["name"] == storage.claim else "databasesSize"
    size = spec["resources"]["requests"]["storage"]
    yield Value(f"storage.{key}", size, "Size of the claim.", text(_QUANTITY))
    spec["resources"]["requests"]["storage"] = scalar(f"storage.{key}")
    about = 'StorageClass of new claims; "" for the cluster\'s default.'
    spec["storageClassName"] = block("storage.className")
    schema = text(rf"^$|{OBJECT_NAME}")
    yield Value("storage.className", storage.storage_class or "", about, schema)
    # The data outlive the release, as with `v6-node remove`.
    made["metadata"].setdefault("annotations", {}).update(_KEPT_BY_HELM)
