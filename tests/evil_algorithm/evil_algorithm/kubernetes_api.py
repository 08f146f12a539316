"""Ways to the Kubernetes API: its token, its address, and the API itself."""

from __future__ import annotations

import errno
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from evil_algorithm.report import Attack

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def attacks(api: str) -> Iterator[tuple[str, Attack]]:
    """Yield the attacks by name; ``api`` is the ``host:port`` of the API server."""
    yield "read a ServiceAccount's token", lambda: f"{len(_TOKEN.read_text())} characters"
    yield "find the API server in the environment", _environment
    yield "ask the API server", lambda: _ask(api)


def _environment() -> str:
    names = [name for name, value in os.environ.items() if value and "SERVICE_HOST" in name]
    if not names:
        raise OSError(errno.ENOENT, "no variable names a Service")
    return " ".join(names)


def _ask(api: str) -> str:
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://{api}/api", timeout=3, context=unverified) as answer:
            return f"answered {answer.status}"
    except urllib.error.HTTPError as error:
        return f"answered {error.code}"
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason from error
        raise
