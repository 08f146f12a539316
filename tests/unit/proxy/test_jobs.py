"""The job of a token and the job of a task: requested from the server, remembered for a while."""

import asyncio

import pytest

from node_poc.proxy import jobs
from node_poc.proxy.jobs import Jobs
from node_poc.proxy.questions import ServerAnswer
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.tokens import Container

MINE = Container(3, 1, "digest")
OTHER = Container(3, 1, "another token of the same claims")


class Server:
    """A server with the job of each task; a task's id may later belong to a task of another job."""

    def __init__(self, monkeypatch):
        self.jobs = {3: 30, 4: 30, 99: 990}
        self.asked = []
        self.now = 0.0
        monkeypatch.setattr(jobs, "ask", self.ask)

    async def ask(self, upstream, path, headers):
        del upstream, headers
        task = int(path.removeprefix("/task/"))
        self.asked.append(task)
        return ServerAnswer(200, {"id": task, "job_id": self.jobs[task]})


@pytest.fixture
def server(monkeypatch):
    return Server(monkeypatch)


def require(known, container, task):
    return asyncio.run(known.require_own_task(container, task, []))


def test_a_subtask_is_of_the_own_job_and_a_stranger_is_not(server):
    known = Jobs(None, lambda: server.now)
    assert require(known, MINE, 3) == 30
    assert require(known, MINE, 4) == 30
    with pytest.raises(RequestRefusedError, match="task 99 belongs to another job") as refused:
        require(known, MINE, 99)
    assert refused.value.status == 403


def test_what_was_told_is_kept_a_minute_for_that_token_alone(server):
    known = Jobs(None, lambda: server.now)
    for _ in range(3):
        require(known, MINE, 4)
    assert server.asked == [3, 4]
    require(known, OTHER, 4)
    assert server.asked == [3, 4, 3, 4]
    server.now = 61.0
    server.jobs[4] = 990  # the id of a deleted task, used again
    with pytest.raises(RequestRefusedError):
        require(known, MINE, 4)


def test_a_token_without_a_task_is_refused_unasked(server):
    with pytest.raises(RequestRefusedError, match="names no task"):
        require(Jobs(None, lambda: server.now), Container(None, 1, "digest"), 3)
    assert server.asked == []


def test_whoever_asks_for_many_tasks_takes_little_memory(server, monkeypatch):
    monkeypatch.setattr(jobs, "_MOST_KEPT", 10)
    known = Jobs(None, lambda: server.now)
    for number in range(100, 200):
        server.jobs[number] = 30
        require(known, MINE, number)
    assert len(known._kept) == 10
