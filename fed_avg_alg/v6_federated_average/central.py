"""The central part: runs at one organization and asks all the others."""

from __future__ import annotations

from typing import Any

from vantage6.algorithm.client import AlgorithmClient
from vantage6.algorithm.tools.decorators import algorithm_client
from vantage6.algorithm.tools.util import info

_LOOK_SECONDS = 0.5


@algorithm_client
def central_average(
    client: AlgorithmClient, column_name: str, organizations: list[int] | None = None
) -> dict[str, Any]:
    """Average one column over the organizations of the collaboration.

    Args:
        client: client for the server, through the node's proxy; the wrapper passes the client.
        column_name: the column, with the same name at all organizations.
        organizations: ids of the organizations to ask; None asks all.

    Returns:
        ``average`` over all rows, and the ``count`` of rows.

    Raises:
        ValueError: there is no organization to ask.
        RuntimeError: an organization sent no result.
    """
    if organizations is None:
        organizations = [found["id"] for found in client.organization.list()]
    if not organizations:
        raise ValueError(
            "organizations: the list is empty; name the ids of the organizations to ask, or leave "
            "the argument out to ask all organizations of the collaboration"
        )
    info(f"asking {len(organizations)} organizations")
    task = client.task.create(
        input_={"method": "partial_average", "kwargs": {"column_name": column_name}},
        organizations=organizations,
        name="partial average",
        description="sum and count of one column",
    )
    parts = client.wait_for_results(task_id=task["id"], interval=_LOOK_SECONDS)
    missing = len(organizations) - sum(part is not None for part in parts)
    if missing:
        raise RuntimeError(f"{missing} of {len(organizations)} organizations sent no result")
    count = sum(part["count"] for part in parts)
    info(f"{len(parts)} organizations answered, with {count} rows together")
    return {"average": sum(part["sum"] for part in parts) / count, "count": count}
