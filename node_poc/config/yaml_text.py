"""PURE: parse the configuration file's text. Every error names line, cause and remedy.

The parser reads YAML like vantage6, merge keys (``<<``) included. In addition the parser refuses a
repeated key, of which YAML would silently take the last value, and aliases that make a short text
large.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from node_poc.config.errors import ConfigError

# `kubectl apply` keeps a copy of the object in an annotation, and an annotation has at most 256
# KiB.
MAX_BYTES = 256 * 1024
_DEPTH = 32
# The maximum number of values, with each alias written out in full.
_VALUES = 20_000
_NAME_LENGTH = 80
_MERGE = "tag:yaml.org,2002:merge"
_TEXT_BEGIN = "\ufeff"
_CAUSES = {
    "but found another document": (
        "a second document begins here; keep one document, and remove the line `---`"
    ),
    "could not find expected ':'": (
        "a key has no `:` behind it, or has more than 1024 characters; check indentation, quotes"
    ),
    "mapping values are not allowed here": (
        "a `:` stands where no key can be; check the indentation, put a value that holds `: ` in "
        "quotes, and keep keys below 1024 characters"
    ),
    "expected '<document start>', but found '<block mapping start>'": (
        "a key begins further left than the keys before it; indent all top-level keys alike"
    ),
}
_QUOTES = ("that cannot start any token", "constructor for the tag", "alphabetic or numeric")


def parse_yaml(text: str) -> dict[str, Any]:
    """Return the file's values. Raise ConfigError."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ConfigError(
            f"the file is larger than {MAX_BYTES // 1024} KiB, what `kubectl apply` takes; "
            "check that it is the configuration file, and remove what is not needed"
        )
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506  a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_explain(error, text)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise ConfigError(
            f"line {line}: the character {_character(error.character)} is not allowed in YAML; "
            "remove it"
        ) from error
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"the file must be a mapping of keys to values, but it is {kind}")
    if strange := [key for key in data if not isinstance(key, str)]:
        name = _cut(repr(strange[0]))
        raise ConfigError(
            f"key {name} must be text (YAML reads yes, no, on and off as true or false); "
            "put it in quotes, or remove it"
        )
    return data


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses repeated keys, and text that grows without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text.removeprefix(_TEXT_BEGIN))
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node, within the limits of depth and size."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > _DEPTH:
            raise ConfigError(
                f"{_line(mark)}: values are nested more than {_DEPTH} levels deep; "
                "check brackets and indentation"
            )
        is_alias = self.check_event(yaml.AliasEvent)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and id(node) not in self._sizes:
            raise ConfigError(
                f"{_line(mark)}: an alias (`*`) stands inside of what it refers to; "
                "write the value in full"
            )
        self._measure(node, mark)
        return node

    def _measure(self, node: yaml.Node | None, mark: yaml.Mark) -> None:
        if id(node) in self._sizes:
            return
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = list(node.value)
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        size = 1 + sum(self._sizes[id(part)] for part in parts)
        if size > _VALUES:
            raise ConfigError(
                f"{_line(mark)}: the file has more than {_VALUES} values, each alias (`*`) counted "
                "as what it stands for; check that it is the configuration file, and use fewer"
            )
        self._sizes[id(node)] = size

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's own
        """Return a node's value; raise ConfigError for an invalid date, number or tag."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, AttributeError, OverflowError, LookupError) as error:
            raise ConfigError(
                f"{_line(node.start_mark)}: the value is not what it looks like (a date, a number) "
                "or what its !!tag says; put it in quotes"
            ) from error


def _construct_unique(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        is_merge = key_node.tag == _MERGE
        key = "<<" if is_merge else loader.construct_object(key_node)
        where = _line(key_node.start_mark)
        if not isinstance(key, Hashable):
            raise ConfigError(f"{where}: a key must be text, not a list or a mapping")
        if key in seen:
            raise ConfigError(f"{where}: key `{_cut(str(key))}` is given twice; {_keep(key)}")
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique)


def _keep(key: Hashable) -> str:
    return "write one list: `<<: [*a, *b]`" if key == "<<" else "keep one of them"


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    mark, problem = error.problem_mark, error.problem or ""
    where = _line(mark) if mark else "the file"
    if _is_of_a_tab(mark, problem, text):
        return f"{where}: there is a tab; YAML is indented with spaces only"
    if problem in _CAUSES:
        return f"{where}: {_CAUSES[problem]}"
    if "for merging" in problem:
        return (
            f"{where}: `<<` merges mappings only; give it an alias of a mapping (`<<: *name`), "
            "or a list of them"
        )
    if problem.startswith("found undefined alias"):
        return (
            f"{where}: an alias (`*`) has no anchor (`&`) of its name before it; check its "
            "spelling, or put the value in quotes"
        )
    if "quoted scalar" in (error.context or "") and "end of stream" in problem:
        begin = error.context_mark
        where = _line(begin) if begin else where
        return f"{where}: a quotation mark is opened here and closed nowhere; close it"
    if any(part in problem for part in _QUOTES):
        return f"{where}: the value begins with a sign of YAML's own, or a !!tag; put it in quotes"
    return f"{where}: this is not YAML ({_cut(problem)}); check indentation and quotes"


def _is_of_a_tab(mark: yaml.Mark | None, problem: str, text: str) -> bool:
    """Return whether a tab is the mistake: as indentation, or where a word must start."""
    if "'\\t'" in problem:
        return True
    lines = text.split("\n")
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    return "\t" in line[: len(line) - len(line.lstrip())]


def _line(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}"


def _cut(text: str) -> str:
    return text if len(text) <= _NAME_LENGTH else f"{text[:_NAME_LENGTH]}..."


def _character(found: str | int | bytes) -> str:
    code = ord(found) if isinstance(found, str | bytes) else found
    return f"U+{code:04X}"
