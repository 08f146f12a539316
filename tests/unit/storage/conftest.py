"""Fixtures for all tests of the disk."""

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
    """Call a function as a user subject to file modes; tests may run as root, who is exempt.

    ``function`` gets ``folder``, which the user owns; the function's return value is returned.
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
                # The parent folders belong to root: only a relative path leads to the folder.
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
        return pickle.loads(told)  # noqa: S301  our own bytes

    return call


@pytest.fixture
def tmp_path(tmp_path):
    """Remove the folder with ``rm``: Python cannot remove everything an algorithm may leave."""
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)


@pytest.fixture
def refusing(monkeypatch):
    """Make files named ``foreign`` impossible to remove, like the files of another user."""
    unlink = os.unlink

    def refuse(name, **options):
        if name == "foreign":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, **options)

    monkeypatch.setattr(trees.os, "unlink", refuse)
