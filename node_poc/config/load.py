"""YAML file and environment → ``NodeConfig``. Every error names file, key, rule and remedy."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from node_poc.config.explain import explain
from node_poc.config.model import NodeConfig

# vantage6 4.x keys (docs.vantage6.ai, node configuration) that this node does not use yet, or that
# have no meaning on Kubernetes. A file that holds them is read; each gets one warning.
NOT_APPLIED_KEYS = {
    "encryption": "the dummy server sends nothing encrypted",
    "algorithm_env": "the dummy server's algorithms take arguments only",
    "algorithm_device_requests": "not supported yet",
    "node_extra_env": "set it in node_pod_config.yaml",
    "node_extra_mounts": "set it in node_pod_config.yaml",
    "node_extra_hosts": "set hostAliases in node_pod_config.yaml",
    "images": "images are named in the kubeconfs",
    "docker_registries": "use kubernetes.image_pull_secrets",
    "docker_services": "not supported yet",
    "whitelist": "algorithms reach the proxy only",
    "ssh-tunnels": "not supported yet",
    "vpn_subnet": "not supported: algorithms do not talk to each other",
    "share_config": "the dummy server does not ask for it",
    "share_algorithm_logs": "the dummy server is always sent the log's end",
    "run_context_file": "not supported yet",
    "prometheus": "not supported yet",
    "debug": "use logging.level",
    "directories": "use task_dir",
}
API_KEY_VARIABLE = "V6_API_KEY"


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
        return parse_config(text, environment)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(text: str, environment: Mapping[str, str]) -> NodeConfig:
    """Validate the text of a configuration file. Raises ConfigError."""
    data = _parse_yaml(text)
    skipped = tuple(sorted(set(data) & set(NOT_APPLIED_KEYS)))
    values = {key: value for key, value in data.items() if key not in NOT_APPLIED_KEYS}
    if "not_applied" in values:
        raise ConfigError("not_applied: unknown key; remove it")
    if key := environment.get(API_KEY_VARIABLE):
        values["api_key"] = key
    try:
        return NodeConfig(**values, not_applied=skipped)
    except ValidationError as error:
        raise ConfigError(explain(error)) from error


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
