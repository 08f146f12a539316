"""Move etcd some revisions on, and compact it to the newest. Nobody sees the key written for this.

Run in the first cluster node's network namespace, as ``python compact_etcd.py
CERTIFICATES-FOLDER``.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any


def call(folder: Path, path: str, question: dict[str, Any]) -> dict[str, Any]:
    """Call etcd's JSON gateway. Raise OSError."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "etcd.crt", folder / "etcd.key")
    connection = http.client.HTTPSConnection("127.0.0.1", 2379, timeout=10, context=context)
    connection.request("POST", path, json.dumps(question))
    response = connection.getresponse()
    text = response.read().decode()
    if response.status != 200:
        raise OSError(f"etcd: {response.status} {text}")
    answer: dict[str, Any] = json.loads(text)
    return answer


if __name__ == "__main__":
    certificates = Path(sys.argv[1])
    key = base64.b64encode(b"v6-faults").decode()
    for _ in range(10):
        call(certificates, "/v3/kv/put", {"key": key, "value": ""})
    revision = call(certificates, "/v3/kv/deleterange", {"key": key})["header"]["revision"]
    call(certificates, "/v3/kv/compaction", {"revision": revision, "physical": True})
    print(revision)
