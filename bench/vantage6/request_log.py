"""The number of a node's requests to the server, counted at the server itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


class RequestLog:
    """The dev server's log of requests, from the creation of this object."""

    def __init__(self, path: Path, node_id: int) -> None:
        """Take ``path``, the server's ``requests_file``, and the id of the counted node."""
        self._path = path
        self._who = f"node {node_id}"
        self._start = path.stat().st_size

    def counted(self) -> Counter[str]:
        """Return the node's requests since the creation of this object, by kind."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            text = file.read().decode("utf-8", "replace")
        return requests_of(text, self._who)


def requests_of(text: str, who: str) -> Counter[str]:
    """PURE: return one caller's requests, such as ``PATCH /api/run``, without numbers in paths."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        caller, method, path = ["", *line.rsplit(" ", 2)][-3:]
        if caller == who:
            parts = ["*" if part.isdigit() else part for part in path.split("/")]
            found[f"{method} {'/'.join(parts)}"] += 1
    return found


def describe(requests: Counter[str], runs: int) -> str:
    """PURE: return the requests per run by kind, the most frequent first."""
    return ", ".join(f"{count / runs:.1f} {kind}" for kind, count in requests.most_common())
