"""The settings file of the dummy server: text in, checked `ServerSettings` out.

Every `SettingsError` names the file, the key, the rule and the remedy, because people edit the
settings file by hand, often for the first time.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KEYS = ("server_ip", "port")
DEFAULT_FILE = Path(__file__).resolve().parent / "server_config.yaml"


class SettingsError(Exception):
    """The settings cannot be used; the text names file, key, rule and remedy."""

    def __init__(self, file: str, key: str, rule: str, remedy: str) -> None:
        super().__init__(f"{file}: {key}: {rule} Remedy: {remedy}")
        self.key = key


@dataclass(frozen=True)
class ServerSettings:
    """The listening address of the server.

    Attributes:
        server_ip: IPv4 or IPv6 address of an adapter of this machine (0.0.0.0 or :: for all
            adapters).
        port: TCP port; 0 lets the system choose a free port.
    """

    server_ip: str
    port: int


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, but with an error for a repeated key: YAML would keep the last value."""


def _mapping_without_repeats(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key_node.start_mark)
        if key in seen:
            problem = f"the key {key!r} stands twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats
)


def parse(text: str, file: str) -> ServerSettings:
    """Check the text of a settings file. Raise SettingsError.

    `file` is only used to name the file in errors.
    """
    document = _load_yaml(text, file)
    if not isinstance(document, dict):
        rule = "must be a list of `key: value` lines."
        raise SettingsError(file, "whole file", rule, "write server_ip: and port:, one per line.")
    for key in document:
        if key not in KEYS:
            rule = "is not a known key."
            raise SettingsError(file, str(key), rule, f"use only {' and '.join(KEYS)}.")
    for key in KEYS:
        if key not in document:
            raise SettingsError(file, key, "is missing.", f"add a line `{key}: ...`.")
    ip = check_address(document["server_ip"], file, "server_ip")
    return ServerSettings(ip, check_port(document["port"], file, "port"))


def check_address(value: Any, file: str, key: str) -> str:
    """Return `value` if it is the text of an IP address, else raise SettingsError."""
    rule = "must be an IPv4 or IPv6 address of this machine, as text."
    remedy = "`ip addr` shows this machine's addresses, for example 172.30.0.1."
    if not isinstance(value, str):
        raise SettingsError(file, key, rule, remedy)
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise SettingsError(file, key, rule, remedy) from error


def check_port(value: Any, file: str, key: str) -> int:
    """Return `value` if it is a TCP port (0 means any free port), else raise SettingsError."""
    # bool is an int in Python, and `port: yes` is true in YAML
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        rule = "must be a whole number from 0 to 65535, without quotes."
        raise SettingsError(file, key, rule, "the usual value is 5000.")
    return value


def load(path: Path) -> ServerSettings:
    """Read and check a settings file. Raise SettingsError, also for a missing file."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        rule = "is not UTF-8 text."
        raise SettingsError(str(path), "whole file", rule, "save it as UTF-8.") from error
    except OSError as error:
        rule = f"cannot be read ({error.strerror})."
        remedy = "give the right file with --config FILE."
        raise SettingsError(str(path), "whole file", rule, remedy) from error
    return parse(text, str(path))


def _load_yaml(text: str, file: str) -> Any:
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line.split("#", maxsplit=1)[0]:
            rule = "has a tab, which YAML does not allow here."
            raise SettingsError(file, f"line {number}", rule, "use spaces instead.")
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- a SafeLoader, see the class
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else "whole file"
        remedy = "write each key once, as `key: value`."
        raise SettingsError(file, where, f"{error.problem}.", remedy) from error
    except (yaml.YAMLError, ValueError) as error:
        remedy = "write each key once, as `key: value`, in plain text."
        raise SettingsError(file, "whole file", f"is not YAML ({error}).", remedy) from error
