"""Calls for objects: each method asks the API once, and leaves all retries to its caller."""

import json

import pytest

from node_poc.cluster.errors import ClusterError, error_of
from node_poc.cluster.objects import ClusterObjects


class FailingApi:
    """An API that fails each call with the same error."""

    def __init__(self, error):
        self.error, self.calls = error, 0

    def call(self, *_arguments, **_options):
        self.calls += 1
        raise self.error


CALLS = {
    "create_job": ({},),
    "would_create_job": ({},),
    "delete_job": ("x",),
    "patch_job": ("x", {}),
    "list_pods": ("a=b",),
    "list_jobs": ("a=b",),
    "list_events": ("Pod", "x"),
    "list_all_events": (),
    "create_event": ({},),
    "pod_uid": ("x",),
    "service_address": ("x",),
}


def test_every_method_is_tried_here():
    methods = {name for name in vars(ClusterObjects) if not name.startswith("_")}
    assert methods == CALLS.keys()


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        ClusterError("POST", 0, "ReadTimeoutError", "no answer"),
        error_of("POST", 503, "{}"),
        error_of("POST", 429, "{}", "1"),
        error_of("POST", 409, json.dumps({"reason": "Conflict"})),
        error_of("POST", 403, "{}"),
    ],
)
def test_a_failed_call_is_not_repeated_here(method, error):
    api = FailingApi(error)
    with pytest.raises(ClusterError) as raised:
        getattr(ClusterObjects(api, "v6-jobs"), method)(*CALLS[method])
    assert raised.value is error
    assert api.calls == 1


def test_a_job_that_exists_already_is_no_error():
    api = FailingApi(error_of("POST", 409, json.dumps({"reason": "AlreadyExists"})))
    assert ClusterObjects(api, "v6-jobs").create_job({}) is False
    assert api.calls == 1


@pytest.mark.parametrize("method", ["delete_job", "patch_job", "pod_uid", "service_address"])
def test_an_object_that_is_gone_is_no_error(method):
    api = FailingApi(error_of("GET", 404, "{}"))
    assert getattr(ClusterObjects(api, "v6-jobs"), method)(*CALLS[method]) is None
    assert api.calls == 1
