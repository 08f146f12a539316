"""``python -m supply``: files, output and exit codes."""

import json
from pathlib import Path

import pytest

from supply import cli, sbom

HASH = f"--hash=sha256:{'a' * 64}"


def test_sbom_writes_a_valid_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    out = tmp_path / "new" / "sbom.json"
    assert cli.main(["sbom", "--out", str(out), "--version", "1.2"]) == 0
    text = out.read_text()
    assert sbom.problems(text) == ""
    assert json.loads(text)["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert "packages" in capsys.readouterr().out


def test_an_error_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["sbom", "--out", str(tmp_path / "x"), "--version", "1", "--image", "v6_node_poc:1"]
    assert cli.main(argv) == 2
    assert "the image has no digest" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_licences_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["licences"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_an_unknown_licence_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(f"no-package-of-this-name==1 {HASH}\n")
    assert cli.main(["licences", "--lock", str(lock)]) == 1
    assert "not installed" in capsys.readouterr().err
