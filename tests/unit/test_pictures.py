"""The documents' pictures exist, and the drawn picture equals the output of its script."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "ARCHITECTURE.md"]
SCRIPT = ROOT / "img" / "draw_architecture.py"
PICTURE = ROOT / "img" / "architecture.svg"


@pytest.fixture(scope="module")
def drawn():
    return subprocess.run([sys.executable, SCRIPT], capture_output=True, check=True).stdout


def test_the_picture_is_what_the_script_draws(drawn):
    assert drawn == PICTURE.read_bytes(), (
        "run `python img/draw_architecture.py > img/architecture.svg`, and make the PNG anew"
    )


def test_the_picture_is_one_that_a_browser_can_read(drawn):
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314  made by ourselves


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_links_to_is_there(document):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / document).read_text())
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
