"""List all objects of one kind, page by page."""

from __future__ import annotations

from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError

_PAGE = 500


def list_all(api: KubernetesApi, path: str, selector: str) -> tuple[list[dict[str, Any]], str]:
    """Return the objects under ``path`` that match a label selector, and the list's version.

    A watch can start from the version (``resourceVersion``). Raises ClusterError.
    """
    query = [("labelSelector", selector), ("limit", str(_PAGE))]
    objects: list[dict[str, Any]] = []
    page = api.call("GET", path, query=query)
    try:
        objects += page.get("items") or []
        while token := page["metadata"].get("continue"):
            page = api.call("GET", path, query=[*query, ("continue", token)])
            objects += page.get("items") or []
        return objects, page["metadata"]["resourceVersion"]
    except (KeyError, TypeError, AttributeError) as error:
        # Treating a malformed answer as an empty list would mean that all runs are gone.
        raise ClusterError(f"GET {path}", 0, "NotAList", f"no {error} in the answer") from error
