"""Which image gets which RuntimeClass."""

import pytest

from node_poc.config.pods import RuntimeClassRule
from node_poc.runs.runtime_classes import runtime_class_of

RULES = [
    RuntimeClassRule(images=r"^harbor2\.vantage6\.ai/", runtime_class="usual"),
    RuntimeClassRule(images=r"^docker\.io/library/", runtime_class="library"),
    RuntimeClassRule(images=r"^[a-z]+/untrusted", runtime_class="gvisor"),
]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("harbor2.vantage6.ai/demo/average:1", "usual"),
        ("HARBOR2.vantage6.ai:443/demo/average:1", "usual"),
        ("python:3", "library"),
        ("library/python:3", "library"),
        ("somebody/untrusted-image", "gvisor"),
        ("index.docker.io/somebody/untrusted", "gvisor"),
        ("ghcr.io/somebody/average", None),
        ("no image!", None),
    ],
)
def test_any_spelling_of_an_image_meets_its_rule(image, found):
    assert runtime_class_of(image, RULES) == found


def test_the_first_rule_counts():
    rules = [*RULES, RuntimeClassRule(images=".*", runtime_class="last")]
    assert runtime_class_of("python", rules) == "library"
    assert runtime_class_of("ghcr.io/somebody/average", rules) == "last"


def test_a_slow_match_does_not_avoid_the_rule():
    rules = [RuntimeClassRule(images="(a|aa)+(a|aa)+(a|aa)+$", runtime_class="gvisor")]
    assert runtime_class_of("a" * 200 + "!", rules) == "gvisor"
