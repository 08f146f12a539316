"""The search for Python 3.10, and the clear message without Python 3.10; a script plays uv."""

import pytest

from devserver import environment, python310
from devserver.errors import MissingError


def uv(folder, script):
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without Python 3.10, and with uv as played by the test's script."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv(python310.OVERRIDE, raising=False)
    monkeypatch.setattr(python310, "_is_python310", lambda path: path.name == "good")
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
    uv(bare, "echo /usr/bin/another")
    with pytest.raises(MissingError, match=r"is no Python 3\.10"):
        python310.find(bare)


def test_the_one_that_is_named_is_taken(bare, monkeypatch):
    monkeypatch.setenv(python310.OVERRIDE, str(bare / "good"))
    assert python310.find(bare) == bare / "good"


@pytest.mark.parametrize("find", [python310.find, lambda _: environment.ensure()])
def test_one_that_is_named_and_no_use_is_not_replaced_by_another(bare, monkeypatch, find):
    """Neither uv's Python nor the existing environment may replace the named Python."""
    uv(bare, f"echo {bare}/good")
    venv = bare / "v6-devserver" / "venv"
    venv.mkdir(parents=True)
    (venv / ".ready").write_text("\n".join(environment.PACKAGES))
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare))
    assert environment.ensure() == venv / "bin" / "python"
    monkeypatch.setenv(python310.OVERRIDE, str(bare / "none"))
    with pytest.raises(MissingError, match=rf"(?s){python310.OVERRIDE}.*/none.*unset it"):
        find(bare)
