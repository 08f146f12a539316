"""Find a Python 3.10, the only version that the vantage6 4.15 server supports."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devserver.errors import MissingError

OVERRIDE = "V6_DEVSERVER_PYTHON"
_CHECK = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))"
_SECONDS = 600


def find(cache: Path) -> Path:
    """Return the path of a Python 3.10 with venv: the user's choice, the machine's, or uv's.

    Args:
        cache: folder for uv if the machine has no uv.

    Raises:
        MissingError: the user's choice is not a Python 3.10, or there is none and uv fetches none.
    """
    if (chosen := named()) is not None:
        return chosen
    tried = []
    for candidate in _candidates():
        if _is_python310(candidate):
            return candidate
        tried.append(str(candidate))
    try:
        return _fetch(cache)
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(
            "the vantage6 server needs Python 3.10, and there is none on this machine\n"
            f"  looked at: {', '.join(tried) or 'PATH and pyenv, where nothing is called so'}\n"
            f"  uv could not fetch one: {_why(error)}\n"
            f"  remedy: install Python 3.10 with venv, or name one: {OVERRIDE}=/path/to/python3.10"
        ) from error


def named() -> Path | None:
    """Return the Python chosen by the user, if any. Raise MissingError if it is unusable."""
    path = os.environ.get(OVERRIDE)
    if not path:
        return None
    if not _is_python310(Path(path)):
        # Another Python in its place would hide the user's mistake.
        raise MissingError(
            f"{OVERRIDE} names {path}, which is no Python 3.10 with venv\n"
            "  remedy: name one, or unset it, and one is looked for"
        )
    return Path(path)


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("python3.10"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.10.*/bin/python3.10"), reverse=True)
    yield Path(sys.executable)


def _is_python310(path: Path) -> bool:
    try:
        # -I: ignore the environment and the user's own packages.
        answer = subprocess.run(
            [path, "-I", "-c", _CHECK], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def _fetch(cache: Path) -> Path:
    uv = shutil.which("uv") or str(_own_uv(cache))
    _run([uv, "python", "install", "3.10"])
    found = Path(_run([uv, "python", "find", "3.10"]).strip())
    if not _is_python310(found):
        raise FileNotFoundError(f"{found} is no Python 3.10 with venv")
    return found


def _own_uv(cache: Path) -> Path:
    home = cache / "uv"
    if not (home / "bin" / "uv").exists():
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(home / "bin" / "pip"), "install", "--quiet", "uv"])
    return home / "bin" / "uv"


def _run(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or error.stdout or "").strip()
        return " / ".join(said.splitlines()[-3:]) or str(error)
    return str(error)
