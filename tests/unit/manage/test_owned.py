"""The part of an object that the command has applied, from the API server's books."""

from node_poc.manage.owned import (
    LAST_APPLIED,
    applied_part,
    of_kubectl_for,
    other_appliers,
    without_bookkeeping,
)

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "node",
        "namespace": "v6-a",
        "uid": "u",
        "resourceVersion": "12",
        "labels": {"ours": "1", "theirs": "2"},
        "managedFields": [
            {"manager": "v6-node", "operation": "Update", "fieldsV1": {"f:spec": {}}},
            {
                "manager": "v6-node",
                "operation": "Apply",
                "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:ours": {}}},
                    "f:spec": {
                        "f:template": {
                            "f:spec": {
                                "f:containers": {
                                    'k:{"name":"node"}': {
                                        ".": {},
                                        "f:name": {},
                                        "f:image": {},
                                        "f:args": {},
                                        "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}}},
                                    }
                                }
                            }
                        }
                    },
                },
            },
        ],
    },
    "spec": {
        "replicas": 0,
        "template": {
            "spec": {
                "restartPolicy": "Always",
                "containers": [
                    {"name": "sidecar", "image": "other"},
                    {
                        "name": "node",
                        "image": "x",
                        "args": ["run"],
                        "env": [{"name": "A", "value": "not ours"}, {"name": "B"}],
                        "terminationMessagePath": "/dev/termination-log",
                    },
                ],
            }
        },
    },
    "status": {"replicas": 0},
}


def test_only_the_applied_fields_are_left():
    assert applied_part(DEPLOYMENT, "v6-node") == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "node", "namespace": "v6-a", "labels": {"ours": "1"}},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "node", "image": "x", "args": ["run"], "env": [{"name": "A"}]}
                    ]
                }
            }
        },
    }


def test_a_set_of_values_keeps_these_values():
    role = {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {
            "name": "x",
            "managedFields": [
                {
                    "manager": "v6-node",
                    "operation": "Apply",
                    "fieldsV1": {"f:finalizers": {'v:"a"': {}}},
                }
            ],
        },
        "finalizers": ["a", "b"],
    }
    assert applied_part(role, "v6-node")["finalizers"] == ["a"]


def test_what_the_manager_never_applied_has_no_part():
    assert applied_part(DEPLOYMENT, "helm") is None


def test_bookkeeping_of_the_api_server_is_left_out():
    kept = without_bookkeeping(DEPLOYMENT)
    assert kept["metadata"] == {
        "name": "node",
        "namespace": "v6-a",
        "labels": {"ours": "1", "theirs": "2"},
    }
    assert "status" not in kept


def entry(manager, operation, fields, **more):
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def with_entries(*entries):
    return {"metadata": {"name": "x", "resourceVersion": "3", "managedFields": list(entries)}}


def test_the_fields_of_kubectl_become_the_commands_own():
    scale = entry("kubectl", "Update", {"f:spec": {}}, subresource="scale")
    ours = entry("v6-node", "Apply", {"f:data": {"f:a": {}}})
    theirs = entry("kubectl-client-side-apply", "Update", {"f:data": {".": {}, "f:b": {}}})
    patch = of_kubectl_for("v6-node", with_entries(scale, ours, theirs))["metadata"]
    merged = entry("v6-node", "Apply", {"f:data": {".": {}, "f:a": {}, "f:b": {}}})
    assert patch["managedFields"] == [scale, merged]
    assert patch["resourceVersion"] == "3"
    assert patch["annotations"] == {LAST_APPLIED: None}


def test_objects_that_kubectl_did_not_apply_need_no_patch():
    assert of_kubectl_for("v6-node", {"metadata": {"name": "x"}}) is None
    ours = entry("v6-node", "Apply", {"f:data": {}})
    edited = entry("kubectl-edit", "Update", {"f:data": {}})
    assert of_kubectl_for("v6-node", with_entries(ours, edited)) is None
    server_side = entry("kubectl", "Apply", {"f:data": {}})
    assert of_kubectl_for("v6-node", with_entries(server_side)) is not None


def test_other_programs_that_apply_are_named():
    found = with_entries(
        entry("v6-node", "Apply", {}),
        entry("helm", "Apply", {}),
        entry("kubectl", "Apply", {}),
        entry("kube-controller-manager", "Update", {}),
    )
    assert other_appliers("v6-node", found) == ["helm"]
