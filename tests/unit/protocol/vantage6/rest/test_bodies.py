"""The body of a PATCH request with a large result."""

import json
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from node_poc.protocol.vantage6.rest.bodies import RunPatch

BASE64 = st.text("ABCabc019+/=$", max_size=2000)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=40), max_size=4), BASE64)
def test_it_is_the_json_that_one_would_write(fields, result):
    fields.pop("result", None)
    body = RunPatch(fields, result)
    whole = b"".join(body)
    assert len(whole) == len(body)
    assert json.loads(whole) == {**fields, "result": result}


@given(BASE64, st.lists(st.integers(1, 700), max_size=20))
def test_it_can_be_read_in_any_steps_and_once_more(result, steps):
    body = RunPatch({"status": "completed"}, result)
    whole = b"".join(body)
    for _ in range(2):
        parts = [body.read(step) for step in steps]
        parts.append(body.read())
        assert b"".join(parts) == whole
        assert body.read(10) == b""
        body.rewind()


def test_a_large_result_is_not_copied():
    result = "A" * 20_000_000
    tracemalloc.start()
    body = RunPatch({}, result)
    while body.read(16384):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
