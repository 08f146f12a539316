"""The counting of vague words, and the existence of the folders and pages to count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import plain_words
from tests.plain_words import Count, count, count_page, count_python


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Count(0, 0)),
        ("The node reads the file.", Count(5, 0)),
        ("What it was told of, so.", Count(6, 3)),
        ("It's `it` and [this](that.md)", Count(3, 1)),
        ("``it that`` x", Count(1, 0)),
    ],
)
def test_words_are_counted(text: str, expected: Count) -> None:
    assert count(text) == expected


def test_of_python_docstrings_and_comments_count_and_no_code(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text('"""It is."""\n\nit = "that what"  # so\n\n\ndef f():\n    """This."""\n')
    assert count_python(path) == Count(4, 3)


def test_the_texts_of_a_class_fields_count(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text('class A:\n    """A."""\n\n    key: str = "it"\n    """What it is."""\n')
    assert count_python(path) == Count(4, 2)


def test_of_a_page_tables_and_code_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("# It\n```\nthat\n```\n| what |\nplain words\n")
    assert count_page(path) == Count(3, 1)


def test_a_vague_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/vague.py").write_text('"""' + "It is what it is. " * 10 + '"""\n')
    (tmp_path / "README.md").write_text("That is so.\n")
    monkeypatch.setattr(plain_words, "ROOT", tmp_path)
    monkeypatch.setattr(plain_words, "CODE_FOLDERS", ("code",))
    told = [line.split(":")[0] for line in plain_words.too_vague()]
    assert told == ["code", "code/vague.py", "README.md"]


def test_all_folders_and_pages_are_there() -> None:
    assert all((plain_words.ROOT / name).is_dir() for name in plain_words.CODE_FOLDERS)
    names = {str(path.relative_to(plain_words.ROOT)) for path in plain_words.pages()}
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "devcluster/README.md"} <= names
