"""Certificate authorities trusted for the server: the public ones and the site's own.

Each client of the server reads certificates from another place: requests from
``REQUESTS_CA_BUNDLE``, the proxy's aiohttp and the web socket from ``SSL_CERT_FILE`` or
``WEBSOCKET_CLIENT_CA_BUNDLE``. Therefore the node makes one file of all certificates, and sets each
variable to the file before any client is made. The Kubernetes API is not affected: its authority
comes with the ServiceAccount.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import certifi

from node_poc.config.model import NodeConfig
from node_poc.config.outside import CERTIFICATE_VARIABLES
from node_poc.crypto.certificates import CertificateError, certificates_in

CA_FILE_KEY = "kubernetes.ca_file"
_READ_BY_CLIENTS = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE")
# The file with all public authorities is a quarter of this size.
_MOST_BYTES = 1 << 20
_MOST_FILES = 1000
_REMEDY = f"name a file of PEM certificates in {CA_FILE_KEY} and `render` again"


class TrustError(Exception):
    """A file of certificates is unusable. The text names key or variable, file and remedy."""


def trust_the_sites_authorities(
    config: NodeConfig, folder: Path, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Make all clients created later trust the site's authorities besides the public ones.

    Args:
        config: the node's configuration.
        folder: folder of the configuration file; ``ca_file`` is relative to the folder.
        environment: variables that name certificate files; changed to name the combined file.

    Raises:
        TrustError: a file is missing, or holds no certificate.
    """
    named = [name for name in CERTIFICATE_VARIABLES if environment.get(name)]
    if not named and config.kubernetes.ca_file is None:
        return
    texts = [_usual(), *_of_variables(environment)]
    if (text := sites_certificates(config, folder)) is not None:
        texts.append(text)
    path = _as_file("\n".join(texts))
    for name in _READ_BY_CLIENTS:
        environment[name] = path


def sites_certificates(config: NodeConfig, folder: Path) -> str | None:
    """Return only the certificates of ``kubernetes.ca_file``; None if the key is not set.

    Raises:
        TrustError: the file is missing, or holds no certificate.
    """
    name = config.kubernetes.ca_file
    return None if name is None else _read(CA_FILE_KEY, folder / name, "correct its path")


def _usual() -> str:
    texts = [certifi.contents()]
    usual = Path(ssl.get_default_verify_paths().openssl_cafile)
    if usual.is_file():
        texts.append(usual.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)


def _of_variables(environment: MutableMapping[str, str]) -> Iterator[str]:
    for name in CERTIFICATE_VARIABLES:
        if not (value := environment.get(name)):
            continue
        path = Path(value)
        if path.is_dir():  # requests accepts a folder in its variable
            yield _read_folder(name, path)
        else:
            yield _read(name, path, f"mount it (node_extra_mounts), or {_REMEDY}")


def _read_folder(name: str, folder: Path) -> str:
    found = []
    try:
        paths = sorted(folder.iterdir())[:_MOST_FILES]
    except OSError as error:
        raise TrustError(
            f"{name}: {folder} cannot be read ({error.strerror}); {_REMEDY}"
        ) from error
    for path in paths:
        if path.is_file():
            try:
                found.append(_read(name, path, ""))
            except TrustError:  # a folder may hold other files as well
                continue
    if not found:
        raise TrustError(f"{name}: {folder} is a folder without any certificate; {_REMEDY}")
    return "\n".join(found)


def _read(name: str, path: Path, remedy: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise TrustError(f"{name}: {path} cannot be read ({error.strerror}); {remedy}") from error
    if len(data) > _MOST_BYTES:
        raise TrustError(f"{name}: {path} is larger than {_MOST_BYTES >> 20} MiB; {_REMEDY}")
    try:
        return certificates_in(data)
    except CertificateError as error:
        raise TrustError(f"{name}: {path} {error}") from error


def _as_file(text: str) -> str:
    """Write an in-memory file, because folders in the pod are read-only; return its path.

    The file exists as long as this process.
    """
    descriptor = os.memfd_create("certificates")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(text.encode())
    return f"/proc/self/fd/{descriptor}"
