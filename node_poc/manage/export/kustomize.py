"""PURE: a base of kustomize for one node, and overlays that change the base.

An overlay is the difference between the objects of two configurations, so both come from the same
builder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from node_poc.manage.export.layout import grouped, to_text
from node_poc.manage.export.parts import Object, Parts
from node_poc.manage.plan import Key, key_of

Files = dict[str, str]
BASE = "base"
_KUSTOMIZATION = "kustomization.yaml"
_HEAD = "# Made by `v6-node export kustomize`: change the configuration file, and export again.\n"
_API = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def kustomize_of(base: Parts, overlays: Mapping[str, Parts]) -> Files:
    """Return the files of a base and its overlays, by path.

    Args:
        base: the node's objects by its configuration file.
        overlays: by name, the objects of the file changed by the overlay.
    """
    files = {f"{BASE}/{name}": _yaml(objects) for name, objects in grouped(base.objects).items()}
    listed = {"resources": list(grouped(base.objects))}
    files[f"{BASE}/{_KUSTOMIZATION}"] = _yaml([_API | listed])
    for name, parts in overlays.items():
        changed = _overlay(base.objects, parts.objects)
        files |= {f"overlays/{name}/{file}": text for file, text in changed.items()}
    return files


def _yaml(documents: Iterable[Any]) -> str:
    return _HEAD + to_text(documents)


def _overlay(base: list[Object], wanted: list[Object]) -> Files:
    """Return the files of one overlay: new objects, and patches of those that change or go."""
    before = {key_of(each): each for each in base}
    after = {key_of(each): each for each in wanted}
    files: Files = {}
    patches: list[dict[str, Any]] = []
    new = [each for key, each in after.items() if key not in before]
    for key, made in before.items():
        name = f"{key.kind}-{key.name}.yaml".lower()
        if key not in after:
            files[name] = _yaml([_removal(made)])
            patches.append({"path": name})
        elif operations := list(differences(made, after[key])):
            files[name] = _yaml([operations])
            patches.append({"path": name, "target": _target(key)})
    if new:
        files["more.yaml"] = _yaml(new)
    resources = [f"../../{BASE}", *(["more.yaml"] if new else [])]
    files[_KUSTOMIZATION] = _yaml([_API | {"resources": resources, "patches": patches}])
    return files


def _target(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "name": key.name}


def _removal(made: Object) -> Object:
    metadata = {name: made["metadata"][name] for name in ("name", "namespace")}
    kind = {"apiVersion": made["apiVersion"], "kind": made["kind"]}
    return {"$patch": "delete", **kind, "metadata": metadata}


def differences(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Yield the operations of a JSON patch (RFC 6902); a list that differs is replaced whole."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield {"op": "replace", "path": path, "value": after}
        return
    for key in before:
        place = f"{path}/{_escaped(key)}"
        if key in after:
            yield from differences(before[key], after[key], place)
        else:
            yield {"op": "remove", "path": place}
    for key in (each for each in after if each not in before):
        yield {"op": "add", "path": f"{path}/{_escaped(key)}", "value": after[key]}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
