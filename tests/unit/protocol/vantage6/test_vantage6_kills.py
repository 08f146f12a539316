"""Which runs ``kill_containers`` refers to; in doubt, no run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.kills import runs_to_kill

WHO = NodeIdentity(5, "node", 2, "alpha", 3, encrypted=False)
OURS = {"task_id": 1, "run_id": 11, "organization_id": 2}


@pytest.mark.parametrize(
    ("payload", "run_ids"),
    [
        ({"node_id": 5, "collaboration_id": 3}, None),
        ({"node_id": 6, "collaboration_id": 3}, ()),
        ({"node_id": 5, "collaboration_id": 4}, ()),
        ({"collaboration_id": 3}, ()),
        ({"node_id": 5}, ()),
        ({"kill_list": [], "collaboration_id": 3}, ()),
        ({"kill_list": None, "collaboration_id": 3, "node_id": 5}, ()),
        ({"kill_list": [OURS, OURS], "collaboration_id": 3}, (11,)),
        ({"kill_list": [OURS], "collaboration_id": 3, "node_id": 6}, ()),
        ({"kill_list": [OURS | {"organization_id": 9}], "collaboration_id": 3}, ()),
        ({"kill_list": [OURS | {"run_id": True}], "collaboration_id": 3}, ()),
        ({"kill_list": [OURS | {"run_id": "11"}], "collaboration_id": 3}, ()),
        ({"kill_list": [5, None, OURS], "collaboration_id": 3}, (11,)),
        ("kill", ()),
        (None, ()),
    ],
)
def test_which_runs_are_meant(payload, run_ids):
    assert runs_to_kill(payload, WHO) == run_ids


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.dictionaries(st.sampled_from(["kill_list", "collaboration_id", "x"]), ANYTHING))
def test_without_our_node_id_never_all(payload):
    assert runs_to_kill(payload, WHO) is not None
