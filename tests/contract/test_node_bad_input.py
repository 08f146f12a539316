"""Bad commands from a server: the answer names the field, and the node goes on serving."""

import itertools
import json

import pytest

from tests.fakes.station import TOKEN, payload

RUN_IDS = itertools.count(1000)
ABSENT = object()
LABEL_300 = "l" * 300
SECRET_ARGUMENT = "an-argument-that-no-answer-may-show"


def bad(field, value, begins=None, **more):
    """Return a command with a bad field; the refusal must begin with the field's name."""
    return pytest.param({field: value, **more}, begins or field, id=f"{field}={str(value)[:20]!r}")


BAD_FIELDS = [
    # missing and unknown fields
    *[
        bad(field, ABSENT)
        for field in (
            "run_id",
            "task_info",
            "image",
            "docker_input",
            "tmp_vol_name",
            "token",
            "databases_to_use",
        )
    ],
    bad("surprise", 1),
    # of the wrong type
    *[
        bad(field, value)
        for field in ("run_id", "task_info", "image", "docker_input", "tmp_vol_name", "token")
        for value in (None, 1.5, True, [1])
    ],
    *[bad("databases_to_use", value) for value in (None, "default", {"a": 1}, [1], [["default"]])],
    bad("image", 7),
    bad("token", 7),
    bad("task_info", "text"),
    bad("task_info", {"arg1": 1}),
    # run_id
    *[bad("run_id", value) for value in ("7", "../x", "", 0, -1, 2**63, 10**40, 7.0, {"a": 1})],
    # paths
    *[
        bad("tmp_vol_name", value)
        for value in ("../x", "/etc", "", ".", "..", "a/b", "x" * 300, "naïve", "a\n", "\0", "-a")
    ],
    *[
        bad("databases_to_use", [value])
        for value in (
            "../x",
            "/etc/passwd",
            "",
            "nobody",
            LABEL_300,
            "naïve",
            "\ud800",
            "default\n",
        )
    ],
    bad("databases_to_use", ["default", "default"]),
    bad("databases_to_use", ["default"] * 65),
    # images
    *[
        bad("image", value)
        for value in (
            "",
            " ",
            "UPPER",
            "a b",
            "image:",
            "image@sha256:short",
            "http://registry/image",
            "../image",
            "-image",
            "i" * 600,
            "image\n",
            "bild-ü",
        )
    ],
    # arguments
    bad("task_info", {"arg2": "x"}),
    bad("task_info", {"arg1": "x", "arg3": "y"}),
    bad("task_info", {"arg01": "x"}),
    bad("task_info", {"other": SECRET_ARGUMENT}),
    bad("task_info", {"arg1": "a\0b"}),
    bad("task_info", {"arg1": SECRET_ARGUMENT * 10_000}),
    bad("task_info", {f"arg{n}": "x" * 100_000 for n in range(1, 10)}),
    bad("task_info", {"arg1": "\ud800"}),
    bad("token", "\ud800"),
    bad("token", "t" * 70_000),
]


@pytest.mark.parametrize(("changes", "begins"), BAD_FIELDS)
def test_a_bad_field_is_refused_by_name(shared_station, changes, begins):
    _, emitter = shared_station
    command = payload(next(RUN_IDS)) | changes
    command = {key: value for key, value in command.items() if value is not ABSENT}
    ack = emitter.post(command)
    assert ack["state"] == "refused"
    assert ack["reason"].startswith(begins), ack["reason"]
    assert TOKEN not in ack["reason"]
    assert SECRET_ARGUMENT not in ack["reason"]
    assert_serves(shared_station)


@pytest.mark.parametrize(
    "nonsense", [None, 7, 1.5, True, "text", "", [], [1, 2], {}, [{"run_id": 1}], "x" * 100_000]
)
def test_what_is_no_command_at_all_is_refused(shared_station, nonsense):
    _, emitter = shared_station
    ack = emitter.post(nonsense)
    assert ack["state"] == "refused"
    assert "object" in ack["reason"] or "required" in ack["reason"]
    assert len(ack["reason"]) < 1000
    assert_serves(shared_station)


@pytest.mark.parametrize(
    "changes",
    [
        {"databases_to_use": ["\1" * 700_000]},
        {"databases_to_use": ["ü" * 400_000, "ö" * 400_000]},
        {"\1" * 700_000: 1},
        {"task_info": {"\1" * 700_000: "x"}},
        {"task_info": {"x" * 4_000_000: "x"}},
        {f"key {n}": n for n in range(200_000)},
        {"run_id": [[[1]]] * 1000},
    ],
    ids=lambda changes: str(changes)[:20],
)
def test_the_answer_to_something_huge_is_short(shared_station, changes):
    """An answer as large as the question would exceed the server's limit and cut the connection."""
    _, emitter = shared_station
    ack = emitter.post(payload(next(RUN_IDS)) | changes)
    assert ack["state"] == "refused"
    assert len(json.dumps(ack["reason"])) < 10_000
    assert_serves(shared_station)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "two\nlines",
        "\"double\" and 'single'",
        "$(date) `date` $HOME ${X}",
        "-x",
        "ü\t",
        "a" * 100_000,
    ],
    ids=lambda argument: argument[:12],
)
def test_odd_but_good_arguments_arrive_unchanged(shared_station, argument):
    station, emitter = shared_station
    run_id = next(RUN_IDS)
    assert emitter.post(payload(run_id, task_info={"arg1": argument}))["accepted"] is True
    container = station.job_arrives(run_id)["spec"]["template"]["spec"]["containers"][0]
    assert [text.replace("$$", "$") for text in container["args"]] == [argument]
    station.api.kubelet.ends(run_id)
    assert emitter.wait(run_id, 40)["status"] == "completed"


@pytest.mark.parametrize(
    "changes", [{"databases_to_use": []}, {"task_info": {}}, {"run_id": 2**63 - 1}]
)
def test_the_edges_of_what_is_good(shared_station, changes):
    station, emitter = shared_station
    command = payload(next(RUN_IDS)) | changes
    assert emitter.post(command)["accepted"] is True
    station.job_arrives(command["run_id"])
    station.api.kubelet.ends(command["run_id"])
    assert emitter.wait(command["run_id"], 40)["status"] == "completed"


def test_an_image_that_policies_do_not_allow_is_refused(station):
    station.server.start()
    config = station.write_config()
    station.write_config = lambda: config
    text = config.read_text() + "policies:\n  allowed_algorithms: [harbor.example/ok]\n"
    config.write_text(text)
    station.start_node()
    emitter = station.connect()
    ack = emitter.post(payload(7))
    assert (ack["state"], ack["reason"].split(":")[0]) == ("refused", "image")
    assert emitter.post(payload(7, image="harbor.example/ok:1"))["accepted"] is True


def test_a_command_that_cannot_be_written_is_refused(station, emitter):
    """A file has the name of the run's folder: the researcher is told, the node goes on."""
    (station.task_dir / "7").write_text("in the way")
    ack = emitter.post(payload(7))
    assert ack["state"] == "refused"
    assert_serves((station, emitter))


def assert_serves(shared_station):
    """Assert that the node still takes a valid run and delivers its result."""
    station, emitter = shared_station
    run_id = next(RUN_IDS)
    assert emitter.post(payload(run_id))["accepted"] is True
    station.job_arrives(run_id)
    station.api.kubelet.ends(run_id)
    assert emitter.wait(run_id, 40)["status"] == "completed"
