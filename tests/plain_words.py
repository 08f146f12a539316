"""Hold the share of vague words in docstrings, comments and documents.

A vague word stands for something that the reader must look for elsewhere. Model codebases have
about 3 of 100. The share is a smoke detector: a text below the limit may still be a riddle.

    python -m tests.plain_words    prints each folder and page; exit code 1 above a limit
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAGUE_WORDS = frozenset(
    ("it", "that", "what", "who", "whom", "whose", "whoever", "this", "one", "ones", "such", "so")
)
CODE_FOLDERS = (
    *("node_poc", "devcluster", "devserver", "devstation", "demo", "bench", "supply"),
    *("dummy_socketio_server", "dummy_proxy", "avg_alg", "fed_avg_alg", "tests"),
)
FOLDER_PERCENT = 4.0
FILE_PERCENT = 7.0
PAGE_PERCENT = 3.0
# A file with fewer words is judged with its folder only: one word more would decide.
FEW_WORDS = 40

_WORD = re.compile(r"[^\W\d_][\w']*")
_CODE_OR_ADDRESS = re.compile(r"``[^`]*``|`[^`]*`|\]\([^)]*\)")


@dataclass(frozen=True)
class Count:
    """How many words a text has, and how many of them are vague."""

    words: int = 0
    vague: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.words + other.words, self.vague + other.vague)

    @property
    def percent(self) -> float:
        """Return the share of vague words, from 0 to 100."""
        return 100 * self.vague / self.words if self.words else 0.0


def count(text: str) -> Count:
    """Count the words of a text; code in back-ticks and addresses of links are left out."""
    words = [word.lower() for word in _WORD.findall(_CODE_OR_ADDRESS.sub(" ", text))]
    return Count(len(words), sum(word in VAGUE_WORDS for word in words))


def count_python(path: Path) -> Count:
    """Count the words of a Python file's docstrings and comments."""
    return sum(map(count, (*_docstrings(path), *_comments(path))), Count())


def _docstrings(path: Path) -> Iterator[str]:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text
        if isinstance(node, ast.ClassDef):
            yield from _texts_of_fields(node)


def _texts_of_fields(node: ast.ClassDef) -> Iterator[str]:
    """Yield the strings that describe the fields above them."""
    for field, below in pairwise(node.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            text = below.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def _comments(path: Path) -> Iterator[str]:
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT and not token.string.startswith("# noqa"):
                yield token.string


def count_page(path: Path) -> Count:
    """Count the words of a Markdown page; tables and blocks of code are left out."""
    prose, in_code = Count(), False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith("|"):
            prose += count(line)
    return prose


def pages() -> list[Path]:
    """Return the pages that people read: all but the licence and the history of changes."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("dev*/README.md")]
    return sorted(path for path in found if path.name != "CHANGELOG.md")


def too_vague() -> Iterator[str]:
    """Print the share of each folder and page; yield what is above its limit."""
    for name in CODE_FOLDERS:
        counts = {path: count_python(path) for path in sorted((ROOT / name).rglob("*.py"))}
        whole = sum(counts.values(), Count())
        _write(whole, name)
        if whole.percent > FOLDER_PERCENT:
            yield f"{name}: {whole.percent:.1f} %, at most {FOLDER_PERCENT}"
        for path, each in counts.items():
            if each.words >= FEW_WORDS and each.percent > FILE_PERCENT:
                yield f"{path.relative_to(ROOT)}: {each.percent:.1f} %, at most {FILE_PERCENT}"
    for path in pages():
        page = count_page(path)
        share = page.percent
        _write(page, str(path.relative_to(ROOT)))
        if share > PAGE_PERCENT:
            yield f"{path.relative_to(ROOT)}: {share:.1f} %, at most {PAGE_PERCENT}"


def _write(counted: Count, name: str) -> None:
    sys.stdout.write(f"{counted.percent:5.1f} %  {name}\n")


def main() -> int:
    """Return 0 if every folder, file and page is within its limit, else 1."""
    above = list(too_vague())
    for line in above:
        sys.stderr.write(f"too many vague words: {line}\n")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
