"""The keys of ``kubernetes.images``."""

import pytest
from pydantic import ValidationError

from node_poc.config.images import Images


def test_mirrors_are_hosts_and_urls():
    mirrors = {"localhost:5001": "http://172.30.0.1:5001", "ghcr.io": "https://mirror.example"}
    assert Images(mirrors=mirrors).mirrors == mirrors


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("a/b", "https://mirror.example"),
        ("", "https://mirror.example"),
        ("ghcr.io", "mirror.example"),
        ("ghcr.io", "https://mirror.example/path"),
        ("ghcr.io", "https://user:password@mirror.example"),
        ("ghcr.io", "ftp://mirror.example"),
    ],
)
def test_other_mirrors_are_refused(host, url):
    with pytest.raises(ValidationError):
        Images(mirrors={host: url})
