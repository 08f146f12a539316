"""Each row of SECURITY.md's threat model names a wall and an existing test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "SECURITY.md", ROOT / "docs/dev/security.md"]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)(?:\[[^\]`]*\])?`")
PROOF = "proof"


def rows(page):
    """Return the cells of each row of the tables whose last column is the proof."""
    found, is_table_of_proofs = [], False
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_table_of_proofs = False
        elif cells[-1] == PROOF:
            is_table_of_proofs = True
        elif is_table_of_proofs and set(cells[-1]) != {"-"}:
            found.append(cells)
    return found


def functions(path):
    """Return the names of the functions at the top of a file."""
    return {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}


def test_the_threat_model_has_rows():
    assert len(rows(PAGES[0])) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_row_names_an_attack_a_wall_and_an_existing_test(page):
    for cells in rows(page):
        assert all(cells), cells
        named = TEST.findall(cells[-1])
        assert named, f"no test: {cells}"
        for file, name in named:
            assert name in functions(ROOT / file), f"{file} has no {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_the_page_names_is_in_a_form_that_is_looked_up(page):
    assert page.read_text().count(".py::") == len(TEST.findall(page.read_text()))
