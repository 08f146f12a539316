"""Which protections the cluster has, with a cluster of plain objects."""

import threading
import time

import pytest

from node_poc.cluster import protections
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.log_lines import Piece, Position
from node_poc.cluster.protections import Protections, ProtectionTest
from node_poc.manifests.identity import LABEL_RUN
from tests.fakes.examples import config

REFUSED = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"


class Cluster:
    """Starts each pod at once, unless ``refuses`` names a field of the pod."""

    pods_path = "/pods"

    def __init__(self):
        self.jobs, self.deleted, self.refuses, self.drops = {}, [], "", ""
        self.error = None
        self.recursive = "Enabled"

    def would_create_job(self, job):
        if self.error:
            raise self.error
        pod = job["spec"]["template"]["spec"]
        kept = {key: value for key, value in pod.items() if key != self.drops}
        return {"spec": {"template": {"spec": kept}}}

    def create_job(self, job):
        self.jobs[job["metadata"]["name"]] = job

    def delete_job(self, name):
        self.deleted.append(name)

    def list_pods(self, selector):
        return [
            {
                "metadata": {"name": f"{name}-pod", "labels": job["metadata"]["labels"]},
                "spec": job["spec"]["template"]["spec"],
                "status": {"containerStatuses": [{"state": self._state(job)} | self._mounts(job)]},
            }
            for name, job in self.jobs.items()
            if job["metadata"]["labels"][LABEL_RUN] in selector
        ]

    def _mounts(self, job):
        mounts = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        told = {True: {"recursiveReadOnly": self.recursive}, False: {}}
        return {"volumeMounts": [mount | told[mount["readOnly"]] for mount in mounts]}

    def _state(self, job):
        return {} if self.refuses in job["spec"]["template"]["spec"] else {"running": {}}

    def list_all_events(self):
        return [
            {"involvedObject": {"name": "another"}, "message": "RuntimeClass x not found"},
            *(
                {"involvedObject": {"name": f"{name}-pod"}, "message": REFUSED}
                for name, job in self.jobs.items()
                if self._state(job) == {}
            ),
        ]


class Logs:
    def __init__(self, *_):
        pass

    def read(self, name, since):
        yield Piece(b'{"ipv6_addresses": []}\n', Position())


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setattr(protections, "ContainerLogs", Logs)
    monkeypatch.setattr(protections, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(protections, "_PATIENCE_SECONDS", 0.1)
    return Cluster()


def found_in(cluster, folders=None, **pods):
    make_folder = None if folders is None else folders.append
    return ProtectionTest(config(pods=pods), None, cluster, make_folder).run(threading.Event())


def test_a_protection_whose_pod_starts_is_there(cluster):
    folders = []
    assert found_in(cluster, folders) == {"user_namespaces": "", "strict_groups": ""}
    users, groups = (job["spec"]["template"]["spec"] for job in cluster.jobs.values())
    assert users["hostUsers"] is False
    assert "hostUsers" not in groups
    assert groups["securityContext"]["supplementalGroupsPolicy"] == "Strict"
    assert cluster.deleted == list(cluster.jobs)
    assert folders == ["protections"]


@pytest.mark.parametrize(("told", "shallow"), [("Enabled", False), ("Disabled", True)])
def test_the_kubelet_tells_whether_mounts_below_databases_are_read_only(cluster, told, shallow):
    cluster.recursive = told
    reason = ProtectionTest(config(), None, cluster, None).run_mounts(threading.Event())
    assert reason is not None
    assert ("recursive read-only" in reason) is shallow
    assert (reason == "") is not shallow
    (job,) = cluster.jobs.values()
    assert "hostUsers" not in job["spec"]["template"]["spec"]
    assert cluster.deleted == list(cluster.jobs)


def test_no_pod_tests_mounts_without_a_question(cluster):
    for pods in ("on", "off"):
        made = config(pods={"recursive_read_only": pods})
        assert ProtectionTest(made, None, cluster, None).run_mounts(threading.Event()) is None
    empty = config().model_copy(update={"databases": []})
    assert ProtectionTest(empty, None, cluster, None).run_mounts(threading.Event()) is None
    assert cluster.jobs == {}


def test_the_pods_mount_what_runs_mount(cluster):
    found_in(cluster, [], strict_groups="off")
    (job,) = cluster.jobs.values()
    mounts = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert mounts[0]["subPath"] == "tmp/protections"
    assert [m["mountPath"] for m in mounts if m["readOnly"]][1:] == [
        "/test/db/default",
        "/test/db/db1",
        "/test/db/pictures",
    ]
    found_in(cluster, None, strict_groups="off")
    *_, job = cluster.jobs.values()
    assert "tmp/protections" not in str(job)


def test_a_pod_that_the_runtime_refuses_tells_the_reason(cluster):
    cluster.refuses = "hostUsers"
    assert found_in(cluster) == {"user_namespaces": REFUSED, "strict_groups": ""}


def test_a_field_that_the_server_drops_starts_no_pod(cluster):
    cluster.drops = "hostUsers"
    found = found_in(cluster, strict_groups="off")
    assert found["user_namespaces"].startswith("the API server drops hostUsers")
    assert not cluster.jobs


def test_without_an_answer_the_protection_is_not_used(cluster):
    cluster.error = ClusterError("POST", 403, "Forbidden", "exceeded quota")
    assert found_in(cluster, strict_groups="on") == {
        "user_namespaces": "no pod could be made (status 403): exceeded quota"
    }


def test_a_protection_that_is_on_or_off_is_not_tested(cluster):
    assert found_in(cluster, user_namespaces="on", strict_groups="off") == {}


def test_a_protection_is_tried_with_each_runtime_class(cluster):
    """One container runtime may lack what another has."""
    rules = [{"images": image, "runtime_class": "sandbox"} for image in ("a", ".*")]
    cluster.refuses = "runtimeClassName"
    found = found_in(cluster, runtime_classes=rules, strict_groups="off")
    assert found == {"user_namespaces": "", "user_namespaces with sandbox": REFUSED}
    plain, sandboxed = (job["spec"]["template"]["spec"] for job in cluster.jobs.values())
    assert "runtimeClassName" not in plain
    assert sandboxed["runtimeClassName"] == "sandbox"
    assert plain["hostUsers"] is sandboxed["hostUsers"] is False


def test_each_runtime_class_is_tried_alone(cluster):
    rules = [{"images": image, "runtime_class": name} for image, name in (("a", "x"), ("b", "y"))]
    made = ProtectionTest(config(pods={"runtime_classes": rules}), None, cluster, None)
    assert made.run_classes(threading.Event()) == {"x": "", "y": ""}
    pods = [job["spec"]["template"]["spec"] for job in cluster.jobs.values()]
    assert [pod["runtimeClassName"] for pod in pods] == ["x", "y"]
    assert not [pod for pod in pods if "hostUsers" in pod]


class Note:
    def __init__(self, kept=None):
        self.kept = kept

    def read(self):
        return self.kept

    def write(self, found, tested_at):
        self.kept = found, tested_at


def pods_of(made, image="image"):
    pods = made.config_for(image).kubernetes.pods
    return pods.user_namespaces, pods.strict_groups


def test_a_protection_is_used_from_the_test_on():
    found = {"user_namespaces": "", "strict_groups": "too old"}
    answers, note = iter([found]), Note()
    made = Protections(config(), lambda ended: next(answers), note)
    assert pods_of(made) == ("off", "off")
    made.start()
    until = time.monotonic() + 60
    while pods_of(made) != ("on", "off"):
        assert time.monotonic() < until
        time.sleep(0.001)
    made.stop()
    assert note.kept[0] == found


@pytest.mark.parametrize(
    ("found", "age", "used"),
    [
        ({"user_namespaces": "", "strict_groups": ""}, 3600, ("on", "on")),
        ({"user_namespaces": "", "strict_groups": ""}, 3600 * 49, ("off", "off")),
        ({"user_namespaces": ""}, 3600, ("off", "off")),
    ],
)
def test_the_last_result_counts_after_a_restart(found, age, used):
    """Except that nobody knows any more after two days, or with another configuration."""
    made = Protections(config(), lambda ended: ended.wait(60), Note((found, time.time() - age)))
    made.start()
    assert pods_of(made) == used
    assert (made._pause() > 0) is (used == ("on", "on"))
    made.stop()


def test_without_tests_auto_is_off_and_on_stays_on():
    settings = config(pods={"strict_groups": "on"}, walls={"self_test_hours": None})
    made = Protections(settings, lambda _: pytest.fail("a test"), Note())
    made.start()
    made.stop()
    assert pods_of(made) == ("off", "on")


def test_an_image_has_the_protections_of_its_own_runtime():
    rules = [{"images": "strange/", "runtime_class": "sandbox"}]
    settings = config(pods={"runtime_classes": rules, "strict_groups": "off"})
    found = {"user_namespaces": "", "user_namespaces with sandbox": "not there"}
    made = Protections(settings, lambda ended: ended.wait(60), Note((found, time.time())))
    made.start()
    assert pods_of(made, "image") == ("on", "off")
    assert pods_of(made, "strange/image") == ("off", "off")
    made.stop()
