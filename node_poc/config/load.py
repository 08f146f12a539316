"""Read YAML file and environment into ``NodeConfig``. Errors name file, key, rule and remedy."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from node_poc.config.errors import ConfigError
from node_poc.config.explain import explain
from node_poc.config.kinds.registry import kind_of
from node_poc.config.model import NodeConfig, NotApplied
from node_poc.config.not_applied import split
from node_poc.config.old_layout import why_old
from node_poc.config.yaml_text import MAX_BYTES, parse_yaml

__all__ = ["ConfigError", "load_config", "load_text", "overriding", "parse_config", "read_text"]

API_KEY_VARIABLE = "V6_API_KEY"
API_KEY_FILE_VARIABLE = "V6_API_KEY_FILE"
PRIVATE_KEY_VARIABLE = "PRIVATE_KEY"
CA_FILE_VARIABLE = "V6_CA_FILE"
IMAGE_VARIABLE = "V6_NODE_IMAGE"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DATABASE_VARIABLE = "{label}_DATABASE_URI"
_UNKNOWN_KEY = (
    "unknown; vantage6 ignores such a key, but a misspelt one must not be ignored: check its "
    "spelling, move it to its place, or remove it"
)


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Read and validate the node's configuration file.

    Some variables override the file: ``V6_API_KEY`` or a file named by ``V6_API_KEY_FILE``,
    ``PRIVATE_KEY``, ``V6_CA_FILE`` and ``<LABEL>_DATABASE_URI``.

    Raises:
        ConfigError: the file is missing, not readable, not YAML, or breaks a rule.
    """
    try:
        return load_text(read_text(path), environment)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def load_text(text: str, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Validate a file's text with the variables of ``load_config``. Raise ConfigError."""
    return parse_config(text, _with_key_file(environment))


def read_text(path: Path) -> str:
    """Return the text of a configuration file without a byte order mark. Raise ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError("there is no such file; give its path with --config FILE") from error
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror}); give the path of a file with --config FILE, and "
            "make it readable for you"
        ) from error
    if content.startswith(_UTF16):
        raise ConfigError("the file is UTF-16 text; save it as UTF-8")
    try:
        # The size limit may cut a character in two, which is not a mistake in the file.
        is_whole = len(content) <= MAX_BYTES
        return codecs.getincrementaldecoder("utf-8-sig")().decode(content, is_whole)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"line {line}: cannot be read as UTF-8 text, as another encoding was used there; save "
            "the file as UTF-8"
        ) from error


def parse_config(text: str, environment: Mapping[str, str]) -> NodeConfig:
    """Validate the text of a configuration file. Raise ConfigError."""
    data = parse_yaml(text)
    if old := why_old(data):
        raise ConfigError(old)
    if "not_applied" in data:
        raise ConfigError("not_applied: unknown key; remove it")
    data = _overridden(data, environment)
    values, reasons = split(data, kind_of(data))
    skipped = tuple(NotApplied(key, reason) for key, reason in sorted(reasons.items()))
    try:
        return NodeConfig(**values, not_applied=skipped)
    except ValidationError as error:
        raise ConfigError(explain(error, _UNKNOWN_KEY, NodeConfig)) from error


def _with_key_file(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with the API key read from its file, as in a mounted Secret."""
    name = environment.get(API_KEY_FILE_VARIABLE)
    if not name or environment.get(API_KEY_VARIABLE):
        return environment
    try:
        key = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{API_KEY_FILE_VARIABLE}: {name} cannot be read ({error})") from error
    return {**environment, API_KEY_VARIABLE: key}


def overriding(data: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that would override values of this file."""
    databases = data.get("databases")
    labels = [
        database["label"].upper()
        for database in (databases if isinstance(databases, list) else [])
        if isinstance(database, dict) and isinstance(database.get("label"), str)
    ]
    uris = [_DATABASE_VARIABLE.format(label=label) for label in labels]
    return [API_KEY_VARIABLE, PRIVATE_KEY_VARIABLE, *uris]


def _overridden(data: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    values = dict(data)
    if key := environment.get(API_KEY_VARIABLE):
        values["api_key"] = key
    if isinstance(values.get("api_key"), str):
        values["api_key"] = values["api_key"].strip()  # often copied with a blank or a newline
    encryption = values.get("encryption")
    if (path := environment.get(PRIVATE_KEY_VARIABLE)) and isinstance(encryption, dict):
        values["encryption"] = encryption | {"private_key": path}
    kubernetes = values.get("kubernetes") or {}
    for variable, key in ((CA_FILE_VARIABLE, "ca_file"), (IMAGE_VARIABLE, "node_image")):
        if (value := environment.get(variable)) and isinstance(kubernetes, dict):
            kubernetes = values["kubernetes"] = kubernetes | {key: value}
    if isinstance(values.get("databases"), list):
        values["databases"] = [_database(each, environment) for each in values["databases"]]
    return values


def _database(database: Any, environment: Mapping[str, str]) -> Any:
    if not isinstance(database, dict) or not isinstance(database.get("label"), str):
        return database
    name = _DATABASE_VARIABLE.format(label=database["label"].upper())
    uri = environment.get(name)
    return database | {"uri": uri} if uri else database
