"""``python -m supply``: files, output and exit codes."""

import json
from datetime import UTC, datetime
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


def test_audit_finds_a_fault_of_the_nodes_lock_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [{"introduced": "0"}, {"fixed": "9999"}]
    affected = {
        "package": {"ecosystem": "PyPI", "name": "PyYAML"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    record = {"id": "GHSA-1", "modified": datetime.now(UTC).isoformat(), "affected": [affected]}
    path = tmp_path / "osv.json"
    path.write_text(json.dumps(record))
    assert cli.main(["audit", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["pyyaml", "6.0.3", "9999", "GHSA-1"]
    assert "1 advisories about PyPI, 1 matches" in out
    assert cli.main(["audit", str(path), "--ignore", "GHSA-1"]) == 0
    assert "0 matches" in capsys.readouterr().out


def test_audit_without_a_file_says_how_to_give_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["audit", ""])
    assert caught.value.code == 2
    assert "make audit ADVISORIES=<file>" in capsys.readouterr().err


def test_audit_of_an_unreadable_file_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
