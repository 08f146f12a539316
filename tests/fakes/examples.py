"""A valid configuration, a valid run and strategies for arbitrary runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig
from node_poc.runs.model import Egress, Mount, MountSource, RunFile, RunSpec

SURROGATES = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30)
    | st.floats()
    | SURROGATES
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SURROGATES, inner, max_size=4),
    max_leaves=12,
)


def config(**kubernetes: Any) -> NodeConfig:
    """Return a configuration with two csv databases and a folder."""
    return NodeConfig(
        server_url="http://127.0.0.1",
        port=5000,
        task_dir="/tasks",
        databases=[
            {"label": "default", "uri": "/data/employees.csv", "type": "csv"},
            {"label": "db1", "uri": "/data/more.csv", "type": "csv"},
            {"label": "pictures", "uri": "/data/pictures", "type": "folder"},
        ],
        kubernetes=kubernetes,
    )


def vantage6_config() -> NodeConfig:
    """Return the configuration of a vantage6 node with each kind of database and setting."""
    text = (Path(__file__).parent / "vantage6_node.yaml").read_text(encoding="utf-8")
    return parse_config(text, {})


def spec(run_id: int = 7, **changes: Any) -> RunSpec:
    """Return a run with everything that the dummy server can ask for."""
    return RunSpec(
        **{
            "run_id": run_id,
            "image": "localhost:5001/v6_average_algorithm",
            "arguments": ("/app/input/csv/default", "Age", "costs $(MONEY)"),
            "files": (
                RunFile.of("token", b"a-secret-token"),
                RunFile.of("docker_input", b"input1"),
            ),
            "mounts": (
                Mount(MountSource.RUN, "output", "/app/output", read_only=False, is_folder=True),
                Mount(MountSource.SHARED, "vol", "/app/tmp", read_only=False, is_folder=True),
                Mount(MountSource.RUN, "token", "/app/token"),
                Mount(MountSource.DATABASE, "default", "/app/input/csv/default"),
            ),
        }
        | changes
    )


_TEXT = st.text(max_size=10)
_PAIRS = st.lists(st.tuples(_TEXT, _TEXT), max_size=3).map(tuple)
SPECS = st.builds(
    RunSpec,
    run_id=st.integers(1, 2**63 - 1),
    image=_TEXT,
    arguments=st.lists(_TEXT, max_size=3).map(tuple),
    environment=_PAIRS,
    secrets=_PAIRS,
    services=st.lists(_TEXT, max_size=3).map(tuple),
    files=st.lists(st.builds(RunFile.of, _TEXT, st.binary()), max_size=3).map(tuple),
    mounts=st.lists(
        st.builds(Mount, st.sampled_from(MountSource), _TEXT, _TEXT, st.booleans(), st.booleans()),
        max_size=3,
    ).map(tuple),
    egress=st.sampled_from(Egress),
    output_folder=_TEXT,
    result_file=st.none() | _TEXT,
    origin=_PAIRS,
)
