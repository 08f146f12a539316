"""Certificates of authorities: probable mistakes are reported."""

import time

import pytest

from node_poc.crypto.certificates import certificates_in, doubts_about
from tests.fakes.way_to_server import make_authority

DAY = 86_400


@pytest.fixture
def authority(tmp_path):
    return make_authority(tmp_path)


def test_a_good_authority_is_not_doubted(authority):
    text = certificates_in(authority.certificate.read_bytes())
    assert doubts_about(text, time.time()) == []


def test_one_that_has_ended(authority):
    text = certificates_in(authority.certificate.read_bytes())
    (told,) = doubts_about(text, time.time() + 2 * DAY)
    assert "was valid until" in told


def test_the_servers_own_certificate_is_no_authority(authority):
    text = certificates_in(authority.server.read_bytes())
    (told,) = doubts_about(text, time.time())
    assert "no certificate of an authority" in told
