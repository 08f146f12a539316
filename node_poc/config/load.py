"""YAML file and environment → ``NodeConfig``. Every error names file, key, rule and remedy."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from node_poc.config.defaults import fill_in
from node_poc.config.explain import explain
from node_poc.config.model import NodeConfig, NotApplied
from node_poc.config.not_applied import split

API_KEY_VARIABLE = "V6_API_KEY"
API_KEY_FILE_VARIABLE = "V6_API_KEY_FILE"
PRIVATE_KEY_VARIABLE = "PRIVATE_KEY"
_DATABASE_VARIABLE = "{label}_DATABASE_URI"
_UNKNOWN_KEY = (
    "unknown; vantage6 ignores such a key, but a misspelt one must not be ignored: check its "
    "spelling, move it to its place, or remove it"
)


class ConfigError(Exception):
    """The configuration cannot be used. Its text is for the person who wrote the file."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice: YAML would silently take the last."""


def _construct_unique(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise ConfigError(f"line {line}: a key must be text, not a list or a mapping")
        if key in seen:
            raise ConfigError(f"line {line}: key `{key}` is given twice; keep one of them")
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique)


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Read and validate the node's configuration file.

    The environment overrides it: ``V6_API_KEY`` or a file that ``V6_API_KEY_FILE`` names,
    ``PRIVATE_KEY`` and ``<LABEL>_DATABASE_URI``.

    Raises:
        ConfigError: the file is missing, not readable, not YAML, or breaks a rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such file; give its path with --config FILE"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    try:
        return parse_config(text, _with_key_file(environment))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(text: str, environment: Mapping[str, str]) -> NodeConfig:
    """Validate the text of a configuration file. Raises ConfigError."""
    data = _parse_yaml(text)
    if "not_applied" in data:
        raise ConfigError("not_applied: unknown key; remove it")
    data = _overridden(data, environment)
    values, reasons = split(data, _kind(data))
    skipped = tuple(NotApplied(key, reason) for key, reason in sorted(reasons.items()))
    try:
        return NodeConfig(**values, not_applied=skipped)
    except ValidationError as error:
        raise ConfigError(explain(error, _UNKNOWN_KEY)) from error


def _kind(data: dict[str, Any]) -> str:
    kubernetes = fill_in(data).get("kubernetes")
    return str(kubernetes["server_kind"]) if isinstance(kubernetes, dict) else "dummy"


def _with_key_file(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the API key read from its file, as a Secret is mounted."""
    name = environment.get(API_KEY_FILE_VARIABLE)
    if not name or environment.get(API_KEY_VARIABLE):
        return environment
    try:
        key = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{API_KEY_FILE_VARIABLE}: {name} cannot be read ({error})") from error
    return {**environment, API_KEY_VARIABLE: key}


def overriding(data: Mapping[str, Any]) -> list[str]:
    """Names of the variables that would override what this file says."""
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
    encryption = values.get("encryption")
    if (path := environment.get(PRIVATE_KEY_VARIABLE)) and isinstance(encryption, dict):
        values["encryption"] = encryption | {"private_key": path}
    if isinstance(values.get("databases"), list):
        values["databases"] = [_database(each, environment) for each in values["databases"]]
    return values


def _database(database: Any, environment: Mapping[str, str]) -> Any:
    if not isinstance(database, dict) or not isinstance(database.get("label"), str):
        return database
    name = _DATABASE_VARIABLE.format(label=database["label"].upper())
    uri = environment.get(name)
    return database | {"uri": uri} if uri else database


def _parse_yaml(text: str) -> dict[str, Any]:
    try:
        data = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_explain_yaml(error, text)) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"this is not YAML text ({error})") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # PyYAML lets these out for a value that looks like a date or number and is none.
        what = "a value is not what it looks like (a date, a number) or what its !!tag says"
        raise ConfigError(f"{what}; put it in quotes") from error
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"the file must be a mapping of keys to values, but it is {kind}")
    if strange := [key for key in data if not isinstance(key, str)]:
        raise ConfigError(f"key {strange[0]!r} must be text")
    return data


def _explain_yaml(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    line = mark.line + 1 if mark else 0
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line]:
        return f"line {line}: there is a tab; YAML is indented with spaces only"
    return f"line {line}: this is not YAML ({error.problem}); check indentation and quotes"
