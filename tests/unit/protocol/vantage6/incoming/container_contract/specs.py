"""Specs of vantage6 runs, and their variables as the algorithm reads them."""

import base64
import json
from dataclasses import replace
from pathlib import Path

from node_poc.config.load import parse_config
from node_poc.manifests.databases import build_databases_secret
from node_poc.protocol.vantage6.incoming.container_contract import build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest, RunRequest

TESTS = Path(__file__).resolve().parents[5]


WITH_NAMES = (TESTS / "fakes/vantage6_node.yaml").read_text()


# As on most nodes: without names in the whitelist, and without the variables for them.
TEXT = WITH_NAMES.replace("  domains:\n    - host.example\n", "")


CONFIG = parse_config(TEXT.replace("run_context_file: true", "run_context_file: false"), {})


WITH_CONTEXT = parse_config(TEXT, {})


INPUT = json.dumps({"method": "average", "args": [1], "kwargs": {"column": "Age"}}).encode()


TOKEN = "a-token-that-is-secret"


ALWAYS = {
    "INPUT_FILE": "/mnt/data/task-000000007/input",
    "OUTPUT_FILE": "/mnt/data/task-000000007/output",
    "TOKEN_FILE": "/mnt/data/task-000000007/token",
    "TEMPORARY_FOLDER": "/mnt/tmp",
    "HOST": "http://proxyserver",
    "PORT": "8080",
    "API_PATH": "",
}


ALGORITHM_ENV = {"player": "Alice", "count": "3"}


def request_for(*databases, **changes):
    asked = tuple(d if isinstance(d, DatabaseRequest) else DatabaseRequest(d) for d in databases)
    return replace(
        RunRequest(
            run_id=7,
            task_id=5,
            job_id=2,
            parent_id=None,
            organization_id=3,
            collaboration_id=6,
            init_org_id=9,
            init_user_id=8,
            image="registry.example/average:1",
            store_id=None,
            databases=asked,
            input="",
        ),
        **changes,
    )


def made(*databases, config=CONFIG, **changes):
    return build_spec(request_for(*databases, **changes), config, INPUT, TOKEN, node_id=4)


def decode(text):
    """Decode a value like the algorithm tools (vantage6.algorithm.tools.util.get_env_var)."""
    return base64.b32decode(text.replace("!", "=").encode()).decode()


def seen(spec, config=CONFIG):
    """Return the variables as the algorithm reads them, including the variables from the Secret."""
    secret = build_databases_secret(config)["stringData"]
    values = dict(spec.environment) | {name: secret[key] for name, key in spec.secrets}
    assert len(values) == len(spec.environment) + len(spec.secrets)
    return {name: decode(value) for name, value in values.items()}
