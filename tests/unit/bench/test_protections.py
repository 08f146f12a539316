"""The settings with and without each measured protection."""

import pytest

from bench.protections import protections
from node_poc.config.model import NodeConfig
from tests.fakes.examples import config
from tests.fakes.image_signer import Signer

IMAGES = {
    "resolve": "on",
    "mirrors": {},
    "signatures": [{"images": ["host/name"], "keys": {"bench": Signer().pem}}],
}
ALL = protections(IMAGES)


def parsed(each, *, is_on) -> NodeConfig:
    return config(**each.settings(is_on=is_on))


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_without_it_all_is_off_and_with_it_something_differs(each):
    without = parsed(each, is_on=False).kubernetes
    assert (without.walls.gate, without.images.resolve) == ("off", "off")
    keys = ("user_namespaces", "strict_groups", "recursive_read_only")
    assert [getattr(without.pods, key) for key in keys] == ["off"] * 3
    assert not without.images.signatures
    assert each.has_policy or parsed(each, is_on=True).kubernetes != without


def test_only_all_together_have_a_goal_and_have_all_parts():
    *single, together = ALL
    assert [each.goal for each in single] == [None] * len(single)
    assert together.goal == 1.05
    made = parsed(together, is_on=True).kubernetes
    assert (made.images.resolve, made.pods.user_namespaces) == ("on", "on")
    assert together.has_policy
    assert together.is_signed
    assert made.walls.gate == "off"
    assert made.walls.self_test_hours is None
