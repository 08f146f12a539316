"""What doctor says about claims."""

import pytest

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.storage import look_at_claims, of_claim
from tests.fakes.examples import config
from tests.unit.commands.doctor.api_answers import Answers

SPACE = "/api/v1/namespaces/v6-jobs/persistentvolumeclaims"


def claim(phase="Bound", modes=("ReadWriteMany",), name="tasks"):
    return {
        "metadata": {"name": name},
        "spec": {"storageClassName": "shared", "accessModes": list(modes)},
        "status": {"phase": phase, "accessModes": list(modes)} if phase else {},
    }


def with_claims():
    made = config()
    update = {"mode": "pvc", "claim": "tasks", "databases_claim": "data"}
    storage = made.kubernetes.storage.model_copy(update=update)
    settings = made.kubernetes.model_copy(update={"storage": storage})
    return made.model_copy(update={"kubernetes": settings})


@pytest.mark.parametrize(
    ("found", "level", "told"),
    [
        (claim(), Level.OK, "bound (ReadWriteMany, StorageClass shared)"),
        (claim(modes=["ReadWriteOnce"]), Level.WARNING, "single machine"),
        (claim(modes=["ReadWriteOnce", "ReadWriteMany"]), Level.OK, "bound"),
        (claim(modes=["ReadWriteOncePod"]), Level.FAILURE, "single pod"),
        (claim(modes=["ReadOnlyMany"]), Level.FAILURE, "read-only"),
        (claim("Pending"), Level.WARNING, "no volume yet"),
        (claim(None), Level.WARNING, "no volume yet"),
        (claim("Lost"), Level.FAILURE, "lost"),
    ],
)
def test_a_claim_is_judged_by_phase_and_access(found, level, told):
    line = of_claim("claim", found)
    assert line.level is level
    assert told in line.found
    assert bool(line.remedy) == (level is not Level.OK)


def test_databases_may_be_read_only():
    assert of_claim("databases_claim", claim(modes=["ReadOnlyMany"])).level is Level.OK


def test_a_missing_claim_is_named_with_its_key():
    api = Answers({f"{SPACE}/tasks": claim()})
    good, bad = look_at_claims(with_claims(), api)
    assert (good.level, bad.level) == (Level.OK, Level.FAILURE)
    assert "kubernetes.storage.databases_claim: the claim data is missing" in bad.found


def test_folders_of_the_machine_need_no_claim():
    assert not list(look_at_claims(config(), Answers({})))
