"""The keys of ``kubernetes.placement``."""

import pytest
from pydantic import ValidationError

from node_poc.config.kubernetes import Kubernetes
from node_poc.config.placement import Placement


def test_a_part_without_placement_has_an_empty_one():
    settings = Kubernetes(placement={"node": {"priority_class": "system"}})
    assert settings.placement_of("node").priority_class == "system"
    assert settings.placement_of("proxy") == Placement()


def test_only_known_parts_have_a_placement():
    with pytest.raises(ValidationError, match=r"placement\.server"):
        Kubernetes(placement={"server": {}})


@pytest.mark.parametrize(
    "key",
    [
        "vantage6.ai/node",
        "app.kubernetes.io/component",
        "batch.kubernetes.io/job-name",
        "job-name",
        "sidecar.istio.io/inject",
        "istio.io/rev",
    ],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_keys_that_walls_and_node_go_by_are_refused(field, key):
    with pytest.raises(ValidationError, match="belongs to the node or to Kubernetes"):
        Placement(**{field: {key: "true"}})


@pytest.mark.parametrize("key", ["", "a b", "-a", "a/b/c", "UPPER/name", "x" * 64])
def test_a_key_must_be_one_of_kubernetes(key):
    with pytest.raises(ValidationError, match="no key of a label"):
        Placement(labels={key: "value"})


@pytest.mark.parametrize("value", ["a b", "x" * 64, "ends-", "\n"])
def test_a_value_of_a_label_must_be_one_of_kubernetes(value):
    with pytest.raises(ValidationError, match="at most 63"):
        Placement(labels={"team": value})


def test_other_values_are_checked():
    with pytest.raises(ValidationError, match="at most 65536 bytes"):
        Placement(annotations={"note": "x" * 65_537})
    with pytest.raises(ValidationError, match="nodeAffinity"):
        Placement(affinity={"node": {}})
    with pytest.raises(ValidationError, match="priority_class"):
        Placement(priority_class="Not A Name")


def test_what_kubernetes_takes_is_taken():
    made = Placement(
        labels={"team": "genetics", "example.org/x": ""},
        annotations={"example.org/note": "any text\nat all"},
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        tolerations=[{"key": "a", "operator": "Exists", "tolerationSeconds": 5}],
    )
    assert made.labels["team"] == "genetics"
