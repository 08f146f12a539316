"""The warnings of ``check`` about entries of a policy, each with an example as proof."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.config.sections import Policies
from node_poc.runs import entries
from node_poc.runs.policy_doubts import find_policy_doubts
from node_poc.runs.samples import sample


def doubts(*images, stores=None):
    rules = {"allowed_algorithms": list(images) or None, "allowed_algorithm_stores": stores}
    return list(find_policy_doubts(Policies(**rules)))


@pytest.mark.parametrize(
    "entry",
    [
        "harbor2.vantage6.ai/algorithms/average",
        "localhost:5001/a:1",
        r"^harbor2\.vantage6\.ai/algorithms/average$",
        r"^harbor2\.vantage6\.ai/algorithms/.*",
        r"^harbor2\.vantage6\.ai/",
        r"^harbor2\.vantage6\.ai/algorithms/average(:[0-9.]+)?$",
    ],
)
def test_an_entry_that_means_what_it_does_for_vantage6(entry):
    assert doubts(entry) == []


def test_a_beginning_is_told_with_an_example():
    (told,) = doubts(r"^harbor2\.vantage6\.ai/algorithms/average")
    image = "harbor2.vantage6.ai/algorithms/average-other"
    assert told.startswith(f"policies.allowed_algorithms[0]: a Docker node allows {image}, and")
    assert f"this node refuses {image}" in told
    assert doubts(r"^harbor2\.vantage6\.ai/algorithms/average.*") == []


def test_a_dot_in_a_host_is_told_with_the_escaped_form():
    told = doubts("^harbor2.vantage6.ai/algorithms/a.b$")
    assert told[0].endswith(r"write ^harbor2\.vantage6\.ai/algorithms/a.b$")
    assert len(told) == 1
    assert not any("dot" in each for each in doubts(r"^.*\.vantage6\.ai/[.a]$", r"^[a.]b/c$"))


@pytest.mark.parametrize("entry", [".*", r".*/average$", r"^.*vantage6\.ai/a$"])
def test_an_entry_for_any_registry_is_told(entry):
    (told,) = [each for each in doubts(entry) if "any registry" in each]
    assert "other.example/" in told


@pytest.mark.parametrize(
    ("images", "stores", "example"),
    [
        ([r"^harbor2\.vantage6\.ai.*"], None, "harbor2.vantage6.aix.other.example/a"),
        ([], [r"^https://store\.vantage6\.ai.*"], "https://store.vantage6.aix.other.example"),
        ([], [r"^https?://.*"], "http://x.other.example"),
        ([], [r".*vantage6\.ai"], "https://other-xvantage6.ai"),
    ],
)
def test_a_host_without_an_end_is_told(images, stores, example):
    (told,) = doubts(*images, stores=stores)
    assert f"allows other hosts too, for example {example}; write the whole host" in told


def test_nobody_is_advised_to_open_the_end_of_a_host():
    (told,) = doubts(r"^harbor2\.vantage6\.ai")
    assert "append .*" not in told
    assert told.endswith("write the whole host, and a slash after the host")
    assert doubts(r"^harbor2\.vantage6\.ai/") == []


@pytest.mark.parametrize("entry", ["host/", "Host/A/B", "https://host/a", ""])
def test_an_entry_that_allows_nothing(entry):
    assert doubts("host/a", entry) == [
        "policies.allowed_algorithms[1]: is no image's name, so it allows nothing; correct it"
    ]


def test_what_cannot_be_shown_by_an_example_is_told_all_the_same():
    told = doubts(r"^host/(?=a)a")
    assert any("for a Docker node a beginning is enough" in each for each in told)


def test_a_list_of_what_is_not_allowed():
    assert any("list what is allowed" in each for each in doubts(r"^(?!evil/).*"))


def test_an_expression_that_never_ends_is_told(monkeypatch):
    monkeypatch.setattr(entries, "_SECONDS", 0.05)
    assert any("takes very long" in each for each in doubts(r"^(a|aa)+$"))


@pytest.mark.parametrize("entry", [r"^(a|aa){60,}$", r"^(a|aa){60}b*c", r"^(?:(a|aa){90}-x)"])
def test_an_expression_that_never_ends_on_its_own_example_holds_nobody_up(entry, monkeypatch):
    monkeypatch.setattr(entries, "_SECONDS", 0.05)
    assert doubts(entry)


def test_stores():
    told = doubts(stores=[r"^https://[a-z]+.vantage6.ai", "https://store.example", "store"])
    assert told[0].startswith("policies.allowed_algorithm_stores[0]: a dot")
    assert r"^https://[a-z]+\.vantage6\.ai" in told[0]
    assert "https://a.vantage6.ai.other.example" in told[1]
    assert told[2].startswith("policies.allowed_algorithm_stores[2]: is no URL")
    assert len(told) == 3
    assert doubts(stores=[r"^https://store\.example$", r"^https://store\.example(/.*)?$"]) == []


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"^a\.b/[a-z]+$", "a.b/a"),
        (r"a(?:b|c)*d?", "ab"),
        (r"x{3}|y", "xxx"),
        (r"[^a-z/]\d\w", "011a"[1:]),
        (r"(a(b[)]|c)d)e", None),
        (r"(?i)a", None),
        (r"((((a{99}){99}){99}){99}){99}", None),
        (r"a{99999999}", None),
        (r"\s", None),
        ("a(", None),
    ],
)
def test_a_text_that_matches(expression, text):
    found = sample(expression)
    if text is None:
        assert found is None or re.match(expression, found)
    else:
        assert re.match(expression, found)


@given(st.text(st.sampled_from(r"ab.\/[]()|*+?{}1,^$-:"), max_size=20))
@settings(max_examples=500, deadline=None)
def test_whatever_is_written_an_example_matches_and_doubts_are_found(text):
    try:
        policies = Policies(allowed_algorithms=[text], allowed_algorithm_stores=[text])
    except ValueError:
        return
    found = sample(text)
    assert found is None or re.match(text, found)
    list(find_policy_doubts(policies))
