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
1. Put it into the cluster:
     kubectl -n NAMESPACE create secret generic v6-node-private-key \\
       --from-file=private_key.pem={path}
2. In the node's configuration file:
     encryption: {{enabled: true, private_key: /keys/private_key.pem}}
3. The organization's public key at the server must be this one (vantage6's client:
   client.organization.update(id_=..., public_key=...)). Changing it makes what was encrypted for
   the former key unreadable.

The public key:
"""


def create_private_key(path: Path, *, overwrite: bool) -> int:
    """Make a key, write it, print the public one; returns the exit code.

    The public key's text goes to standard output, the words around it to standard error: so
    `create-private-key > public_key.txt` gives a file that can be uploaded.
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
