"""Which job a token or a task belongs to, as the server answers a request with the same token.

The token's claims name the task. The proxy does not verify the claims, but the server answers only
to tokens that the server has made.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from node_poc.proxy.questions import ask
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.tokens import Container
from node_poc.proxy.upstream import Headers, Upstream

# The job of a task never changes. But a server may reuse the id of a deleted task.
_KEPT_SECONDS = 60.0
_MOST_KEPT = 5000
_HOW_TO = (
    "this proxy gives an algorithm the results of its own job only (kubernetes.proxy.results: job)"
)


class Jobs:
    """Ask the server for jobs, and remember each token's answers for a minute."""

    def __init__(self, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int], tuple[int, float]] = OrderedDict()

    async def own(self, container: Container, headers: Headers) -> int:
        """Return the token's own job. Raise RequestRefusedError."""
        if container.task_id is None:
            raise RequestRefusedError(
                HTTPStatus.FORBIDDEN, f"the token names no task, and {_HOW_TO}"
            )
        return await self._of(container, container.task_id, headers)

    async def require_own_task(self, container: Container, task_id: int, headers: Headers) -> int:
        """Return the token's own job. Raise RequestRefusedError for a task of another job."""
        own = await self.own(container, headers)
        if task_id != container.task_id and await self._of(container, task_id, headers) != own:
            raise foreign(task_id)
        return own

    async def _of(self, container: Container, task_id: int, headers: Headers) -> int:
        key, now = (container.digest, task_id), self._clock()
        kept = self._kept.get(key)
        if kept is not None and now - kept[1] < _KEPT_SECONDS:
            return kept[0]
        answer = await ask(self._upstream, f"/task/{task_id}", headers)
        task = answer.value if isinstance(answer.value, dict) else {}
        job = task.get("job_id")
        if answer.status != HTTPStatus.OK or task.get("id") != task_id or type(job) is not int:
            raise RequestRefusedError(
                answer.refusal_status,
                f"the server does not tell the job of task {task_id} ({answer.said}), and "
                f"{_HOW_TO}",
                kind="the server does not tell a task's job",
                about={"task": task_id, "status": answer.status},
            )
        self._kept[key] = (job, now)
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return job


def foreign(task_id: int) -> RequestRefusedError:
    """Return the refusal of data that belongs to a task of another job."""
    return RequestRefusedError(
        HTTPStatus.FORBIDDEN,
        f"task {task_id} belongs to another job, and {_HOW_TO}; ask for a task of your own job",
        kind="the results of another job were asked for",
        about={"task": task_id},
    )
