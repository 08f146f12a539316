"""An entry of a policy means whole names and whole hosts, never the start of a longer name."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.config.sections import Policies
from node_poc.runs import entries
from node_poc.runs.entries import SlowEntryError, image_matches, url_matches
from node_poc.runs.image_names import parse_image
from node_poc.runs.policies import TaskFacts, refusal, store_url_allowed

NAME = "harbor2.vantage6.ai/algorithms/average"
ENTRY = r"^harbor2\.vantage6\.ai/algorithms/average"
DIGEST = "@sha256:" + "a" * 64
STORE = r"^https://[a-z]+\.vantage6\.ai"


@pytest.mark.parametrize(
    ("entry", "image", "means"),
    [
        (ENTRY, NAME, True),
        (ENTRY, NAME + ":1", True),
        (ENTRY, NAME + DIGEST, True),
        (ENTRY, NAME + ":1" + DIGEST, True),
        (ENTRY, NAME + "-evil", False),
        (ENTRY, NAME + "-evil:1", False),
        (ENTRY, NAME + "/evil", False),
        (ENTRY, NAME + ".evil" + DIGEST, False),
        (ENTRY + "$", NAME, True),
        (ENTRY + "$", NAME + ":1", False),
        (ENTRY + ":1", NAME + ":1", True),
        (ENTRY + ":1", NAME + ":10", False),
        (ENTRY + ":1", NAME + ":1" + DIGEST, False),  # the digest is what would run
        (ENTRY + ":.*", NAME + ":1" + DIGEST, True),
        (ENTRY + "@sha256", NAME + DIGEST, False),
        (r"^harbor2\.vantage6\.ai", "harbor2.vantage6.ai:5000/evil", False),
        (r"^harbor2\.vantage6\.ai/", NAME + "-evil:2", True),
        (r"^harbor2\.vantage6\.ai/[a-z]+", NAME, False),
        (r"^harbor2\.vantage6\.ai/.*", NAME + "-evil", True),
        (r"^a/b|^c/d", "c/d-evil", False),
        (r"^a/b|^c/d", "c/d:1", True),
        (r"^a/(?:b|bc)", "a/bc", True),
        (r"(?i)^A/b", "a/b:1", True),
        (r"(?x)^a/b # a comment", "a/b:1", False),  # reported by `check`
        (r"^(?!evil\.example/).*", "evil.example/a", False),
        (r"^(?!evil\.example/).*", "EVIL.example:443/a", False),
        (r"^(?!evil/).*", "docker.io/evil/a", False),
        (r"^(?!evil/).*", "good/a", True),
        (".*", "not a name", False),
    ],
)
def test_an_expression_ends_at_a_border_of_an_image(entry, image, means):
    assert image_matches(entry, image) is means


@pytest.mark.parametrize(
    ("entry", "url", "means"),
    [
        (STORE, "https://store.vantage6.ai", True),
        (STORE, "https://store.vantage6.ai/", True),
        (STORE, "https://store.vantage6.ai/api/v1", True),
        (STORE, "https://store.vantage6.ai:443/api", True),
        (STORE, "HTTPS://Store.vantage6.ai", True),
        (STORE, "https://store.vantage6.ai.evil.org", False),
        (STORE, "https://store.vantage6.ai-evil.org/", False),
        (STORE, "https://store.vantage6.ai:8443", False),
        (STORE, "https://store.vantage6.ai@evil.org/", False),
        (STORE, "https://store.vantage6.ai\\@evil.org/", False),
        (STORE, "https://store.vantage6.ai?x=1", False),
        (STORE, "http://store.vantage6.ai", False),
        (r"^https://.*\.vantage6\.ai", "https://evil.org/.vantage6.ai", False),
        (r"^https://.*\.vantage6\.ai", "https://evil.org/x.vantage6.ai/", False),
        (r"^https://\S+/api", "https://evil.org/api", True),
        (r"^https://store\.example/api", "https://store.example/api-evil", False),
        (r"^https://store\.example/api", "https://store.example/api/v1", True),
        (r"^https:\/\/store\.example\/api$", "https://store.example/api", True),
        (r"^https://store\.example(/.*)?$", "https://store.example/api", True),
        (r"^https://a\.example/x|^https://b\.example", "https://b.example", True),
        (r"^https://a\.example|^https://b\.example", "https://b.example.evil.org", False),
        (r"^https://store\.example/.*", "https://store.example/a/../b", False),
        ("https://store.example", "https://store.example/", True),
        ("https://store.example/", "https://store.example", True),
        ("https://store.example", "https://STORE.example:443", True),
        ("https://store.example", "https://store.example:8443", False),
        ("https://store.example", "http://store.example", False),
        ("https://store.example", "https://store.example/api", False),
        ("https://store.example", "https://store.example.evil.org", False),
        ("http://store.example:80", "http://store.example", True),
        ("store.example", "store.example", False),
    ],
)
def test_an_entry_means_a_whole_host(entry, url, means):
    assert url_matches(entry, url) is means


LITERAL = st.sampled_from([NAME, "ghcr.io/a/b", "host.example:5000/a", "a/b", "localhost:5001/x"])
TAIL = st.text(st.sampled_from("abz019._-/:@"), min_size=1, max_size=12)


def escaped(text):
    return "^" + text.replace(".", r"\.")


@given(LITERAL, TAIL, st.sampled_from(["", ":1", DIGEST, ":1" + DIGEST]))
@settings(max_examples=400, deadline=None)
def test_nothing_that_goes_on_without_a_border_is_allowed(name, tail, suffix):
    image = name + tail + suffix
    for entry in (name, escaped(name)):
        if refusal(TaskFacts(image), Policies(allowed_algorithms=[entry])) is None:
            allowed, asked = parse_image(name), parse_image(image)
            # An invalid image name is refused later, as invalid.
            assert asked is None or asked.repository == allowed.repository


HOST = st.sampled_from(["https://store.example", "https://store.example:8443", "http://a.b.c"])


@given(HOST, st.text(st.sampled_from("abz019._-/:@?#\\%[] \n"), min_size=1, max_size=14))
@settings(max_examples=400, deadline=None)
def test_no_url_that_goes_on_in_its_host_is_allowed(origin, tail):
    url = origin + tail
    entry = escaped(origin)
    if store_url_allowed(url, Policies(allowed_algorithm_stores=[entry])):
        rest = url.removeprefix(origin).removeprefix(":443" if origin.count(":") == 1 else "")
        assert rest == "" or rest.startswith("/") or rest.lstrip("0:") in {"443", "80"}
        assert not set("@?#\\%[] \n") & set(url)


SLOW = [r"^(a|aa)+$", r"^(?:a|aa|aaa)+-x"]


@pytest.mark.parametrize("entry", SLOW)
def test_an_expression_that_never_ends_is_ended_and_allows_nothing(entry, monkeypatch):
    monkeypatch.setattr(entries, "_SECONDS", 0.05)
    image = "a" * 400 + ".c"
    began = time.monotonic()
    with pytest.raises(SlowEntryError):
        image_matches(entry, image)
    reason = refusal(TaskFacts(image), Policies(allowed_algorithms=[entry, "host/b"]))
    assert "takes too long" in reason
    assert refusal(TaskFacts(image), Policies(allowed_algorithms=[entry, ".*"])) is None
    assert time.monotonic() - began < 20


def test_a_slow_expression_allows_no_store(monkeypatch):
    monkeypatch.setattr(entries, "_SECONDS", 0.05)
    rules = Policies(allowed_algorithm_stores=[r"^https://(a|aa)+\.x$"])
    assert not store_url_allowed("https://" + "a" * 300 + ".c", rules)


@pytest.mark.parametrize(
    ("text", "repository", "suffix"),
    [
        ("a", "docker.io/library/a", ""),
        ("a/b:1", "docker.io/a/b", ":1"),
        ("docker.io/a", "docker.io/library/a", ""),
        ("registry-1.docker.io/a/b", "docker.io/a/b", ""),
        ("localhost/a", "localhost/a", ""),
        ("localhost:5001/a", "localhost:5001/a", ""),
        ("[2001:DB8::1]:443/a", "[2001:db8::1]/a", ""),
        ("Host/a", "host/a", ""),
        ("host.example:443/a:1" + DIGEST, "host.example/a", ":1" + DIGEST),
    ],
)
def test_how_registries_read_a_name(text, repository, suffix):
    name = parse_image(text)
    assert (name.repository, name.suffix) == (repository, suffix)


EXPRESSION = st.text(st.sampled_from(r"ab./\-_:@()|*+?[]^$1"), min_size=1, max_size=14)
TEXT = st.text(st.sampled_from("ab./-_:1"), min_size=1, max_size=14)


@given(EXPRESSION, TEXT)
@settings(max_examples=600, deadline=None)
def test_nothing_is_allowed_that_vantage6_refuses(expression, text):
    entry = f"^{expression}"
    try:
        rules = Policies(
            allowed_algorithms=[entry], allowed_algorithm_stores=[f"^https://{expression}"]
        )
    except ValueError:
        return
    if refusal(TaskFacts(text), Policies(allowed_algorithms=[entry])) is None:
        assert re.match(entry, text)
    url = f"https://{text}"
    if store_url_allowed(url, rules):
        spelled = (url, url.rstrip("/"), url.replace(":443", ""))
        assert any(re.match(f"^https://{expression}", each) for each in spelled)
