"""Which users and organizations may run which algorithms, by vantage6's rules."""

import pytest

from node_poc.config.sections import Policies
from node_poc.runs.policies import (
    TaskFacts,
    decide,
    digests_in,
    needs_organization_name,
    needs_store,
    refusal,
    store_url_allowed,
)

DIGEST = "@sha256:" + "a" * 64
OTHER = "@sha256:" + "b" * 64
STORE = "https://store.example/api"


def told(policies, image="host/a:1", digests_of=None, **facts):
    more = {"digests_of": digests_of} if digests_of else {}
    return refusal(TaskFacts(image, **facts), Policies(**policies), **more)


def test_without_policies_all_is_allowed():
    assert told({}) is None
    assert told({}, image="ghcr.io/vantage6/algorithm-basics:latest") is None


@pytest.mark.parametrize(
    ("image", "entry", "allowed"),
    [
        ("host/a:1", "host/a:1", True),
        ("host/a:1", "host/a", True),
        ("host/a:1", "host/a:2", False),
        ("host/a" + DIGEST, "host/a", True),
        ("host/a" + DIGEST, "host/a" + DIGEST, True),
        ("host/a:1" + DIGEST, "host/a" + DIGEST, True),
        ("host/a" + DIGEST, "host/a:1" + DIGEST, True),
        ("host/a" + DIGEST, "host/a" + OTHER, False),
        ("host/b" + DIGEST, "host/a" + DIGEST, False),
        ("host/a" + DIGEST, "host/a:1", False),
        ("hostXexample/a:1", "host.example/a", False),
        ("host/a:1", "^host/[a-z]+", True),
        ("host/a:1", "[a-z]+/b", False),
        ("evil/host/a:1", "host/.*", False),
        ("host/a:1", "host/$", False),
        ("HOST.example/a:1", "host.example/a", True),
        ("host.example:443/a:1", "host.example/a:1", True),
        ("host.example:5000/a:1", "host.example/a:1", False),
        ("docker.io/library/a", "a", True),
        ("index.docker.io/library/a:latest", "a", True),
        ("a", "docker.io/a:latest", True),
        ("registry.example/a", "a", False),
    ],
)
def test_a_list_of_images(image, entry, allowed):
    reason = told({"allowed_algorithms": entry}, image)
    assert (reason is None) is allowed
    if reason:
        assert reason.startswith("policies.allowed_algorithms: ")


D1, D2, D3 = ("sha256:" + digit * 64 for digit in "123")


def registry(image):
    """Return the digests of an image from a registry with a few tags, or from the name itself."""
    known = {"host/a:1": (D1, D3), "host/a:2": (D1, D3), "host/a:3": (D2,), "host/a": (D3,)}
    return known.get(image) or digests_in(image)


@pytest.mark.parametrize(
    ("image", "entry", "runs"),
    [
        (f"host/a@{D1}", "host/a:1", f"host/a@{D1}"),
        (f"host/a@{D3}", "host/a:1", f"host/a@{D3}"),  # the digest of a platform of the tag
        (f"host/a@{D2}", "host/a:1", None),
        (f"host/a:9@{D1}", "host/a:1", f"host/a:9@{D1}"),
        ("host/a:2", "host/a:1", f"host/a@{D1}"),
        ("host/a:2", f"host/a@{D1}", f"host/a@{D1}"),
        ("host/a:2", f"host/a@{D3}", f"host/a@{D3}"),
        ("host/a:3", "host/a:1", None),
        ("host/a:unknown", "host/a:1", None),
        ("host/a:2", "host/b:1", None),
        ("host/a:1", "host/a:1", "host/a:1"),
    ],
)
def test_a_tag_and_a_digest_are_the_same_image_where_a_registry_says_so(image, entry, runs):
    """The image that runs is the tag's image at look-up: the tag may mean another image later."""
    decision = decide(TaskFacts(image), Policies(allowed_algorithms=[entry]), registry)
    assert (decision.reason is None) is (runs is not None)
    assert decision.image == (runs or image)


def test_a_registry_is_asked_for_listed_repositories_only_and_only_where_it_matters():
    asked = []

    def digests_of(image):
        asked.append(image)
        return registry(image)

    rules = {"allowed_algorithms": ["host/b:1", "^host/c", "host/a"]}
    assert told(rules, "host/a:2", digests_of) is None
    assert told(rules, "evil/a:2", digests_of)
    assert asked == []


@pytest.mark.parametrize(
    "image",
    [
        "harbor2.vantage6.ai/algorithms/basics",
        "ghcr.io/vantage6/algorithm-basics:latest",
        "ghcr.io/vantage6/algorithm-basics" + DIGEST,
        "ghcr.io:443/vantage6/algorithm-basics:1",
        "ghcr.io:00443/vantage6/algorithm-basics:1",
        "GHCR.io/vantage6/algorithm-basics:1" + DIGEST,
        "Harbor2.Vantage6.AI:443/algorithms/basics",
    ],
)
def test_the_basics_image(image):
    assert "basics" in (told({"allow_basics_algorithm": False}, image) or "")
    assert told({"allow_basics_algorithm": True, "allowed_algorithms": ["host/a"]}, image)


def test_an_image_below_the_basics_image_is_another():
    image = "ghcr.io/vantage6/algorithm-basics-more/a:1"
    assert told({"allow_basics_algorithm": False}, image) is None


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ({"allowed_users": [2]}, True),
        ({"allowed_users": ["2"]}, True),
        ({"allowed_users": 2}, True),
        ({"allowed_users": [3]}, False),
        ({"allowed_organizations": [6]}, True),
        ({"allowed_organizations": ["hospital"]}, True),
        ({"allowed_organizations": ["Hospital"]}, False),
        ({"allowed_organizations": [7, "other"]}, False),
        ({"allowed_organizations": [7]}, False),
        ({"allowed_organizations": [7, "x"]}, False),
        ({"allowed_users": [3], "allowed_organizations": [6]}, True),
        ({"allowed_users": [2], "allowed_organizations": [7]}, True),
        ({"allowed_users": [6], "allowed_organizations": [2]}, False),
    ],
)
def test_users_and_organizations(rules, allowed):
    facts = {"user_id": 2, "organization_id": 6, "organization_name": "hospital"}
    assert (told(rules, **facts) is None) is allowed


@pytest.mark.parametrize(
    "rules",
    [
        {"allowed_users": ["None"]},
        {"allowed_users": ["x"]},
        {"allowed_organizations": ["None"]},
    ],
)
def test_a_task_without_a_user_or_organization_is_nobodys(rules):
    assert "allowed_users" in told(rules)


def test_an_organization_that_is_called_by_anothers_number_is_not_that_one():
    facts = {"organization_id": 99, "organization_name": "6"}
    assert told({"allowed_organizations": [6, "hospital"]}, **facts)


@pytest.mark.parametrize(
    ("entry", "facts", "part"),
    [
        (STORE, {"store_url": STORE, "store_has_image": True}, None),
        (r"^https://[a-z.]+/api$", {"store_url": STORE, "store_has_image": True}, None),
        (STORE, {"store_url": STORE, "store_has_image": False}, "does not say"),
        (STORE, {"store_url": STORE + "/x", "store_has_image": True}, "does not allow"),
        (STORE, {"store_url": "https://storeXexample/api", "store_has_image": True}, "not allow"),
        (STORE, {}, "names no algorithm store"),
        (STORE, {"store_url": STORE, "store_answered": False}, "did not answer"),
    ],
)
def test_stores(entry, facts, part):
    reason = told({"allowed_algorithm_stores": [entry]}, **facts)
    assert (reason is None) is (part is None)
    assert part is None or part in reason


GOOD_STORE = {"store_url": STORE, "store_has_image": True}


@pytest.mark.parametrize(
    ("either", "listed", "stored", "allowed"),
    [
        (False, True, True, True),
        (False, True, False, False),
        (False, False, True, False),
        (True, True, False, True),
        (True, False, True, True),
        (True, False, False, False),
    ],
)
def test_the_list_and_the_store(either, listed, stored, allowed):
    rules = {
        "allowed_algorithms": ["host/a" if listed else "host/b"],
        "allowed_algorithm_stores": [STORE],
        "allow_either_whitelist_or_store": either,
    }
    assert (told(rules, **(GOOD_STORE if stored else {})) is None) is allowed


def test_either_does_not_allow_all_where_one_is_not_set():
    assert told({"allowed_algorithm_stores": STORE, "allow_either_whitelist_or_store": True})
    assert told({"allowed_algorithms": "host/b", "allow_either_whitelist_or_store": True})


def test_what_has_to_be_asked_for():
    assert not needs_organization_name(Policies())
    assert not needs_organization_name(Policies(allowed_organizations=[6]))
    assert needs_organization_name(Policies(allowed_organizations=[6, "hospital"]))
    assert not needs_store(Policies())
    assert needs_store(Policies(allowed_algorithm_stores=STORE))
    assert store_url_allowed(STORE, Policies(allowed_algorithm_stores=STORE))
    assert not store_url_allowed(None, Policies(allowed_algorithm_stores=".*"))
