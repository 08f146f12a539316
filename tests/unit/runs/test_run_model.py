import json

from hypothesis import given
from hypothesis import strategies as st

from node_poc.runs.model import Failure, OutputFile, RunResult, RunSpec
from node_poc.runs.observed import JobObservation, made_at
from node_poc.runs.status import RunStatus
from tests.fakes.examples import SPECS, spec

_TIME = st.none() | st.floats(0, 1e11)
_TEXT = st.text(max_size=10)
_RESULTS = st.builds(
    RunResult,
    run_id=st.integers(1, 2**63 - 1),
    status=st.sampled_from(RunStatus),
    exit_code=st.none() | st.integers(0, 255),
    log=_TEXT,
    log_truncated=st.booleans(),
    output=st.lists(st.builds(OutputFile, _TEXT, st.integers(0, 10**15)), max_size=3).map(tuple),
    output_truncated=st.booleans(),
    failure=st.none() | st.builds(Failure, _TEXT, _TEXT, _TEXT),
    received_at=st.floats(0, 1e11),
    job_created_at=_TIME,
    started_at=_TIME,
    ended_at=_TIME,
)


@given(SPECS)
def test_a_spec_survives_json(made):
    again = RunSpec.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    assert again.digest() == made.digest()


@given(SPECS, SPECS)
def test_equal_content_is_an_equal_digest(one, other):
    assert (one.digest() == other.digest()) == (one == other)


@given(_RESULTS)
def test_a_result_survives_json(made):
    assert RunResult.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_spec_does_not_show_its_files():
    assert "a-secret-token" not in repr(spec())


def test_databases_in_the_order_asked():
    assert spec().databases == ("default",)


def test_which_states_are_final():
    going = {status for status in RunStatus if not status.is_final}
    assert going == {RunStatus.PENDING, RunStatus.INITIALIZING, RunStatus.ACTIVE}


def test_a_job_seen_at_once_was_made_now_and_one_seen_late_within_its_second():
    assert made_at(JobObservation(7, created_at=100.0), now=100.4) == 100.4
    assert made_at(JobObservation(7, created_at=100.0), now=900.0) == 101.0
    assert made_at(JobObservation(7), now=900.0) == 900.0
