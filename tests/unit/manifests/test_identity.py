import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.manifests.identity import Identity, reaches_label, run_id_of, slug

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@given(st.text(min_size=1))
def test_a_slug_is_always_a_dns_label(text):
    made = slug(text)
    assert DNS_LABEL.fullmatch(made)
    assert len(made) <= 33


@given(st.text(min_size=1), st.text(min_size=1))
def test_slugs_differ_where_texts_differ(one, other):
    assert (slug(one) == slug(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [("My Node", "my-node"), ("a", "A"), ("ü", "ö"), ("n" * 50, "n" * 51)]
)
def test_names_that_look_alike_differ(one, other):
    assert slug(one) != slug(other)


@given(st.text(min_size=1, max_size=200), st.integers(1, 2**63 - 1))
def test_the_name_of_a_job_fits_a_label(node, run_id):
    """Kubernetes copies a Job's name into a label of the pod; a label has at most 63 characters."""
    name = Identity(node).job_name(run_id)
    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= 63


@given(st.text(min_size=1), st.integers(1, 2**63 - 1))
def test_a_run_is_known_again_by_its_labels(node, run_id):
    names = Identity(node)
    labels = names.labels(run_id, "proxy")
    assert run_id_of(labels) == run_id
    selected = dict(pair.split("=") for pair in names.selector.split(","))
    assert selected.items() <= labels.items()
    for value in labels.values():
        assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "\N{ARABIC-INDIC DIGIT ONE}", " 1"])
def test_what_is_no_run_id(text):
    assert run_id_of({"vantage6.ai/run-id": text}) is None


def test_an_object_of_nobody():
    assert run_id_of({}) is None


@pytest.mark.parametrize(
    ("database", "label"),
    [("default", "vantage6.ai/reaches-default"), ("my_DB2", "vantage6.ai/reaches-my_DB2")],
)
def test_the_label_of_a_database_that_is_reached(database, label):
    assert reaches_label(database) == label


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,62}", fullmatch=True))
def test_any_database_has_a_label_that_kubernetes_takes(database):
    name = reaches_label(database).partition("/")[2]
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", name)


def test_databases_with_names_that_are_changed_stay_apart():
    assert reaches_label("a_") != reaches_label("a__") != reaches_label("a")
