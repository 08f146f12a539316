"""Which requests the proxy may carry out: only plain paths of the server's API."""

import string
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.targets import METHODS, Kind, is_for_everybody, read_target

BASE = "https://server.example:443/api"
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"


@pytest.mark.parametrize(
    ("method", "raw", "kind"),
    [
        ("GET", "/organization/1", Kind.FORWARD),
        ("GET", "/organization?collaboration_id=1", Kind.FORWARD),
        ("GET", "/collaboration/1", Kind.FORWARD),
        ("GET", "/study", Kind.FORWARD),
        ("GET", "/task/1/status", Kind.TASKS),
        ("GET", "/run?task_id=1&page=2", Kind.FORWARD),
        ("GET", "/vpn/algorithm/addresses?filter_children=True&label=a%20b", Kind.FORWARD),
        ("PATCH", "/run/1", Kind.FORWARD),
        ("PUT", "/anything", Kind.FORWARD),
        ("DELETE", "/port", Kind.FORWARD),
        ("GET", "/task", Kind.TASKS),
        ("GET", "/task/1?include=results", Kind.TASKS),
        ("DELETE", "/task/1", Kind.FORWARD),
        ("POST", "/task", Kind.CREATE_TASK),
        ("GET", "/result?task_id=1&page=1", Kind.RESULTS),
        ("GET", "/result?page=1&task_id=1", Kind.RESULTS),
        ("GET", "/result/12", Kind.RESULT),
        ("GET", "/blobstream/status", Kind.FORWARD),
        ("GET", f"/blobstream/{UUID}", Kind.READ_BLOB),
        ("POST", "/blobstream", Kind.WRITE_BLOB),
    ],
)
def test_each_route_is_known(method, raw, kind):
    target = read_target(method, raw)
    assert target.kind is kind
    assert target.path_and_query == raw


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "/",
        "*",
        "task/1",
        "//evil.example/x",
        "///x",
        "/task//1",
        "/task/",
        "http://evil.example/x",
        "https://evil.example/",
        "evil.example:443",
        "/../secret",
        "/task/..",
        "/task/../../secret",
        "/./task",
        "/task/.hidden",
        "/task/1..",
        "/task/a..b",
        "/..;/secret",
        "/%2e%2e/secret",
        "/task%2f..%2f..%2fsecret",
        "/task/%2e%2e%2f",
        "/task%00",
        "/task\\..\\secret",
        "/task;x=1",
        "/@evil.example",
        "/task#fragment",
        "/task?a=1#fragment",
        "/task?a=%zz",
        "/task?a=\x00",
        "/task?a=b\r\nHost: evil",
        "/task\n",
        "/tâsk",
        "/http://evil.example/",
        "/a:80@evil/x",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw):
    with pytest.raises(RequestRefusedError) as refused:
        read_target("GET", raw)
    assert refused.value.status == 400


def test_other_methods_are_refused():
    for method in ("CONNECT", "TRACE", "OPTIONS", "HEAD", "get", "PROPFIND", ""):
        with pytest.raises(RequestRefusedError) as refused:
            read_target(method, "/task/1")
        assert refused.value.status == 405


@pytest.mark.parametrize("raw", ["/token/user", "/token/node", "/Token/refresh", "/recover/lost"])
def test_nobody_logs_in_through_the_proxy(raw):
    with pytest.raises(RequestRefusedError) as refused:
        read_target("POST", raw)
    assert refused.value.status == 403


def test_the_socket_is_no_part_of_the_api():
    with pytest.raises(RequestRefusedError) as refused:
        read_target("GET", "/socket.io?EIO=4&transport=polling")
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?page=1",
        "?task_id=",
        "?task_id=x",
        "?task_id=-1",
        "?task_id=%D9%A1",
        "?task_id=1e3",
        "?not_task_id=1",
        "?job_id=3",
        "?task_id=3&task_id=99",
        "?task%5Fid=99&task_id=3",
        "?task_id=3&task_i%64=99",
        "?task_id=" + "9" * 19,
    ],
)
def test_results_without_their_one_task_are_refused(query):
    with pytest.raises(RequestRefusedError, match="task_id") as refused:
        read_target("GET", f"/result{query}")
    assert refused.value.status == 400


def test_the_query_is_read_as_the_server_reads_it():
    target = read_target("GET", "/task?incl%75de=runs,results&include=a+b&page=1")
    assert target.values("include") == ["runs,results", "a b"]
    assert read_target("GET", "/result?page=2&task%5Fid=%37").task_id() == 7


def test_a_query_of_too_many_fields_is_refused():
    with pytest.raises(RequestRefusedError, match="more than 100 fields") as refused:
        read_target("GET", "/result?task_id=1" + "&a" * 100)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("method", "raw", "expected"),
    [
        ("GET", "/version", True),
        ("GET", "/health", True),
        ("POST", "/version", False),
        ("GET", "/version?x=1", False),
        ("GET", "/version/", False),
        ("GET", "/versions", False),
        ("GET", "/Version", False),
        ("GET", "//version", False),
        ("GET", "/task", False),
        ("GET", "/blobstream/status", False),
    ],
)
def test_two_paths_are_for_everybody(method, raw, expected):
    assert is_for_everybody(method, raw) is expected


def test_a_target_without_end_is_refused():
    with pytest.raises(RequestRefusedError) as refused:
        read_target("GET", "/a" * 5000)
    assert refused.value.status == 414


tricky = st.text(alphabet="/.%2eEfF5cC:@\\;?#&= \t\r\n\0ahtp[]é" + string.digits, max_size=40)


@given(st.sampled_from(METHODS), tricky | st.text(max_size=30).map(lambda text: "/" + text))
@example("GET", "/a//..//b")
def test_whatever_passes_stays_below_the_servers_api(method, raw):
    try:
        target = read_target(method, raw)
    except RequestRefusedError:
        return
    for url in (
        str(URL(BASE + target.path_and_query, encoded=True)),
        str(URL(BASE + target.path_and_query)),
        urljoin(BASE, BASE + target.path_and_query),
    ):
        parts = urlsplit(url)
        assert parts.scheme == "https"
        assert parts.hostname == "server.example"
        assert parts.path.startswith("/api/")
        assert ".." not in parts.path
