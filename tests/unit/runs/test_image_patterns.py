"""Which images a pattern covers, however a researcher spells the image."""

import pytest

from node_poc.runs.image_names import parse_image
from node_poc.runs.image_patterns import covers

DIGEST = "@sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("pattern", "image", "covered"),
    [
        ("*", "python", True),
        ("registry.example/*", "registry.example/a/b:1", True),
        ("registry.example/*", f"registry.example/a{DIGEST}", True),
        ("registry.example/*", "REGISTRY.example/a", True),
        ("registry.example/*", "registry.example:443/a", True),
        ("registry.example/*", "registry.example:5000/a", False),
        ("registry.example:5000/*", "registry.example:5000/a", True),
        ("registry.example/*", "registry.example.evil/a", False),
        ("registry.example/a/*", "registry.example/a/b", True),
        ("registry.example/a/*", "registry.example/ab", False),
        ("registry.example/a", "registry.example/a:2", True),
        ("registry.example/a", f"registry.example/a:2{DIGEST}", True),
        ("registry.example/a", "registry.example/a/b", False),
        ("docker.io/*", "python", True),
        ("python", "docker.io/library/python:3", True),
        ("python", "index.docker.io/library/python", True),
        ("group/*", "docker.io/group/name", True),
        ("not readable!", "anything", True),
    ],
)
def test_what_a_pattern_covers(pattern, image, covered):
    assert covers(pattern, parse_image(image)) == covered
