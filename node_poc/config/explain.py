"""Broken rules of a pydantic model, explained to the author of the value."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from node_poc.config.base import model_inside

_SHAPES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "an object",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "str": "text",
}


# A message must stay short for any input: a name in the input may have any length, and a list of
# mistakes too.
_NAME_LENGTH = 80
_MISTAKES = 8
_UNKNOWN = "unknown; check its spelling and its place, or remove it"


def shape_of(value: object) -> str:
    """Return a value's type and size, but not the value, which may be a secret or data."""
    name = type(value).__name__
    shape = _SHAPES.get(name, name)
    return f"{shape} of length {len(value)}" if isinstance(value, str | list | dict) else shape


def explain(
    error: ValidationError, unknown: str = _UNKNOWN, model: type[BaseModel] | None = None
) -> str:
    """Return one sentence per broken rule: the field, the rule or remedy, the type of the value.

    Args:
        error: the broken rules.
        unknown: the remedy for an unknown field.
        model: the model whose fields describe a missing value.
    """
    sentences = []
    mistakes = error.errors(include_url=False, include_context=False)
    for item in mistakes[:_MISTAKES]:
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]]
        path = _cut("".join(parts).lstrip("."))
        if item["type"] == "extra_forbidden":
            sentences.append(f"{path}: {unknown}")
        elif item["type"] == "missing":
            sentences.append(f"{path}: is required; add it{_meaning(model, item['loc'])}")
        elif not path:  # a rule between several fields names the fields
            sentences.append(_rule(item["msg"]))
        else:
            rule = _rule(item["msg"])
            sentences.append(f"{path}: {rule} (it is {shape_of(item['input'])})")
    if len(mistakes) > _MISTAKES:
        sentences.append(f"and {len(mistakes) - _MISTAKES} more mistakes")
    return "; ".join(sentences)


def _rule(message: str) -> str:
    return message.removeprefix("Value error, ")


def _meaning(model: type[BaseModel] | None, path: tuple[int | str, ...]) -> str:
    """Return the first sentence of a field's text, in brackets; nothing for other fields."""
    text = None
    for name in path:
        if model is None or isinstance(name, int):
            continue
        field = model.model_fields.get(name)
        text = field.description if field else None
        model = model_inside(field.annotation) if field else None
    return f" ({' '.join(text.split()).partition('. ')[0].rstrip('.')})" if text else ""


def _cut(name: str) -> str:
    if len(name) > _NAME_LENGTH:
        name = f"{name[:_NAME_LENGTH]}... ({len(name)} characters)"
    return name.encode("utf-8", "backslashreplace").decode()
