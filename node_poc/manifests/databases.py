"""PURE: the Secret with the values for algorithms: access to service databases, ``algorithm_env``.

A password may be in a database's ``env``, in the URI (scheme://user:password@host), and sometimes
in ``algorithm_env``. If the values were written into Jobs, every user with the right to list Jobs
could read them. An administrator therefore writes the values into a Secret once:

    python -m node_poc render database-secrets | kubectl apply -f -

A Job refers to keys of the Secret: the kubelet fills in the values, for the requested databases
only. The node has no right on Secrets; only the node's own configuration file, mounted from another
Secret, holds the values too.

The Secret holds values in the form of vantage6 containers: base32, with ``!`` for ``=``. After a
change in the configuration file the Secret must be rendered again. A user's home and name are
stored as plain text: programs read these variables before vantage6's tools decode any.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from node_poc.config.model import Database, NodeConfig
from node_poc.manifests.identity import Identity

_ALGORITHM_ENV = "algorithm-env."
_OF_THE_USER = {"HOME", "USER", "LOGNAME"}


def encode(value: str) -> str:
    """Return a variable's value encoded as vantage6's algorithm tools expect."""
    return base64.b32encode(value.encode()).decode().replace("=", "!")


def _encoded(name: str, value: str) -> str:
    return value if name in _OF_THE_USER and _stays_plain(value) else encode(value)


def _stays_plain(value: str) -> bool:
    """Return whether vantage6's tools leave the value unchanged, because they cannot decode it."""
    try:
        base64.b32decode(value.encode().replace(b"!", b"="))
    except binascii.Error:
        return True
    return False


def database_variables(database: Database) -> dict[str, str]:
    """Return the variables of a database with secret values: plain name to plain value."""
    prefix = database.label.upper()
    values = {f"{prefix}_DB_PARAM_{key.upper()}": value for key, value in database.env.items()}
    if database.is_service:
        values[f"{prefix}_DATABASE_URI"] = database.uri
    return values


def algorithm_variables(config: NodeConfig) -> tuple[tuple[str, str], ...]:
    """Return ``algorithm_env`` as pairs of (variable, key in the Secret)."""
    return tuple((name, _ALGORITHM_ENV + name) for name in config.algorithm_env)


def build_databases_secret(config: NodeConfig) -> dict[str, Any]:
    """Return the Secret; ``RunSpec.secrets`` refers to its keys."""
    values: dict[str, str] = {}
    for database in config.databases:
        values |= database_variables(database)
    texts = {key: encode(value) for key, value in values.items()}
    for name, key in algorithm_variables(config):
        texts[key] = _encoded(name, config.algorithm_env[name])
    names = Identity(config.kubernetes.node_name)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.databases_secret_name,
            "namespace": config.kubernetes.namespace,
            "labels": names.own_labels,
        },
        "stringData": texts,
    }
