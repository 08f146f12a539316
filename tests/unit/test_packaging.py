"""The project's wheel: its metadata, its contents, and the same bytes from each build."""

import os
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from node_poc import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: All that a build reads.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", ".gitignore")


def build(sources: Path, out: Path) -> Path:
    """Build the wheel as pip does, with the backend in this environment; return its file."""
    code = "import sys; from hatchling import build; print(build.build_wheel(sys.argv[1]))"
    out.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    argv = [sys.executable, "-c", code, str(out)]
    done = subprocess.run(
        argv, cwd=sources, check=True, capture_output=True, text=True, env=environment
    )
    return out / done.stdout.strip()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two wheels, from two folders whose files have other times, modes and leftovers."""
    folders = [tmp_path_factory.mktemp(name) / "sources" for name in ("a", "longer-name")]
    for folder in folders:
        folder.mkdir()
        for name in SOURCES:
            shutil.copyfile(ROOT / name, folder / name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "node_poc", folder / "node_poc", ignore=ignored)
    later = folders[1]
    for path in later.rglob("*"):
        os.utime(path, (time.time() - 10**8, time.time() - 10**8))
        path.chmod(0o700 if path.is_dir() else 0o600)
    (later / "node_poc" / "__pycache__").mkdir()
    (later / "node_poc" / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"left over")
    first, second = (build(folder, folder.parent / "out") for folder in folders)
    return first, second


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_two_builds_give_the_same_bytes(wheels: tuple[Path, Path]) -> None:
    assert wheels[0].name == wheels[1].name
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_a_wheel_of_changed_sources_differs(wheels: tuple[Path, Path]) -> None:
    sources = wheels[1].parent.parent / "sources"
    cli = sources / "node_poc" / "cli.py"
    text = cli.read_text()
    cli.write_text(text + "#\n")
    try:
        changed = build(sources, sources.parent / "changed")
    finally:
        cli.write_text(text)
    assert changed.read_bytes() != wheels[0].read_bytes()


def test_a_wheel_has_all_files_of_the_node(wheels: tuple[Path, Path]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "node_poc"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    expected = {name for name in listed if (ROOT / name).exists()}
    with zipfile.ZipFile(wheels[0]) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert "node_poc/Dockerfile" in found


def test_a_wheel_has_the_nodes_version(wheels: tuple[Path, Path]) -> None:
    assert metadata(wheels[0])["Version"] == __version__


def test_the_wheel_requires_what_the_nodes_image_installs() -> None:
    lines = (ROOT / "node_poc" / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    declared = [Requirement(line) for line in PROJECT["project"]["dependencies"]]

    def named(requirements: list[Requirement]) -> dict[str, set[str]]:
        return {canonicalize_name(one.name): one.extras for one in requirements}

    assert named(declared) == named(wanted)


def test_the_wheel_allows_the_tested_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines)
    tested = {canonicalize_name(name): version for name, version in pins.items()}
    for line in PROJECT["project"]["dependencies"]:
        one = Requirement(line)
        assert one.specifier.contains(tested[canonicalize_name(one.name)]), line


def test_the_backend_is_the_pinned_one() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert PROJECT["build-system"]["requires"] == [x for x in lines if x.startswith("hatchling")]
