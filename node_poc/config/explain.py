"""A broken rule of a pydantic model, told to the person who wrote the value."""

from __future__ import annotations

from pydantic import ValidationError

_SHAPES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "an object",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "str": "text",
}


# An answer must stay short, whatever was asked: a name in it may be of any length, and so may the
# list of mistakes.
_NAME_LENGTH = 80
_MISTAKES = 8
_UNKNOWN = "unknown; check its spelling and its place, or remove it"


def shape_of(value: object) -> str:
    """Name a value's kind and size without showing it: it may be a secret, or data."""
    name = type(value).__name__
    shape = _SHAPES.get(name, name)
    return f"{shape} of length {len(value)}" if isinstance(value, str | list | dict) else shape


def explain(error: ValidationError, unknown: str = _UNKNOWN) -> str:
    """One sentence a broken rule: the field, the rule or remedy, the shape of the value.

    ``unknown`` is what is said of a field that nobody knows.
    """
    sentences = []
    mistakes = error.errors(include_url=False, include_context=False)
    for item in mistakes[:_MISTAKES]:
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]]
        path = _cut("".join(parts).lstrip("."))
        if item["type"] == "extra_forbidden":
            sentences.append(f"{path}: {unknown}")
        elif item["type"] == "missing":
            sentences.append(f"{path}: is required; add it")
        elif not path:  # a rule between several fields names them itself
            sentences.append(_rule(item["msg"]))
        else:
            rule = _rule(item["msg"])
            sentences.append(f"{path}: {rule} (it is {shape_of(item['input'])})")
    if len(mistakes) > _MISTAKES:
        sentences.append(f"and {len(mistakes) - _MISTAKES} more mistakes")
    return "; ".join(sentences)


def _rule(message: str) -> str:
    return message.removeprefix("Value error, ")


def _cut(name: str) -> str:
    if len(name) > _NAME_LENGTH:
        name = f"{name[:_NAME_LENGTH]}... ({len(name)} characters)"
    return name.encode("utf-8", "backslashreplace").decode()
