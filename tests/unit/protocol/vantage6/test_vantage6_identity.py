"""The node's identity at its server, and the agreement on encryption and on the key."""

import pytest
from structlog.testing import capture_logs

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.protocol.vantage6.errors import FatalError, RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.identity import NodeIdentity, identify, set_up_encryption
from tests.unit.crypto.conftest import VECTORS

KEY = load_private_key(VECTORS["private_key"].encode())
OURS = VECTORS["public_key"]
PATH = "organization/3"


class FakeRest:
    """A server with a single organization; records changes to the organization."""

    def __init__(self, public_key=None, refuses=None):
        self.answers = {PATH: {"id": 3, "public_key": public_key, "name": "alpha"}}
        self.refuses = refuses
        self.patched = []

    def get(self, path):
        return self.answers[path]

    def patch(self, path, body):
        if self.refuses:
            raise self.refuses
        self.patched.append((path, body))


def identity(*, encrypted):
    return NodeIdentity(
        node_id=1,
        name="n",
        organization_id=3,
        organization_name="alpha",
        collaboration_id=5,
        encrypted=encrypted,
    )


def cryptor(rest, *, enabled=True, encrypted=True, key=KEY):
    return set_up_encryption(rest, identity(encrypted=encrypted), enabled=enabled, private_key=key)


def test_the_key_that_is_there_already_is_left_alone():
    rest = FakeRest(OURS)
    assert isinstance(cryptor(rest), RsaCryptor)
    assert rest.patched == []


@pytest.mark.parametrize(
    ("theirs", "warned"),
    [
        (None, False),
        ("", False),
        ("not base64!", True),
        ("QUFB", True),
        (OURS[:-8], True),
    ],
    ids=["none", "empty", "unreadable", "no key", "cut"],
)
def test_a_key_that_is_not_ours_is_replaced_and_that_is_told(theirs, warned):
    rest = FakeRest(theirs)
    with capture_logs() as lines:
        assert isinstance(cryptor(rest), RsaCryptor)
    assert rest.patched == [(PATH, {"public_key": OURS})]
    assert [line["log_level"] == "warning" for line in lines] == [warned]
    assert "PRIVATE" not in str(lines)


def test_a_server_that_does_not_take_our_key_ends_the_node_with_the_remedy():
    rest = FakeRest("", RefusedByServerError("PATCH organization/3: HTTP 401", 401))
    with pytest.raises(FatalError, match="have an administrator of the organization set it"):
        cryptor(rest)


def test_a_server_that_is_away_meanwhile_is_asked_again_later():
    with pytest.raises(UnreachableError):
        cryptor(FakeRest("", UnreachableError("away")))


@pytest.mark.parametrize("encrypted", [False, True])
def test_file_and_server_must_agree_on_encryption(encrypted):
    """A server's "not encrypted" must not make the node send plain results."""
    rest = FakeRest(OURS)
    with pytest.raises(FatalError, match=f"set encryption.enabled to {str(encrypted).lower()}"):
        cryptor(rest, enabled=not encrypted, encrypted=encrypted)
    assert rest.patched == []


def test_without_a_private_key_there_is_no_encryption():
    with pytest.raises(FatalError, match="create-private-key"):
        cryptor(FakeRest(OURS), key=None)


def test_without_encryption_no_key_is_looked_at():
    rest = FakeRest("")
    assert isinstance(cryptor(rest, enabled=False, encrypted=False), PlainCryptor)
    assert rest.patched == []


def test_who_we_are_is_read_from_three_answers():
    rest = FakeRest()
    rest.answers |= {
        "node/1": {"name": "n", "organization": {"id": 3}, "collaboration": {"id": 5}},
        "collaboration/5": {"encrypted": 1},
    }
    assert identify(rest, 1) == identity(encrypted=True)


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"organization": None},
        {"organization": {"id": "3"}},
        {"organization": {"id": True}, "collaboration": {"id": 5}},
    ],
)
def test_an_answer_that_names_no_organization_is_no_servers(node):
    rest = FakeRest()
    rest.answers |= {"node/1": node, "organization/True": {}, "collaboration/5": {}}
    with pytest.raises(UnreachableError, match="is this the server"):
        identify(rest, 1)
