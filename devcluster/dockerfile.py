"""The inputs of a Dockerfile: enough of the grammar to tell whether a build can be skipped."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from devcluster.errors import UsageError

_IGNORED = {"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (instruction in capitals, rest); comments are dropped, continuations joined."""
    pending = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not pending):
            continue
        if stripped.endswith("\\"):
            pending += stripped[:-1] + " "
            continue
        word, _, rest = (pending + stripped).partition(" ")
        pending = ""
        yield word.upper(), rest.strip()


def declared_arguments(text: str) -> set[str]:
    """Return the names that the Dockerfile declares with ARG."""
    return {rest.split("=", 1)[0].strip() for word, rest in instructions(text) if word == "ARG"}


def copied_paths(text: str) -> list[str]:
    """Return the context's paths in COPY and ADD, without other stages and the network."""
    found: list[str] = []
    for word, rest in instructions(text):
        if word not in ("COPY", "ADD"):
            continue
        flags, paths = _split_flags(rest)
        if any(flag.startswith("--from=") for flag in flags):
            continue
        sources = (json.loads(paths) if paths.startswith("[") else shlex.split(paths))[:-1]
        found += [source for source in sources if "://" not in source]
    return found


def _split_flags(rest: str) -> tuple[list[str], str]:
    """Split an instruction into its leading ``--name=value`` words and the rest."""
    flags = []
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        flags.append(flag)
        rest = rest.lstrip()
    return flags, rest


def files(context: Path, patterns: list[str]) -> list[Path]:
    """Return the context's files that match the patterns, sorted.

    Raises:
        UsageError: a pattern matches nothing.
    """
    found: set[Path] = set()
    for pattern in patterns:
        places = sorted(context.glob(pattern.strip("/") or ".")) if pattern != "." else [context]
        if not places:
            raise UsageError(f"the Dockerfile copies {pattern}, which {context} does not have")
        for place in places:
            inside = place.rglob("*") if place.is_dir() else [place]
            found.update(p for p in inside if p.is_file() and not _IGNORED & set(p.parts))
    return sorted(found)


def content_hash(context: Path, text: str, arguments: Mapping[str, str]) -> str:
    """Return the hash of all contents of an image.

    Args:
        context: the build's folder.
        text: the Dockerfile.
        arguments: build arguments that change the contents. The revision must not be among them,
            because each commit would then rebuild every image.
    """
    digest = hashlib.sha256(text.encode())
    digest.update(json.dumps(dict(sorted(arguments.items()))).encode())
    for path in files(context, copied_paths(text)):
        mode = "x" if path.stat().st_mode & 0o100 else "-"
        digest.update(f"\0{path.relative_to(context)}\0{mode}\0".encode() + path.read_bytes())
    return digest.hexdigest()
