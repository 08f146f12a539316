"""Logging is set up in a child process because the setup cannot be undone within a process."""

import json
import subprocess
import sys

import pytest

from tests.fakes.processes import ROOT

SCRIPT = """
import logging, sys
import structlog
from node_poc.observe.logging_setup import set_up_logging

set_up_logging(sys.argv[1], as_json=sys.argv[2] == "json")
log = structlog.get_logger("x")
log.debug("quiet")
log.warning("loud", run_id=7)
try:
    secret = "a-local-" + "variable"
    raise ValueError("bad")
except ValueError:
    log.exception("caught")
logging.getLogger("urllib3").warning("chatter")
"""


def output(level, form):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, level, form],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_json_is_one_object_a_line():
    first, second = map(json.loads, output("INFO", "json").splitlines())
    assert (first["event"], first["level"], first["run_id"]) == ("loud", "warning", 7)
    assert "ValueError: bad" in second["exception"]
    assert "timestamp" in first


def test_the_level_counts():
    assert "quiet" in output("DEBUG", "json")
    assert "loud" not in output("ERROR", "json")


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_local_variables(form):
    text = output("INFO", form)
    assert "ValueError: bad" in text
    assert "a-local-variable" not in text


def test_libraries_are_quiet():
    assert "chatter" not in output("INFO", "text")
