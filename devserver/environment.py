"""The environment of server and client: a virtual environment of Python 3.10."""

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from devserver import python310
from devserver.errors import DevServerError

VERSION = "4.15.2"
# The server imports vantage6-backend-common without declaring the dependency.
PACKAGES = tuple(
    f"vantage6-{name}=={VERSION}"
    for name in ("server", "backend-common", "client", "algorithm-tools")
)
_INSTALL_SECONDS = 1200
INSIDE = Path(__file__).parent / "inside"


def cache_folder() -> Path:
    """Return the folder of the environment; safe to delete."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "v6-devserver"


def ensure(tell: Callable[[str], None] = lambda _: None) -> Path:
    """Return the environment's Python; create the environment first, in about a minute.

    Args:
        tell: gets one line before any step that takes long.

    Raises:
        MissingError: there is no Python 3.10, or the user's choice is a different Python.
        DevServerError: the packages could not be installed.
    """
    python310.named()  # even with an existing environment, a wrong name is an error
    cache = cache_folder()
    venv = cache / "venv"
    python, ready = venv / "bin" / "python", venv / ".ready"
    pins = "\n".join(PACKAGES)
    if ready.exists() and ready.read_text() == pins:
        return python
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ready.exists() and ready.read_text() == pins):
            tell(f"installing vantage6 {VERSION} into {venv}")
            _run([str(python310.find(cache)), "-m", "venv", "--clear", str(venv)])
            _run([str(python), "-m", "pip", "install", "--quiet", "wheel"])
            _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES])
            ready.write_text(pins)
    return python


def variables() -> dict[str, str]:
    """Return environment variables for the scripts: this process's own, without its Python's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    return kept | {"PYTHONUNBUFFERED": "1"}


def _run(argv: list[str]) -> None:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            env=variables(),
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DevServerError(f"{argv[0]}: {error}") from error
    if done.returncode != 0:
        said = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise DevServerError(f"{' '.join(argv)} failed:\n  {said}")
