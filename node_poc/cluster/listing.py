"""All objects of one kind, read once, page by page."""

from __future__ import annotations

from typing import Any

from node_poc.cluster.connect import KubernetesApi

_PAGE = 500


def list_all(api: KubernetesApi, path: str, selector: str) -> list[dict[str, Any]]:
    """Return the objects under ``path`` that a label selector selects. Raises ClusterError."""
    query = [("labelSelector", selector), ("limit", str(_PAGE))]
    page = api.call("GET", path, query=query)
    objects: list[dict[str, Any]] = list(page.get("items") or [])
    while token := (page.get("metadata") or {}).get("continue"):
        page = api.call("GET", path, query=[*query, ("continue", token)])
        objects += page.get("items") or []
    return objects
