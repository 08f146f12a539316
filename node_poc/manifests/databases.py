"""PURE: the Secret with what a vantage6 algorithm is told of service databases, and is given.

Passwords stand in a database's ``env``, in its URI (scheme://user:password@host), and sometimes in
``algorithm_env``. Written into Jobs, whoever may list Jobs would read them. So a person puts them
into a Secret once, ``python -m node_poc render database-secrets | kubectl apply -f -``, and a Job
names its keys: the kubelet fills them in, for the requested databases only. The node has no right
on Secrets; only its own configuration file, mounted from another Secret, holds the values as well.

Values lie in the Secret as a vantage6 container has them: base32, with ``!`` for ``=``. A value
that changes in the file must be rendered again. A user's home and name are written as they are:
programs read them before vantage6's tools have decoded anything.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from node_poc.config.model import Database, NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity

_ALGORITHM_ENV = "algorithm-env."
_OF_THE_USER = {"HOME", "USER", "LOGNAME"}


def encode(value: str) -> str:
    """A variable's value as vantage6's algorithm tools decode it."""
    return base64.b32encode(value.encode()).decode().replace("=", "!")


def _encoded(name: str, value: str) -> str:
    return value if name in _OF_THE_USER and _stays_plain(value) else encode(value)


def _stays_plain(value: str) -> bool:
    """Whether vantage6's tools leave a value alone: one that they cannot decode."""
    try:
        base64.b32decode(value.encode().replace(b"!", b"="))
    except binascii.Error:
        return True
    return False


def database_variables(database: Database) -> dict[str, str]:
    """Variables of a database whose values are secret: plain name to plain value."""
    prefix = database.label.upper()
    values = {f"{prefix}_DB_PARAM_{key.upper()}": value for key, value in database.env.items()}
    if database.is_service:
        values[f"{prefix}_DATABASE_URI"] = database.uri
    return values


def algorithm_variables(config: NodeConfig) -> tuple[tuple[str, str], ...]:
    """``algorithm_env`` as (variable, key in the Secret)."""
    return tuple((name, _ALGORITHM_ENV + name) for name in config.algorithm_env)


def build_databases_secret(config: NodeConfig) -> dict[str, Any]:
    """Make the Secret; its keys are those that ``RunSpec.secrets`` names."""
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
            "labels": {
                identity.LABEL_PART_OF: identity.PART_OF,
                identity.LABEL_NODE: names.node_label,
            },
        },
        "stringData": texts,
    }
