"""The file with the organization's private key, readable only by the file's owner."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.config.model import NodeConfig
from node_poc.crypto.errors import PrivateKeyError
from node_poc.crypto.keys import load_private_key
from node_poc.storage.whole_files import written_beside

# A 16384-bit key is 13 KB of PEM.
_KEY_BYTES = 65_536


class KeyFileError(Exception):
    """The key's file cannot be written. The text names the file and the remedy."""


def read_private_key(path: Path) -> RSAPrivateKey:
    """Read the private key from its file.

    Raises:
        PrivateKeyError: the file is missing or unreadable, or holds no usable key.
    """
    try:
        with path.open("rb") as file:
            pem = file.read(_KEY_BYTES)
    except OSError as error:
        raise PrivateKeyError(
            f"{path}: the private key cannot be read ({error.strerror}); correct the path, copy "
            "your organization's key there, or make the first one with `python -m node_poc "
            "create-private-key` (in a pod: apply its Secret, from `render vantage6`)"
        ) from error
    try:
        return load_private_key(pem)
    except PrivateKeyError as error:
        raise PrivateKeyError(f"{path}: {error}") from error


def organization_key(config: NodeConfig, folder: Path) -> RSAPrivateKey | None:
    """Return the organization's private key; None if encryption is not enabled.

    Args:
        config: the node's configuration.
        folder: folder of the configuration file; a relative path of the key starts there.

    Raises:
        PrivateKeyError: encryption is enabled and the key cannot be used.
    """
    if not config.encryption.enabled:
        return None
    try:
        return read_private_key(folder / config.encryption.key_file)
    except PrivateKeyError as error:
        raise PrivateKeyError(f"encryption.private_key: {error}") from error


def write_private_key(path: Path, pem: bytes, *, overwrite: bool) -> None:
    """Write a key atomically, into a file that only its owner may read.

    Raises:
        KeyFileError: the file exists and ``overwrite`` is false, or the file cannot be written.
    """
    try:
        with written_beside(path, pem) as beside:
            if overwrite:
                beside.replace(path)
            else:
                path.hardlink_to(beside)  # unlike a rename, fails if the file exists
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} is there already, and what was encrypted for it could never be read again; "
            "choose another name with -o, or give --overwrite"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
