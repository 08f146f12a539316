"""The settings with and without each measured protection."""

import pytest

from bench.protections import NOTHING, protections
from node_poc.config.kubernetes import Kubernetes
from tests.fakes.examples import config
from tests.fakes.image_signer import Signer

IMAGES = {
    "resolve": "on",
    "mirrors": {},
    "signatures": [{"images": ["host/name"], "keys": {"bench": Signer().pem}}],
}
ALL = protections(IMAGES)


def parsed(each) -> Kubernetes:
    return config(**each.settings).kubernetes


def test_without_protection_all_is_off():
    without = parsed(NOTHING)
    assert (without.walls.gate, without.images.resolve) == ("off", "off")
    keys = ("user_namespaces", "strict_groups", "recursive_read_only")
    assert [getattr(without.pods, key) for key in keys] == ["off"] * 3
    assert not without.images.signatures
    assert not NOTHING.has_policy


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_each_protection_differs_from_none(each):
    assert each.has_policy or parsed(each) != parsed(NOTHING)
    assert parsed(each).walls.self_test_hours is None


def test_only_all_together_have_a_goal_and_have_all_parts():
    *single, together = ALL
    assert [each.goal for each in single] == [None] * len(single)
    assert together.goal == 1.05
    made = parsed(together)
    assert (made.images.resolve, made.pods.user_namespaces) == ("on", "on")
    assert together.has_policy
    assert together.is_signed
    assert made.walls.gate == "off"
