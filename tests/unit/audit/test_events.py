"""The facts of runs in the audit trail: who asked for what, and never an input or a secret."""

import json

from node_poc.audit.events import asked, wanted
from node_poc.runs.model import Mount, MountSource, RunFile, RunSpec

SECRET = "a-secret-of-the-task"
SPEC = RunSpec(
    run_id=7,
    image="registry.example/a@sha256:" + "1" * 64,
    arguments=(SECRET,),
    environment=(("INPUT", SECRET),),
    files=(RunFile.of("input", SECRET.encode()), RunFile.of("token", SECRET.encode())),
    mounts=(Mount(MountSource.DATABASE, "patients", "/mnt/patients.csv"),),
    origin=(
        ("task_id", "3"),
        ("parent_id", ""),
        ("init_org_id", "5"),
        ("init_user_id", "9"),
        ("method", "partial_average"),
        ("server", "https://v6.example"),
        ("job_id", "4"),
    ),
)


def test_a_taken_run_names_its_requester_and_all_that_it_uses():
    assert {name: value for name, value in wanted(SPEC, "5").items() if value is not None} == {
        "run": 7,
        "image": SPEC.image,
        "image_digest": "sha256:" + "1" * 64,
        "task": 3,
        "organization": 5,
        "user": 9,
        "method": "partial_average",
        "server": "https://v6.example",
        "databases": ["patients"],
    }


def test_no_secret_of_a_run_is_among_the_facts():
    assert SECRET not in json.dumps(wanted(SPEC, "5"))


def test_a_server_without_organizations_names_the_poster():
    facts = asked(None, "", {}, "anna")
    assert facts["asked_by"] == "anna"
    assert facts["image"] is None
