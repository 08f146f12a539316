"""``python3 -m devcluster build``: programs that only tests need."""

from __future__ import annotations

from pathlib import Path

import pytest

from devcluster import builds, cli
from devcluster.parts import COSIGN, TEST_PARTS, Part
from devcluster.profiles import PROFILES


def test_the_named_program_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Part] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(builds, "ensure", lambda parts, _console: asked.extend(parts))
    assert cli.main(["build", "cosign"]) == 0
    assert asked == [COSIGN]


def test_a_program_of_a_cluster_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["build", "kubernetes"])
    assert ended.value.code == 2
    assert "cosign" in capsys.readouterr().err


def test_no_cluster_builds_programs_of_tests() -> None:
    for profile in PROFILES.values():
        assert not set(profile.parts) & set(TEST_PARTS)
