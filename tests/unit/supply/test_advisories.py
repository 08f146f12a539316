"""Advisories come from a file, a folder or a zip; missing, broken, old, large ones are errors."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from supply import advisories
from supply.errors import SupplyError

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def record(name: str, ecosystem: str = "PyPI", modified: str = "2026-11-20T00:00:00Z") -> Any:
    package = {"ecosystem": ecosystem, "name": "a"}
    return {"id": name, "modified": modified, "affected": [{"package": package, "versions": ["1"]}]}


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def ids(path: Path) -> list[str]:
    return [one.id for one in advisories.read(path, NOW, 30)]


def test_a_file_may_have_one_record_or_several(tmp_path: Path) -> None:
    assert ids(write(tmp_path / "a.json", record("A"))) == ["A"]
    both = [record("A"), record("B")]
    assert ids(write(tmp_path / "b.json", both)) == ["A", "B"]
    assert ids(write(tmp_path / "c.json", {"vulns": both})) == ["A", "B"]


def test_a_folder_and_a_zip_are_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    write(folder / "A.json", record("A"))
    write(folder / "deep" / "B.json", record("B"))
    write(folder / "N.json", record("N", "npm"))
    (folder / "README.md").write_text("no record")
    assert ids(folder) == ["A", "B"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    assert ids(tmp_path / "all.zip") == ["A", "B"]


def said_of(path: Path, days: int = 30) -> str:
    with pytest.raises(SupplyError) as caught:
        advisories.read(path, NOW, days)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_place_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read (FileNotFoundError)" in said_of(tmp_path / "none.json")


def test_a_place_without_pypi_is_an_error(tmp_path: Path) -> None:
    assert "no advisory about PyPI (1 others)" in said_of(write(tmp_path / "a", record("N", "npm")))
    assert "no advisory about PyPI (0 others)" in said_of(write(tmp_path / "b", []))
    (tmp_path / "empty").mkdir()
    assert "no advisory about PyPI" in said_of(tmp_path / "empty")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\xfd", b"[" * 200_000])
def test_a_text_that_is_no_json_is_an_error(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    assert "is no JSON" in said_of(path)


def test_one_broken_record_among_good_ones_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "osv" / "A.json", record("A"))
    broken = write(tmp_path / "osv" / "B.json", {**record("B"), "id": None})
    with pytest.raises(SupplyError) as caught:
        advisories.read(tmp_path / "osv", NOW, 30)
    assert str(caught.value).startswith(f"{broken}: id")


def test_a_broken_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.json", json.dumps(record("A")))
    broken = bytearray(path.read_bytes())
    broken[40] ^= 0xFF  # in the contents of the member
    path.write_bytes(broken)
    assert "cannot be read (BadZipFile)" in said_of(path)


def test_the_newest_advisory_tells_the_age(tmp_path: Path) -> None:
    old, older = "2026-10-01T00:00:00Z", "2020-01-01T00:00:00Z"
    path = write(tmp_path / "a.json", [record("A", modified=old), record("B", modified=older)])
    assert "too old: its newest advisory is of 2026-10-01, and at most 30 days" in said_of(path)
    assert len(advisories.read(path, NOW, 60)) == 2


def test_a_fresh_advisory_of_another_ecosystem_does_not_count(tmp_path: Path) -> None:
    old = record("A", modified="2020-01-01T00:00:00Z")
    assert "too old" in said_of(write(tmp_path / "a.json", [old, record("N", "npm")]))


def test_large_files_and_many_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisories, "MOST_BYTES", 1000)
    monkeypatch.setattr(advisories, "MOST_FILES", 2)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A.json", " " * 1001)
    assert "too large" in said_of(tmp_path / "bomb.zip")
    write(tmp_path / "large.json", "x" * 1001)
    assert "too large" in said_of(tmp_path / "large.json")
    for name in "AB":
        write(tmp_path / "osv" / f"{name}.json", record(name))
    assert ids(tmp_path / "osv") == ["A", "B"]
    write(tmp_path / "osv" / "C.json", record("C"))
    assert "too large" in said_of(tmp_path / "osv")
