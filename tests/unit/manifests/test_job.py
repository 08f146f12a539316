import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import V1Job

from node_poc.config.sections import DeviceRequests
from node_poc.manifests.job import build_job, escape_references
from tests.fakes.examples import config, spec

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
FULL = {
    "storage": {
        "mode": "pvc",
        "claim": "tasks-claim",
        "databases_claim": "data-claim",
        "databases_root": "/data",
        "access_mode": "ReadWriteOnce",
    },
    "limits": {"run_seconds": 3600},
    "image_pull_secrets": ["registry-key"],
    "security": {"run_as_user": None, "read_only_root_filesystem": False},
}
PROTECTED = {
    "user_namespaces": "on",
    "strict_groups": "on",
    "recursive_read_only": "on",
    "runtime_classes": [{"images": "localhost:5001/", "runtime_class": "gvisor"}],
}
PLACED = {
    "node_selector": {"example.org/data": "true"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"key": "example.org/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "priority_class": "research",
    "labels": {"example.org/team": "genetics"},
    "annotations": {"example.org/note": "a note"},
}
CASES = {
    "job_host_path": lambda: build_job(spec(), config(), "10.96.0.77", 10001),
    "job_gated": lambda: build_job(spec(), config(), "10.96.0.77", 10001, is_gated=True),
    "job_protected": lambda: build_job(spec(), config(pods=PROTECTED), "10.96.0.77", 10001),
    "job_placed": lambda: build_job(
        spec(), config(placement={"algorithms": PLACED}), "10.96.0.77", 10001
    ),
    "job_volume_claims": lambda: build_job(
        spec(environment=(("NAME", "value $(X)"),)), config(**FULL), None, 10001
    ),
    "job_as_little_as_possible": lambda: build_job(
        spec(arguments=(), files=(), mounts=()), config(), None, 0
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_job_is_as_it_was(name, request):
    """``pytest --update-golden`` writes the files; people review the diff."""
    made = CASES[name]()
    path = GOLDEN / f"{name}.json"
    if request.config.getoption("--update-golden"):
        path.write_text(json.dumps(made, indent=2) + "\n")
    assert made == json.loads(path.read_text())


@pytest.mark.parametrize("name", CASES)
def test_kubernetes_knows_every_field(name):
    V1Job.model_validate(json.loads(json.dumps(CASES[name]())))


def pod_of(made):
    return made["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", CASES)
def test_no_algorithm_gets_more_than_it_needs(name):
    pod = pod_of(CASES[name]())
    container = pod["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["restartPolicy"] == "Never"
    assert pod["dnsPolicy"] == "None"
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(pod)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory", "ephemeral-storage"} == set(container["resources"]["limits"])


@pytest.mark.parametrize("name", CASES)
def test_an_algorithm_never_runs_twice(name):
    assert CASES[name]()["spec"]["backoffLimit"] == 0


def test_a_pod_has_the_labels_of_its_job():
    made = CASES["job_host_path"]()
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert made["metadata"]["labels"].items() <= labels.items()


@pytest.mark.parametrize("name", CASES)
def test_a_pod_is_in_no_mesh(name):
    metadata = CASES[name]()["spec"]["template"]["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["labels"]["istio.io/dataplane-mode"] == "none"
    assert metadata["annotations"]["linkerd.io/inject"] == "disabled"


@pytest.mark.parametrize(("user", "non_root"), [(10001, True), (0, False)])
def test_who_an_algorithm_runs_as(user, non_root):
    made = build_job(spec(), config(security={"run_as_user": user}), None, 7)
    context = pod_of(made)["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (user, non_root)


def variables(made):
    return {each["name"]: each.get("value") for each in pod_of(made)["containers"][0]["env"]}


@pytest.mark.parametrize("name", CASES)
def test_what_kubernetes_adds_is_emptied(name):
    found = variables(CASES[name]())
    added = {key for key in found if key.startswith("KUBERNETES_")}
    assert len(added) == 8
    assert {found[key] for key in added} == {""}
    assert pod_of(CASES[name]())["hostname"] == "algorithm"


def test_a_variable_of_the_run_comes_before_an_emptied_one():
    made = build_job(spec(environment=(("KUBERNETES_PORT", "7"),)), config(), None, 7)
    assert variables(made)["KUBERNETES_PORT"] == "7"
    names = [each["name"] for each in pod_of(made)["containers"][0]["env"]]
    assert len(names) == len(set(names))


HOME_AND_NAME = {"HOME": "/tmp", "USER": "algorithm", "LOGNAME": "algorithm"}


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("user", "given"), [(10001, HOME_AND_NAME), (7, HOME_AND_NAME), (0, {}), (None, {})]
)
def test_a_user_whom_the_image_does_not_know_has_a_home_and_a_name(user, given, read_only):
    security = {"run_as_user": user, "read_only_root_filesystem": read_only}
    found = variables(build_job(spec(), config(security=security), None, 7))
    assert {name: found[name] for name in HOME_AND_NAME if name in found} == given


def test_the_home_can_be_written_to():
    pod = pod_of(CASES["job_host_path"]())
    (container,) = pod["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["mountPath"] == HOME_AND_NAME["HOME"]]
    assert mount["readOnly"] is False
    (volume,) = [v for v in pod["volumes"] if v["name"] == mount["name"]]
    assert "emptyDir" in volume


def test_the_site_may_name_another_home():
    made = build_job(spec(secrets=(("HOME", "a-key"),)), config(), None, 7)
    (found,) = [e for e in pod_of(made)["containers"][0]["env"] if e["name"] == "HOME"]
    assert found["valueFrom"]["secretKeyRef"]["key"] == "a-key"


def test_a_secret_variable_names_its_key():
    made = build_job(spec(secrets=(("NAME", "a-key"),)), config(), None, 7)
    (found,) = [e for e in pod_of(made)["containers"][0]["env"] if e["name"] == "NAME"]
    reference = found["valueFrom"]["secretKeyRef"]
    assert reference["key"] == "a-key"
    assert reference["name"].endswith("-databases")


def test_names_that_a_run_may_reach():
    addresses = {"a.example": "192.0.2.1", "b.example": "192.0.2.1", "c.example": "192.0.2.2"}
    made = build_job(spec(services=("post",)), config(), "10.0.0.1", 7, addresses)
    assert pod_of(made)["hostAliases"] == [
        {"ip": "192.0.2.1", "hostnames": ["a.example", "b.example"]},
        {"ip": "192.0.2.2", "hostnames": ["c.example"]},
        {"ip": "10.0.0.1", "hostnames": ["v6proxy.v6proxy-subdomain.v6-jobs"]},
    ]
    assert "vantage6.ai/reaches-post" in made["metadata"]["labels"]


def test_gpus():
    settings = config(resources={"gpus": 2})
    wanted = settings.model_copy(update={"algorithm_device_requests": DeviceRequests(gpu=True)})
    limits = pod_of(build_job(spec(), wanted, None, 7))["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "2"


def test_a_secret_is_never_in_the_job():
    assert "a-secret-token" not in json.dumps(CASES["job_host_path"]())


def expand(text):
    """Return the kubelet's expansion without known variables (third_party/forked/golang)."""
    return text.replace("$$", "$")


@given(st.text(alphabet="$()AB {}"))
def test_references_mean_themselves(text):
    assert expand(escape_references(text)) == text


@pytest.mark.parametrize("pull", [True, False])
def test_when_the_registry_is_asked(pull):
    data = config().model_dump() | {"policies": {"require_algorithm_pull": pull}}
    made = build_job(spec(), config().model_validate(data), None, 7)
    expected = "Always" if pull else "IfNotPresent"
    assert pod_of(made)["containers"][0]["imagePullPolicy"] == expected


def test_a_gate_has_neither_data_nor_secrets_and_no_right_beyond_the_algorithms():
    pod = pod_of(build_job(spec(), config(), "10.96.0.77", 10001, is_gated=True))
    (gate,), (algorithm,) = pod["initContainers"], pod["containers"]
    assert not gate.keys() & {"env", "envFrom", "volumeMounts"}
    assert gate["securityContext"] == algorithm["securityContext"]
    assert gate["image"] == config().kubernetes.node_image
    # The kubelet reserves the larger of both, so a gate takes no room.
    assert gate["resources"] == algorithm["resources"]


def test_the_image_has_the_gate_where_the_job_looks_for_it():
    (gate,) = pod_of(build_job(spec(), config(), None, 7, is_gated=True))["initContainers"]
    python, program = gate["command"][0], gate["command"][3]
    root = GOLDEN.parents[1]
    dockerfile = (root / "node_poc/Dockerfile").read_text()
    assert f'ENTRYPOINT ["{python}"' in dockerfile
    assert "COPY node_poc /app/node_poc" in dockerfile
    assert (root / program.removeprefix("/app/")).is_file()
