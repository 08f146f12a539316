"""The objects of a node, rendered from its configuration file."""

import pytest
import yaml
from rendered import KEY, TEXT

from node_poc.commands.render import render
from node_poc.config.load import load_config


@pytest.fixture
def station(tmp_path):
    """Build the objects of a node from the node's configuration file."""

    def make(text=TEXT, what="vantage6", environment=None, image="registry.example/node:1"):
        path = tmp_path / "node.yaml"
        path.write_text(text.replace("/etc/vantage6/private_key.pem", "private_key.pem"))
        (tmp_path / "private_key.pem").write_text(KEY)
        environment = environment or {}
        config = load_config(path, environment)
        return list(yaml.safe_load_all(render(what, config, path, image, environment)))

    return make
