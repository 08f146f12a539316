"""What doctor says about the namespace: Pod Security and meshes."""

import pytest

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.namespace import look_at_namespace, of_mesh, of_pod_security
from node_poc.manifests.namespace import ENFORCE
from tests.fakes.examples import config
from tests.unit.commands.doctor.api_answers import Answers


def with_claims():
    made = config()
    storage = made.kubernetes.storage.model_copy(update={"mode": "pvc", "claim": "tasks"})
    settings = made.kubernetes.model_copy(update={"storage": storage})
    return made.model_copy(update={"kubernetes": settings})


@pytest.mark.parametrize(
    ("made", "enforced", "level", "told"),
    [
        (config(), "privileged", Level.OK, "enforces Pod Security privileged"),
        (config(), None, Level.OK, "enforces Pod Security privileged"),
        (config(), "baseline", Level.FAILURE, "refuses the node's pods"),
        (config(), "strict", Level.FAILURE, "no level"),
        (with_claims(), "restricted", Level.OK, "enforces Pod Security restricted"),
        (with_claims(), "baseline", Level.WARNING, "allow restricted"),
        (with_claims(), None, Level.WARNING, "allow restricted"),
    ],
)
def test_the_level_must_admit_the_pods_and_should_admit_no_more(made, enforced, level, told):
    line = of_pod_security(made, {} if enforced is None else {ENFORCE: enforced})
    assert line.level is level
    assert told in line.found
    assert bool(line.remedy) == (level is not Level.OK)


def test_a_weaker_level_that_the_file_names_is_no_finding():
    made = with_claims()
    settings = made.kubernetes.model_copy(update={"pod_security": "privileged"})
    made = made.model_copy(update={"kubernetes": settings})
    assert of_pod_security(made, {ENFORCE: "privileged"}).level is Level.OK
    assert of_pod_security(made, {ENFORCE: "baseline"}).level is Level.WARNING


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ({"labels": {"istio-injection": "enabled"}}, "istio-injection"),
        ({"labels": {"istio.io/rev": "canary"}}, "istio.io/rev"),
        ({"labels": {"istio.io/dataplane-mode": "ambient"}}, "istio.io/dataplane-mode"),
        ({"annotations": {"linkerd.io/inject": "enabled"}}, "linkerd.io/inject"),
    ],
)
def test_a_mesh_is_told(metadata, key):
    (line,) = of_mesh(metadata)
    assert line.level is Level.WARNING
    assert key in line.found
    assert key in line.remedy


@pytest.mark.parametrize(
    "metadata",
    [{}, {"labels": {"istio-injection": "disabled"}}, {"annotations": {"linkerd.io/inject": "no"}}],
)
def test_a_namespace_without_a_mesh_has_no_line(metadata):
    assert not list(of_mesh(metadata))


def test_the_namespace_is_read_once():
    api = Answers({"/api/v1/namespaces/v6-jobs": {"metadata": {"labels": {ENFORCE: "privileged"}}}})
    (line,) = look_at_namespace(config(), api)
    assert line.level is Level.OK
    assert len(api.asked) == 1
