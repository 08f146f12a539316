"""Bad commands on the real cluster: the node refuses each with its reason, and goes on serving.

tests/contract goes through the whole list; this file has one command of each kind.
"""

from __future__ import annotations

from typing import Any

import pytest

from devstation import DummyStation

BAD: dict[str, tuple[Any, str]] = {
    "not an object": (["a", "list"], "must be an object"),
    "run_id as text": ({"run_id": "12"}, "run_id"),
    "run_id negative": ({"run_id": -1}, "run_id"),
    "run_id huge": ({"run_id": 2**70}, "run_id"),
    "extra field": ({"colour": "red"}, "colour"),
    "path in the volume's name": ({"tmp_vol_name": "../../etc"}, "tmp_vol_name"),
    "volume's name of 300 characters": ({"tmp_vol_name": "v" * 300}, "tmp_vol_name"),
    "path in a label": ({"databases_to_use": ["../../etc/passwd"]}, "databases_to_use"),
    "unknown label": ({"databases_to_use": ["nowhere"]}, "nowhere"),
    "image that is none": ({"image": "NOT an image!"}, "image"),
    "arguments that are none": ({"task_info": {"first": "x"}}, "task_info"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_command_is_refused_and_leaves_nothing(station: DummyStation, name: str):
    changes, word = BAD[name]
    payload: Any = station.payload() | changes if isinstance(changes, dict) else changes
    with station.emitter() as emitter:
        answer = emitter.post(payload)
    assert answer["accepted"] is False
    assert answer["state"] == "refused"
    assert word in answer["reason"]
    if isinstance(payload, dict):
        names = [job["metadata"]["name"] for job in station.get("jobs")]
        assert not [name for name in names if name.endswith(f"-{payload['run_id']}")]


def test_same_run_id_runs_once_and_another_content_is_refused(station: DummyStation):
    payload = station.payload()
    with station.emitter() as emitter:
        assert emitter.post(payload)["accepted"]
        assert emitter.post(payload)["accepted"]
        result = emitter.wait(payload["run_id"], timeout_s=200)
        other = emitter.post(payload | {"docker_input": "something else"})
        again = emitter.post(payload)
    assert result["status"] == "completed"
    assert other["accepted"] is False
    assert "run_id" in other["reason"]
    assert (again["accepted"], again["status"]) == (True, "completed")
    pods = station.get("pods", "-l", f"vantage6.ai/run-id={payload['run_id']}")
    assert len(pods) == 1


def test_good_run_after_all_that_completes(station: DummyStation):
    assert station.run(station.payload())["status"] == "completed"
