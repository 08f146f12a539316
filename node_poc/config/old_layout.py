"""PURE: recognize files of vantage6 3.x, and say how to convert them, key by key.

In vantage6 3.x all keys are below ``application`` (or below one of ``environments``), databases are
a mapping of labels to paths, and images are in ``allowed_images``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_ENVIRONMENTS = ("prod", "acc", "test", "dev")


def why_old(data: dict[str, Any]) -> str | None:
    """Return the steps to convert a file of vantage6 3.x; None for any other file."""
    where, values = _values(data)
    steps = []
    if where:
        steps.append(
            f"{where}: move each key below it to the top level, without indentation, and remove "
            f"`{where.partition('.')[0]}`"
        )
    if "environments" in data and not where.startswith("environments"):
        steps.append("environments: remove it, as one file is one node")
    mended = list(_old_keys(values))
    if not (where or steps or mended):
        return None
    steps += mended
    steps += _beside(values) if mended or where else []
    return "this is a file of vantage6 3.x; to mend it: " + "; ".join(
        f"({number}) {step}" for number, step in enumerate(steps, 1)
    )


def _values(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the path of the section with the node's keys, and the section."""
    application = data.get("application")
    if isinstance(application, dict) and application:
        return "application", application
    environments = data.get("environments")
    if isinstance(environments, dict):
        for name in [*_ENVIRONMENTS, *environments]:
            values = environments.get(name)
            if isinstance(values, dict) and values:
                return f"environments.{name}", values
    return ("application" if "application" in data else ""), data


def _old_keys(values: dict[str, Any]) -> Iterator[str]:
    """Yield a step for each key that only 3.x has."""
    databases = values.get("databases")
    if isinstance(databases, dict):
        labels = [str(label)[:80] for label in databases][:8] or ["default"]
        entries = ", ".join(f"{{label: {label}, type: csv, uri: <its path>}}" for label in labels)
        yield (
            f"databases: write a list in place of the mapping, with the type of each: [{entries}]"
        )
    if "allowed_images" in values:
        yield (
            "allowed_images: is called policies.allowed_algorithms now; write "
            "`policies: {allowed_algorithms: [...]}` with the same entries"
        )


def _beside(values: dict[str, Any]) -> list[str]:
    """Return steps for other keys that 3.x files often lack, in the same message."""
    steps = []
    url = values.get("server_url")
    if not url:
        steps.append("server_url: is missing; add it, as http:// or https:// and the host")
    elif isinstance(url, str) and "://" not in url:
        steps.append("server_url: write https:// (or http://) before the host")
    folder = values.get("task_dir")
    if not folder:
        steps.append("task_dir: is missing; add the absolute path of a folder for runs")
    elif isinstance(folder, str) and not folder.startswith("/"):
        steps.append("task_dir: write its absolute path, as it is on the machine")
    return steps
