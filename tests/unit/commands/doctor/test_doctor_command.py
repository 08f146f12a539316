"""Order, output and exit code of ``doctor``."""

import io
import json
from pathlib import Path

import pytest

from node_poc.cluster.connect import NoClusterError
from node_poc.cluster.errors import ClusterError
from node_poc.commands.doctor import command as module
from node_poc.commands.doctor.command import doctor
from node_poc.commands.doctor.lines import failure, ok, warning
from node_poc.config.findings import error
from node_poc.config.findings import warning as doubt
from tests.fakes.examples import config

LEASE = ok("lease")
REFUSED = ClusterError("GET /leases", 403, "Forbidden", "no")


class Api:
    def version(self):
        return "v1.34.2", None


def answering(answers):
    """Return a look that yields lines, or raises an error."""

    def look(*_):
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer

    return look


@pytest.fixture
def examine(monkeypatch):
    """Call ``doctor`` with these answers of its parts."""

    def call(*, findings=(), server=(["server: it"], []), lease=LEASE, around=(), **more):
        monkeypatch.setattr(module, "connect", lambda _context: Api())
        monkeypatch.setattr(module, "ClusterObjects", lambda *_: None)
        monkeypatch.setattr(module, "findings_of", lambda *_: list(findings))
        monkeypatch.setattr(module, "ask_server", lambda *_: server)
        monkeypatch.setattr(module.cluster, "look_at_rights", lambda *_: iter([ok("rights")]))
        monkeypatch.setattr(module.cluster, "look_at_lease", answering([lease]))
        monkeypatch.setattr(module.cluster, "look_at_proxy", lambda *_: iter([ok("proxy")]))
        monkeypatch.setattr(
            module.cluster, "look_at_jobs", lambda *_: iter([warning("jobs", "do")])
        )
        monkeypatch.setattr(module.audit_trail, "look_at_audit", lambda *_: iter([ok("audit")]))
        monkeypatch.setattr(module.images, "of_node", lambda *_: ok("the image of the node"))
        monkeypatch.setattr(module.images, "look_at_images", lambda _: iter([ok("images")]))
        monkeypatch.setattr(module.walls, "look_at_policies", lambda *_: iter([ok("policies")]))
        looks = {
            module.own_pods: "look_at_own_pods",
            module.namespace: "look_at_namespace",
            module.quotas: "look_at_quotas",
            module.storage: "look_at_storage",
            module.machines: "look_at_machines",
        }
        for number, (part, name) in enumerate(looks.items()):
            monkeypatch.setattr(part, name, answering(around[number : number + 1]))
        monkeypatch.setattr(module.protections, "try_protections", lambda *_: iter([]))
        monkeypatch.setattr(module.walls, "make_self_test", lambda *_: iter([ok("test")]))
        out = io.StringIO()
        code = doctor(config(), Path("x"), context=None, out=out, **{"health_port": 1, **more})
        return code, out.getvalue()

    return call


def test_each_part_has_its_lines_in_order(examine):
    code, text = examine()
    assert code == 0
    assert text.splitlines() == [
        "ok       the configuration: nothing to remark",
        "ok       server: it",
        "ok       the server: nothing to remark",
        "ok       the cluster has Kubernetes v1.34.2",
        "ok       rights",
        "ok       lease",
        "ok       proxy",
        "warning  jobs; do",
        "ok       audit",
        "ok       the image of the node",
        "ok       images",
        "ok       policies",
        "ok       test",
    ]


def test_findings_of_configuration_and_server_are_warnings_and_failures(examine):
    code, text = examine(findings=[doubt("http")], server=([], [error("api_key: wrong")]))
    assert code == 1
    assert text.startswith("warning  http\nfailure  api_key: wrong\n")


def test_a_question_that_the_cluster_refuses_is_a_failure_and_the_others_go_on(examine):
    code, text = examine(lease=REFUSED)
    assert code == 1
    assert "failure  GET /leases: 403 Forbidden: no; with the node's Role" in text
    assert text.endswith("ok       test\n")


def test_without_pods_no_test_is_made(examine):
    code, text = examine(health_port=None)
    assert code == 0
    assert text.endswith("ok       policies\n")


def test_json_is_one_list(examine):
    code, text = examine(as_json=True, lease=failure("lease", "start it"))
    assert code == 1
    lines = json.loads(text)
    assert {"level": "failure", "found": "lease", "remedy": "start it"} in lines
    assert len(lines) == 13


def test_what_the_rights_do_not_show_is_told_once(examine):
    hidden = ClusterError("GET /x", 403, "Forbidden", "no")
    away = ClusterError("GET /nodes", 500, "Internal", "away")
    code, text = examine(around=[ok("the node is ready"), hidden, hidden, ok("claims"), away])
    assert code == 1
    assert "ok       the node is ready" in text
    assert (
        "warning  not examined, because these rights do not show them: the namespace, quotas; run "
        "doctor outside the pod"
    ) in text
    assert "failure  GET /nodes: 500" in text


def fails(raised):
    def connect(_context):
        raise raised

    return connect


@pytest.mark.parametrize(
    "raised", [NoClusterError("no cluster: none"), ClusterError("GET /version", 0, "X", "away")]
)
def test_no_cluster_is_told(monkeypatch, capsys, raised):
    monkeypatch.setattr(module, "connect", fails(raised))
    assert doctor(config(), Path("x"), context=None, health_port=1, out=io.StringIO()) == 4
    assert capsys.readouterr().err == f"error: {raised}\n"
