"""Lock files and the files that they are made of say the same; each package has a hash."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply import locks
from supply.errors import SupplyError

ROOT = locks.ROOT
HASH = f"--hash=sha256:{'a' * 64}"
#: Each lock file, and where its requirements stand.
SOURCES = {
    "requirements-dev.lock": "requirements-dev.txt",
    "requirements-dashboard.lock": "requirements-dashboard.txt",
    "node_poc/requirements.lock": "node_poc/requirements.txt",
    "fed_avg_alg/requirements.lock": "fed_avg_alg/pyproject.toml",
    "fed_avg_alg/requirements-build.lock": "fed_avg_alg/pyproject.toml:build",
    "tests/algorithm/requirements.lock": "tests/algorithm/pyproject.toml",
    "tests/algorithm/requirements-build.lock": "tests/algorithm/pyproject.toml:build",
}


def versions(lock: str) -> dict[str, set[str]]:
    """Return each package's versions; there may be several, for several versions of Python."""
    found: dict[str, set[str]] = {}
    for one in locks.read(ROOT / lock):
        found.setdefault(one.name, set()).add(str(one.version))
    return found


def required(source: str) -> list[Requirement]:
    """Return the requirements of a text file, of a project, or of a project's group."""
    file, _, group = source.partition(":")
    if file.endswith(".toml"):
        read = tomllib.loads((ROOT / file).read_text())
        chosen = read["dependency-groups"][group] if group else read["project"]["dependencies"]
        return [Requirement(line) for line in chosen]
    found = []
    for line in (ROOT / file).read_text().splitlines():
        if line.startswith("-r "):
            found += required(line[3:])
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def listed(*patterns: str) -> list[Path]:
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in done.stdout.split()]


@pytest.mark.parametrize(("lock", "source"), SOURCES.items())
def test_a_lock_has_each_required_package_in_a_version_that_fits(lock: str, source: str) -> None:
    there = versions(lock)
    wanted = required(source)
    assert wanted
    for one in wanted:
        assert canonicalize_name(one.name) in there, f"{one.name}: make lock"
        for version in there[canonicalize_name(one.name)]:
            assert one.specifier.contains(version), f"{one.name} {version}: make lock"


def test_every_lock_file_is_compared() -> None:
    assert {str(path.relative_to(ROOT)) for path in listed("*.lock")} == set(SOURCES)


def test_the_developers_lock_and_the_constraints_name_the_same_packages_and_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines)
    expected = {canonicalize_name(name): {version} for name, version in pins.items()}
    assert versions("requirements-dev.lock") == expected


def test_the_nodes_lock_is_a_part_of_the_developers_lock() -> None:
    developers = {(x.name, x.version): x.hashes for x in locks.read(ROOT / "requirements-dev.lock")}
    for one in locks.read(locks.NODE):
        assert developers[one.name, one.version] == one.hashes, f"{one.name}: make lock"


@pytest.mark.parametrize("path", listed("*Dockerfile", "Makefile"), ids=lambda p: p.parent.name)
def test_pip_installs_nothing_without_a_hash(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    for command in re.findall(r"pip install[^\n&]*", text):
        own = command.strip().endswith("--no-deps --no-build-isolation /build")
        assert own or "--require-hashes" in command, f"{path.parent.name}: {command}"


def write(folder: Path, text: str) -> Path:
    path = folder / "x.lock"
    path.write_text(text)
    return path


def test_an_entry_is_read_with_name_version_hashes_and_marker(tmp_path: Path) -> None:
    other = f"--hash=sha256:{'b' * 64}"
    path = write(
        tmp_path,
        f"# made by a tool\nPy_YAML==6.0 ; python_version < '3.12' \\\n    {HASH} \\\n    {other}\n"
        f"    # via something\nb==1.0rc1 \\\n    {HASH}\n",
    )
    first, second = locks.read(path)
    assert (first.name, str(first.version)) == ("py-yaml", "6.0")
    assert first.hashes == ("a" * 64, "b" * 64)
    assert str(first.marker) == 'python_version < "3.12"'
    assert (second.name, str(second.version), second.marker) == ("b", "1.0rc1", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no package"),
        ("a==1", "a has no hash"),
        (f"a {HASH}", "a has no exact version"),
        (f"a>=1 {HASH}", "a has no exact version"),
        (f"a==1.* {HASH}", "a has no exact version"),
        (f"a==1,>0 {HASH}", "a has no exact version"),
        (f"a @ https://example.org/a.whl {HASH}", "a has no exact version"),
        ("a==1 --hash=md5:00", "no SHA-256"),
        (f"a==1 {HASH} --pre", "no SHA-256"),
        ("--index-url https://example.org/simple", "no package"),
    ],
)
def test_anything_else_in_a_lock_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SupplyError, match=said):
        locks.read(write(tmp_path, text))


def test_a_missing_lock_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SupplyError, match=r"none\.lock: cannot be read"):
        locks.read(tmp_path / "none.lock")
