"""A Python 3.10 is found, or it is told plainly that there is none. uv is played by a script."""

import sys

import pytest

from devserver import python310
from devserver.errors import MissingError


def uv(folder, script):
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without Python 3.10, on which uv is what the test says."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv(python310.OVERRIDE, str(tmp_path / "none"))
    return tmp_path


def test_without_python_and_uv_the_remedy_is_told(bare):
    uv(bare, "echo cannot download >&2; exit 2")
    with pytest.raises(MissingError) as caught:
        python310.find(bare)
    text = str(caught.value)
    assert "needs Python 3.10" in text
    assert "cannot download" in text
    assert f"{python310.OVERRIDE}=" in text
    assert MissingError.exit_code == 3


def test_another_python_that_uv_finds_is_not_taken(bare):
    uv(bare, f"echo {sys.executable}")
    with pytest.raises(MissingError, match=r"is no Python 3\.10"):
        python310.find(bare)
