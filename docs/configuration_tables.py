"""Fill the tables of ``docs/configuration.md`` from the fields of the configuration's model.

    .venv/bin/python docs/configuration_tables.py    (from the repository's root; ``make docs``)

A comment on the page, ``<!-- keys: server_url policies -->``, names the keys and sections of the
table below the comment. The text of a key is the string below the field in ``node_poc/config``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402
from pydantic.fields import FieldInfo  # noqa: E402

from node_poc.config.base import model_inside  # noqa: E402
from node_poc.config.kinds.registry import KINDS  # noqa: E402
from node_poc.config.load import parse_config  # noqa: E402
from node_poc.config.model import NodeConfig  # noqa: E402
from node_poc.config.not_applied import with_any_server  # noqa: E402

PAGE = ROOT / "docs/configuration.md"
_TABLE = re.compile(r"(?<=<!-- )(keys|without effect): ([^>]*)( -->\n)(.*?)(?=<!-- end -->)", re.S)
_KUBERNETES = "kubernetes."
_NOT_A_KEY = "not_applied"
# The defaults of vantage6's keys are those for a vantage6 server.
_SHORTEST_FILE = (
    "{api_key: a, server_url: 'https://server.example', task_dir: /tasks, "
    "databases: [{label: a, uri: /a.csv, type: csv}]}"
)


class PageError(Exception):
    """A key without a text, a key in no table or in two tables, or a table that is missing."""


@dataclass(frozen=True)
class Key:
    """A key of the file: its path, its default as the page writes it, and its text."""

    path: str
    default: str
    text: str

    @property
    def effect(self) -> str:
        """How the key's effect compares with a Docker node: works, differs or does not apply."""
        starts = {line.partition(":")[0] for line in self.text.split("\n\n")}
        if "No effect" in starts:
            return "does not apply"
        return "differs" if "Differs" in starts else "works"

    @property
    def meaning(self) -> str:
        """The text without the reason of the default, as one line."""
        return _one_line(part for part in self._parts if not part.startswith("Default: "))

    @property
    def reason(self) -> str:
        """The reason of the default, or an empty text."""
        reasons = (part for part in self._parts if part.startswith("Default: "))
        reason = _one_line(part.removeprefix("Default: ") for part in reasons)
        return reason[:1].upper() + reason[1:]

    @property
    def _parts(self) -> list[str]:
        return self.text.split("\n\n")


def _one_line(parts: Iterator[str]) -> str:
    return " ".join(" ".join(parts).split()).replace("|", r"\|")


def find_keys() -> list[Key]:
    """Return all keys of the file in the order of the model. Raise PageError."""
    return list(_keys(NodeConfig, parse_config(_SHORTEST_FILE, {}), ""))


def _keys(model: type[BaseModel], values: object, path: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        own = f"{path}{name}"
        inner = model_inside(field.annotation)
        if own == _NOT_A_KEY:
            continue
        if isinstance(field.default, BaseModel):
            yield from _keys(type(field.default), getattr(values, name, None), f"{own}.")
            continue
        if not field.description:
            raise PageError(f"{own}: has no text; write a string below its field")
        key = Key(own, _default(field, own, getattr(values, name, None)), field.description)
        yield key if key.effect != "does not apply" else replace(key, default="-")
        if inner:
            yield from _keys(inner, None, f"{own}{_place(field)}.")


def _default(field: FieldInfo, path: str, value: object) -> str:
    if field.is_required():
        return "required"
    # Databases and the key are in the shortest file; Kubernetes' keys are told for both kinds.
    is_given = path.startswith((_KUBERNETES, "databases", "api_key"))
    default = field.default if is_given or value is None else value
    if default is None:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _place(field: FieldInfo) -> str:
    return "[]" if isinstance(field.default, list) else ".<label>"


def fill_in(page: str) -> str:
    """Return the page with its tables made anew. Raise PageError."""
    keys = find_keys()
    placed: list[str] = []

    def table(match: re.Match[str]) -> str:
        kind, names, end = match[1], match[2].split(), match[3]
        if kind == "without effect":
            return f"{kind}: {match[2]}{end}{_reasons(match[2])}"
        chosen = [key for name in names for key in keys if _belongs(key.path, name)]
        placed.extend(key.path for key in chosen)
        return f"{kind}: {match[2]}{end}{_rows(chosen)}"

    filled = _TABLE.sub(table, page)
    for name, kind in KINDS.items():
        if kind.sections_without_effect and f"<!-- without effect: {name} server -->" not in page:
            raise PageError(
                f"{PAGE.name}: lacks the table of keys without effect at {name} servers"
            )
    wrong = [key.path for key in keys if placed.count(key.path) != 1]
    if wrong:
        raise PageError(f"{PAGE.name}: {', '.join(wrong)}: must be in one table, and in no other")
    return filled


def _belongs(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}[]."))


def _rows(keys: list[Key]) -> str:
    if not keys:
        raise PageError(f"{PAGE.name}: a table has no keys; correct the names in its comment")
    if keys[0].path.startswith(_KUBERNETES):
        head = "| key | default | meaning | why this default |\n|---|---|---|---|\n"
        return head + "".join(
            f"| `{key.path.removeprefix(_KUBERNETES)}` | {key.default} | {key.meaning} "
            f"| {key.reason} |\n"
            for key in keys
        )
    head = "| key | here | default | meaning |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{key.path}` | {key.effect} | {key.default} | {key.meaning} |\n" for key in keys
    )


def _reasons(server: str) -> str:
    own = {f"{name} server": kind.sections_without_effect for name, kind in KINDS.items()}
    reasons = (own | {"any server": with_any_server()})[server]
    rows = (f"| `{key}` | {why} |\n" for key, why in reasons.items())
    return "| key | why it has no effect |\n|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(fill_in(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
