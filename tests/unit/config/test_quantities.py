"""Kubernetes quantities, and the rule that no request exceeds its limit."""

import pytest

from node_poc.config.kubernetes import Resources
from node_poc.config.quantities import amount


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("0.5", 0.5), ("500m", 0.5), ("1k", 1000), ("64Mi", 64 * 2**20), ("2Gi", 2**31)],
)
def test_a_quantity_amounts_to(text, value):
    assert float(amount(text)) == value


@pytest.mark.parametrize("text", ["", "two", "-1", "1 Gi", "1gi", "1e3Gi"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="500m, 2 or 4Gi"):
        Resources(cpu=text)


def test_a_request_above_its_limit_is_refused():
    with pytest.raises(ValueError, match="memory_request: 1Gi is above memory, 512Mi"):
        Resources(memory="512Mi", memory_request="1Gi")
    assert Resources(memory="1Gi", memory_request="1024Mi").memory == "1Gi"
