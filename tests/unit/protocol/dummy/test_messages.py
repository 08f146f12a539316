import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.protocol.dummy.messages import (
    parse_command,
    result_message,
    run_id_in,
    status_message,
)
from node_poc.protocol.wire import MessageError, iso_time
from node_poc.runs.model import Failure, MountSource, OutputFile, Run, RunResult
from node_poc.runs.status import RunStatus
from tests.fakes.examples import JSON, SURROGATES, config

CONFIG = config()
TOKEN = "the-token-that-no-message-may-show"
ARGUMENT = "the-argument-that-no-message-may-show"
INPUT = "the-input-that-no-message-may-show"
GOOD = {
    "run_id": 7,
    "task_info": {"arg2": "Age", "arg1": ARGUMENT, "arg3": "/app/output/avg.txt"},
    "image": "localhost:5001/v6_average_algorithm",
    "docker_input": INPUT,
    "tmp_vol_name": "example-tmp-vol",
    "token": TOKEN,
    "databases_to_use": ["default", "pictures"],
}


def refusal(payload):
    try:
        parse_command(payload, CONFIG)
    except MessageError as error:
        text = str(error)
        assert not [secret for secret in (TOKEN, ARGUMENT, INPUT) if secret in text]
        assert len(text) < 5000
        text.encode()
        return text
    return None


def test_a_good_command_becomes_a_run():
    made = parse_command(GOOD, CONFIG)
    assert made.run_id == 7
    assert made.arguments == (ARGUMENT, "Age", "/app/output/avg.txt")
    files = {file.name: (file.content or b"").decode() for file in made.files}
    assert files == {"token": TOKEN, "docker_input": INPUT}
    assert made.databases == ("default", "pictures")
    assert made.environment == ()
    assert TOKEN not in repr(made)


def test_what_an_algorithm_sees():
    mounts = {mount.path: mount for mount in parse_command(GOOD, CONFIG).mounts}
    assert set(mounts) == {
        "/app/output",
        "/app/tmp",
        "/app/token",
        "/app/input/docker_input",
        "/app/input/csv/default",
        "/app/input/folder/pictures",
    }
    writable = {path for path, mount in mounts.items() if not mount.read_only}
    assert writable == {"/app/output", "/app/tmp"}
    assert mounts["/app/tmp"].source is MountSource.SHARED


def test_ten_arguments_are_in_the_order_of_their_numbers():
    info = {f"arg{number}": str(number) for number in range(12, 0, -1)}
    made = parse_command(GOOD | {"task_info": info}, CONFIG)
    assert made.arguments == tuple(str(number) for number in range(1, 13))


@pytest.mark.parametrize("field", GOOD)
def test_every_field_is_required(field):
    payload = {key: value for key, value in GOOD.items() if key != field}
    assert refusal(payload).startswith(f"{field}: is required")


@pytest.mark.parametrize("payload", [None, 1, "x", [], [GOOD], True, b"x", {1: 2}])
def test_what_is_no_command(payload):
    assert refusal(payload)


@pytest.mark.parametrize("name", ["a", "A_b.c-d", "a..b", "0", "x" * 63])
def test_names_of_volumes(name):
    assert refusal(GOOD | {"tmp_vol_name": name}) is None


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/x", "a/b", "x" * 64, "-a", "a\n", "ü"])
def test_no_names_of_volumes(name):
    assert refusal(GOOD | {"tmp_vol_name": name}).startswith("tmp_vol_name: ")


def test_the_longest_argument():
    longest = "x" * (32 * 4096 - 1)
    assert refusal(GOOD | {"task_info": {"arg1": longest}}) is None
    assert refusal(GOOD | {"task_info": {"arg1": longest + "x"}}).startswith("task_info: ")
    many = {f"arg{number}": longest for number in range(1, 6)}
    assert refusal(GOOD | {"task_info": many}).startswith("task_info: ")


def nested(depth):
    made = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize(
    "value",
    [nested(900), float("nan"), float("inf"), 10**400, -(10**400), "\ud800", {"\ud800": "\udfff"}],
    ids=["deep", "nan", "inf", "huge", "-huge", "surrogate", "surrogates"],
)
def test_absurd_values_are_refused_by_name(field, value):
    assert refusal(GOOD | {field: value}).startswith(field)


@given(JSON)
def test_anything_is_a_run_or_a_message_error(payload):
    refusal(payload)


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)) | SURROGATES, JSON, min_size=1, max_size=3))
def test_a_command_with_anything_in_some_fields_is_a_run_or_a_message_error(changes):
    refusal(GOOD | changes)


@given(st.dictionaries(st.sampled_from(["arg1", "arg2", "arg3", "argx"]) | SURROGATES, JSON))
def test_any_arguments(info):
    refusal(GOOD | {"task_info": info | {"arg1": ARGUMENT}})


@given(SURROGATES)
def test_any_argument_that_is_accepted_can_be_written(text):
    if refusal(GOOD | {"task_info": {"arg1": text}, "token": text}) is None:
        made = parse_command(GOOD | {"task_info": {"arg1": text}, "token": text}, CONFIG)
        assert made.arguments[0].encode().decode() == text
        assert "\0" not in made.arguments[0]
        made.digest()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [({"run_id": 7}, 7), ({"run_id": True}, None), ({"run_id": "7"}, None), ([], None), ({}, None)],
)
def test_the_run_id_in_a_broken_payload(payload, expected):
    assert run_id_in(payload) == expected


def test_times_are_utc_with_six_decimals():
    assert iso_time(0) == "1970-01-01T00:00:00.000000+00:00"
    assert iso_time(None) is None


FAILURE = Failure("Cause", "detail", "advice")


def test_the_status_message():
    run = Run(7, "digest", 0.0, status=RunStatus.NO_DOCKER_IMAGE, failure=FAILURE)
    message = status_message(run, 0.0)
    assert message == json.loads(json.dumps(message))
    assert message["status"] == "non-existing Docker image"
    assert (message["cause"], message["detail"], message["advice"]) == ("Cause", "detail", "advice")


def test_the_result_message_is_plain_json():
    made = RunResult(
        *(7, RunStatus.COMPLETED, 0, "log", False, (OutputFile("a", 1),), False, None),
        *(1.0, 2.0, 3.0, 4.0),
    )
    message = result_message(made)
    assert message == json.loads(json.dumps(message))
    assert message["output"] == [{"path": "a", "size": 1}]
    assert message["timeline"]["started"] == "1970-01-01T00:00:03.000000+00:00"
    assert (message["status"], message["exit_code"], message["cause"]) == ("completed", 0, None)
