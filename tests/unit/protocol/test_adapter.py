"""Finding the adapter of a kind of server."""

import subprocess
import sys
from dataclasses import replace

import pytest

from node_poc.config.kinds.registry import KINDS
from node_poc.protocol.adapter import load_adapter
from node_poc.protocol.vantage6.adapter import ADAPTER


def test_the_adapter_is_found_by_its_name():
    assert load_adapter(KINDS["vantage6"]) is ADAPTER


def test_anything_else_is_no_adapter():
    wrong = replace(KINDS["dummy"], adapter="node_poc.protocol.dummy.server:DummyServer")
    with pytest.raises(TypeError, match=r"dummy\.server:DummyServer of the server kind 'dummy'"):
        load_adapter(wrong)


def test_other_kinds_are_not_imported():
    code = (
        "import sys, node_poc.node\n"
        "from node_poc.config.kinds.registry import KINDS\n"
        "from node_poc.protocol.adapter import load_adapter\n"
        "load_adapter(KINDS['dummy'])\n"
        "sys.exit('node_poc.protocol.vantage6' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
