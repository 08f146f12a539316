"""What the tests of the disk share."""

import os
import pickle
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from node_poc.storage import trees

NODE_USER = 10001


@pytest.fixture
def as_node_user():
    """Call something as a user whom modes stop; tests may run as root, whom none does.

    ``function`` gets ``folder``, which is that user's, and what it returns comes back.
    """

    def call(folder, function):
        if os.getuid() != 0:
            return function(folder)
        os.chown(folder, NODE_USER, NODE_USER)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            code = 1
            with suppress(BaseException):
                # The folders above are root's: only a relative path leads there.
                os.chdir(folder)
                os.setgroups([])
                os.setgid(NODE_USER)
                os.setuid(NODE_USER)
                os.write(writing, pickle.dumps(function(Path())))
                code = 0
            os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            told = answer.read()
        _, status = os.waitpid(child, 0)
        assert status == 0, "the call failed as another user"
        return pickle.loads(told)  # noqa: S301  it is our own

    return call


@pytest.fixture
def tmp_path(tmp_path):
    """Gone after the test: Python cannot remove all that an algorithm may leave."""
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)


@pytest.fixture
def refusing(monkeypatch):
    """Files of the name ``foreign`` cannot be removed, as those of another user."""
    unlink = os.unlink

    def refuse(name, **options):
        if name == "foreign":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, **options)

    monkeypatch.setattr(trees.os, "unlink", refuse)
