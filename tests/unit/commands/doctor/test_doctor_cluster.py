"""The findings of ``doctor`` about the cluster, by an API server that answers as told."""

from datetime import UTC, datetime, timedelta

import pytest

from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.commands.doctor import cluster as module
from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.rights import TOO_MUCH, Right, needed_rights, review
from node_poc.commands.render import rights_of
from tests.fakes.examples import config, vantage6_config

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
DENIED = ClusterError("POST /jobs", 403, "Forbidden", "a policy denies it")


@pytest.fixture
def in_pod(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


class Api:
    """Grants the given rights, and remembers the questions."""

    def __init__(self, granted=(), lease=None):
        self.granted, self.lease, self.asked = set(granted), lease, []

    def call(self, method, path, *, body=None):
        if method == "GET":
            if self.lease is None:
                raise NotFoundError(path, 404, "NotFound", "")
            return {"spec": self.lease}
        self.asked.append((path, body["spec"]))
        found = body["spec"]["resourceAttributes"]
        parts = [found["resource"], found["subresource"]]
        resource = "/".join(filter(None, parts))
        right = Right(found["verb"], found["group"], resource, found["name"])
        return {"status": {"allowed": right in self.granted}}

    def version(self):
        return "v1.34.2", 1000.0


class Objects:
    def __init__(self, *answers, address="192.0.2.9"):
        self.answers, self.jobs, self.address = list(answers), [], address

    def would_create_job(self, job):
        self.jobs.append(job)
        answer = self.answers.pop(0)
        if answer:
            raise answer

    def service_address(self, name):
        assert name.startswith("v6proxy") or name.endswith("-whitelist")
        return self.address


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("v1.34.2", Level.OK),
        ("v1.30.0+k3s1", Level.OK),
        ("v2.0.1", Level.OK),
        ("v1.29.9", Level.WARNING),
        ("", Level.WARNING),
        ("odd", Level.WARNING),
        ("v1.x", Level.WARNING),
    ],
)
def test_an_old_or_odd_version_is_a_warning(version, level):
    assert module.of_version(version).level is level


@pytest.mark.parametrize(
    ("skew", "level"), [(0.4, Level.OK), (-9, Level.OK), (11, Level.WARNING), (-90, Level.WARNING)]
)
def test_clocks_that_differ_are_a_warning(skew, level):
    assert module.of_clocks(skew).level is level


def test_version_and_clock_of_the_server(monkeypatch):
    monkeypatch.setattr(module.time, "time", lambda: 1100.0)
    version, clock = module.look_at_version(Api())
    assert (version.level, clock.level) == (Level.OK, Level.WARNING)
    assert "differ by 100 s" in clock.found


def test_each_right_of_the_role_is_asked_for(in_pod):
    needed = list(needed_rights(rights_of(config())))
    api = Api(needed)
    (line,) = module.look_at_rights(config(), api, needed, list(TOO_MUCH))
    assert str(line) == f"ok       the node's ServiceAccount has its {len(needed)} rights"
    assert Right("get", "", "pods/log") in needed
    assert Right("get", "", "services", "v6proxy") in needed
    assert {path for path, _ in api.asked} == {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    }


def test_a_right_that_is_missing_is_a_failure(in_pod):
    needed = [Right("create", "batch", "jobs"), Right("list", "", "events")]
    (line,) = module.look_at_rights(config(), Api(needed[1:]), needed, [])
    assert str(line).startswith("failure  the node's ServiceAccount may not create jobs; apply")


def test_a_right_too_many_is_a_warning(in_pod):
    api = Api([Right("get", "", "secrets")])
    _, line = module.look_at_rights(config(), api, [], list(TOO_MUCH))
    assert str(line).startswith("warning  the node's ServiceAccount may also get secrets; ")


@pytest.mark.parametrize(
    ("made", "account"), [(config(), "v6-node"), (vantage6_config(), "v6-node-af5e69e1-a724b32a")]
)
def test_an_administrator_asks_for_the_account_of_the_node(outside, made, account):
    api = Api()
    assert not review(api, made, Right("get", "", "secrets"))
    ((path, spec),) = api.asked
    assert path.endswith("/subjectaccessreviews")
    assert spec["user"] == f"system:serviceaccount:{made.kubernetes.namespace}:{account}"


@pytest.mark.parametrize(
    ("age", "level", "told"),
    [
        (5, Level.OK, "node v6-1 is at work"),
        (300, Level.WARNING, "has not renewed its Lease for 300 s"),
    ],
)
def test_a_lease_tells_of_the_node(age, level, told):
    renewed = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    spec = {"holderIdentity": "v6-1", "renewTime": renewed, "leaseDurationSeconds": 15}
    line = module.of_lease(spec, NOW)
    assert line.level is level
    assert told in line.found


@pytest.mark.parametrize("lease", [None, {}, {"holderIdentity": ""}])
def test_without_a_holder_no_node_is_at_work(lease):
    (line,) = module.look_at_lease(config(), Api(lease=lease))
    assert str(line).startswith("warning  no node of this name is at work; ")


@pytest.mark.parametrize(("address", "level"), [("192.0.2.9", Level.OK), (None, Level.FAILURE)])
def test_a_proxy_without_an_address_is_a_failure(address, level):
    (line,) = module.look_at_proxy(config(), Objects(address=address))
    assert line.level is level
    both = list(module.look_at_proxy(vantage6_config(), Objects(address=address)))
    assert [line.level for line in both] == [level, level]
    assert both[1].found.startswith("the forward proxy's Service ")


def test_a_policy_that_denies_the_forbidden_job_only_is_in_order(in_pod):
    objects = Objects(None, DENIED)
    assert [line.level for line in module.look_at_jobs(config(), objects)] == [Level.OK, Level.OK]
    own, forbidden = objects.jobs
    paths = [
        each.get("hostPath", {}).get("path")
        for each in forbidden["spec"]["template"]["spec"]["volumes"]
    ]
    assert "/" in paths
    # The policy for Jobs admits only names that are made of the node's and the run's labels.
    assert own["metadata"]["name"].endswith("-run-0")


def test_without_a_policy_doctor_warns_with_the_remedy(in_pod):
    _, line = module.look_at_jobs(config(), Objects(None, None))
    assert line.level is Level.WARNING
    assert "render job-policy" in line.remedy


def test_a_cluster_that_refuses_the_nodes_own_jobs_is_a_failure(in_pod):
    (line,) = module.look_at_jobs(config(), Objects(DENIED))
    assert str(line).startswith("failure  the cluster refuses the node's Jobs: a policy denies it;")


def test_outside_of_the_pod_the_policy_is_not_known(outside):
    _, line = module.look_at_jobs(config(), Objects(None))
    assert "is not known here" in line.found


def test_a_policy_that_cannot_be_asked_about_is_a_warning(in_pod):
    _, line = module.look_at_jobs(config(), Objects(None, ClusterError("POST", 503, "", "away")))
    assert line.level is Level.WARNING
