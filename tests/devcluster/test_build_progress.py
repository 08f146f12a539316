"""The line that a person reads while the dev cluster's programs compile."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from devcluster import console
from devcluster.builds import Progress
from devcluster.parts import KUBERNETES, PARTS, PAUSE, Part

TWO = Part("two", "1", ("example.org/x/cmd/first", "example.org/x/server/v3"))


def test_programs_are_named_as_go_names_them() -> None:
    assert TWO.programs == ("first", "server")
    assert PAUSE.programs == ("pause",)
    assert "kube-apiserver" in KUBERNETES.programs


def test_every_program_has_a_name_of_its_own() -> None:
    names = [name for part in PARTS for name in part.programs]
    assert len(set(names)) == len(names)


def test_the_line_counts_what_is_linked_and_names_what_is_not(tmp_path: Path) -> None:
    progress = Progress((TWO, PAUSE), tmp_path)
    progress.begin(TWO)
    assert progress.text() == "0 of 3 programs built, building first server"
    out = tmp_path / "two" / "out"
    out.mkdir(parents=True)
    (out / "first").touch()
    assert progress.text() == "1 of 3 programs built, building server"
    progress.end(TWO)
    progress.begin(PAUSE)
    assert progress.text() == "2 of 3 programs built, building pause"


def test_a_step_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "QUIET_PERIOD", 0.01)
    asked, stream = threading.Event(), io.StringIO()

    def detail() -> str:
        asked.set()
        return "1 of 2 programs built"

    with console.Console(stream).step("compiling", detail):
        assert asked.wait(10)
    assert ", 1 of 2 programs built\n" in stream.getvalue()
