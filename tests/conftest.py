"""Options, fixtures and settings for the whole test suite."""

import os
import signal

import pytest
import structlog
from hypothesis import HealthCheck, settings

from devcluster.layout import Layout
from devcluster.versions import cache_root
from tests.cluster_turns import Groups, TurnPlugin, Turns
from tests.fakes.registry import OWN, Registry

# A slow machine is not a defect: examples have no deadline, and Hypothesis may make them slowly.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Tracebacks with all variables take seconds each on a busy machine.
*_processors, _renderer = structlog.get_config()["processors"]
_renderer = structlog.dev.ConsoleRenderer(
    colors=False, exception_formatter=structlog.dev.plain_traceback
)
structlog.configure(processors=[*_processors, _renderer])


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Make SIGINT work in child processes even if a shell started the tests with ``&``."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def registry():
    """An image registry with one image, over a real socket."""
    made = Registry()
    made.manifests["group/name:1"] = OWN
    yield made
    made.close()


def pytest_runtest_setup(item):
    """Fail a test of the dev cluster that would run on another cluster: nothing is skipped."""
    if item.get_closest_marker("dev_cluster") and os.environ.get("CONTEXT"):
        pytest.fail('about the dev cluster only; with CONTEXT, select -m "not dev_cluster"')


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden anew from what the builders give; look at the diff afterwards",
    )


def pytest_configure(config):
    """Let several processes share the cluster."""
    turns = Turns(cache_root(), Layout.chosen(os.environ).name)
    config.pluginmanager.register(TurnPlugin(turns))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Divide cluster tests, and no others, among processes by the stations that they share."""
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None
