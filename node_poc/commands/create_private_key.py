"""``python -m node_poc create-private-key``: a key pair for the organization."""

from __future__ import annotations

import sys
from pathlib import Path

from node_poc.crypto.keys import make_private_key, private_key_pem, public_key_text
from node_poc.storage.private_key import KeyFileError, write_private_key

_NEXT = """\
The private key is in {path}; only you can read it. Keep a copy in a safe place: without it nothing
that was encrypted for your organization can ever be read. All nodes and users of the organization
need this same key.

What to do next:
1. In the node's configuration file:
     encryption: {{enabled: true, private_key: {path}}}
   `python -m node_poc render vantage6` makes a Secret of it for the node and its proxy.
2. Start the node: it tells the server the public key if the server has none or another one, as
   every vantage6 node does. Changing it makes what was encrypted for the former key unreadable.

The public key:
"""


def create_private_key(path: Path, *, overwrite: bool) -> int:
    """Create and write a private key, print its public key, and return the exit code.

    The public key goes to standard output, the explanation to standard error, so that
    ``create-private-key > public_key.txt`` writes a file ready for upload.
    """
    key = make_private_key()
    try:
        write_private_key(path, private_key_pem(key), overwrite=overwrite)
    except KeyFileError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(_NEXT.format(path=path), file=sys.stderr)
    print(public_key_text(key))
    return 0
