"""Real cosign, with key pairs and without any service: signs images in the cluster's registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstation.commands import read

#: The places and forms in which cosign stores a signature, each with the options that choose it.
FORMS: dict[str, Sequence[str]] = {
    "tag": (),
    "referrer": ("--registry-referrers-mode=oci-1-1",),
    "bundle": ("--new-bundle-format",),
}
# Without these options cosign tells a public service of each signature.
_OFFLINE = ("--tlog-upload=false", "--allow-http-registry", "--yes")


@dataclass(frozen=True)
class KeyPair:
    """A key pair of cosign: the private key's file and the public key."""

    private: Path
    public_pem: str


class Cosign:
    """The program, which keeps its files in ``home``."""

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._home = home

    def key_pair(self, name: str) -> KeyPair:
        """Make a key pair. Raise StationError."""
        self._run("generate-key-pair", f"--output-key-prefix={self._home / name}")
        public = (self._home / f"{name}.pub").read_text()
        return KeyPair(self._home / f"{name}.key", public)

    def sign(self, image: str, key: KeyPair, form: str = "tag") -> None:
        """Sign ``registry/name@digest``, and store the signature in one of ``FORMS``.

        Raise StationError.
        """
        self._run("sign", f"--key={key.private}", *_OFFLINE, *FORMS[form], image)

    def _run(self, *arguments: str) -> None:
        # The mode with referrers counts as experimental. The key's password is empty.
        own = {"HOME": str(self._home), "COSIGN_PASSWORD": "", "COSIGN_EXPERIMENTAL": "1"}
        read([str(self._program), *arguments], environment=own)
