"""``kubernetes.resources.by_image``: rules for the resources of some images."""

import pytest
import yaml

from node_poc.config.errors import ConfigError
from node_poc.config.load import parse_config

FILE = {"api_key": "a", "server_url": "https://server.example", "task_dir": "/tasks"}


def parse(*rules, **others):
    resources = {"by_image": list(rules), **others}
    return parse_config(yaml.safe_dump(FILE | {"kubernetes": {"resources": resources}}), {})


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"images": "("}, r"by_image\[0\].images: is no regular expression"),
        ({"images": ""}, r"by_image\[0\].images: "),
        ({"images": "a" * 1001}, r"by_image\[0\].images: .* 1000 "),
        ({"memory": "1Gi"}, r"by_image\[0\].images: is required"),
        ({"images": "a", "memory": "much"}, r"by_image\[0\].memory: must be a quantity"),
        ({"images": "a", "gpus": -1}, r"by_image\[0\].gpus: "),
        ({"images": "a", "gpu_resource": "gpu"}, r"by_image\[0\].gpu_resource: "),
        ({"images": "a", "runtime_class": "x"}, r"by_image\[0\].runtime_class: unknown"),
        (
            {"images": "a", "memory": "32Mi"},
            r"by_image\[0\].memory_request: 64Mi is above memory, 32Mi",
        ),
    ],
)
def test_a_wrong_rule_is_found_when_the_file_is_loaded(rule, told):
    with pytest.raises(ConfigError, match=told):
        parse(rule)


def test_there_are_twenty_rules_at_most():
    rules = [{"images": f"image-{number}"} for number in range(21)]
    assert len(parse(*rules[:20]).kubernetes.resources.by_image) == 20
    with pytest.raises(ConfigError, match=r"by_image: .* 20 "):
        parse(*rules)
