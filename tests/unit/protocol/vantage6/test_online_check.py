"""``check --online``: the requests to a server, and a remedy for each way to fail."""

import os
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from node_poc.cli import main
from node_poc.config.load import parse_config
from node_poc.crypto.keys import make_private_key, public_key_text
from node_poc.protocol.vantage6 import online_check
from node_poc.protocol.vantage6.online_check import ask_server
from node_poc.protocol.vantage6.rest import session
from tests.contract.test_proxy_tls import certificate

KEY = "95e0a1b2-0000-4000-8000-0123456789ab"
OWN = make_private_key()


@pytest.fixture
def good(server):
    """A server that knows this node as node 7."""
    node = {"id": 7, "name": "north", "collaboration": {"id": 3}, "organization": {"id": 2}}
    server.answers |= {
        "/api/version": (200, {"version": "4.15.2"}),
        "/api/node/7": (200, node),
        "/api/organization/2": (200, {"name": "hospital", "public_key": public_key_text(OWN)}),
        "/api/collaboration/3": (200, {"name": "study", "encrypted": False}),
    }
    return server


def text_for(port, encrypted=False, url="http://127.0.0.1", api_path="/api"):
    return (
        f"api_key: {KEY}\nserver_url: {url}\nport: {port}\napi_path: {api_path}\n"
        f"task_dir: /tasks\nencryption: {{enabled: {str(encrypted).lower()}}}\n"
    )


def asked(port, private_key=None, **changes):
    return ask_server(parse_config(text_for(port, **changes), {}), private_key)


def only_error(*arguments, **changes):
    _, (finding,) = asked(*arguments, **changes)
    assert finding.is_error
    assert KEY not in finding.text
    return finding.text


def test_a_server_that_agrees_is_told_by_its_names(good):
    told, findings = asked(good.server_port)
    assert findings == []
    assert "vantage6 4.15.2" in told[0]
    for name in ("'north'", "'hospital'", "'study'", "not encrypted"):
        assert name in told[1]


@pytest.mark.parametrize(("skew", "warned"), [(0.0, False), (-3600.0, True), (3600.0, True)])
def test_a_clock_that_differs_from_the_servers(good, monkeypatch, skew, warned):
    class Clock:
        def time(self):
            return time.time() + skew

    monkeypatch.setattr(online_check, "time", Clock())
    told, findings = asked(good.server_port)
    assert ["clock" in each.text and not each.is_error for each in findings] == [True] * warned
    assert ("agree" in told[-1]) is not warned


def test_it_changes_nothing_at_the_server(good):
    asked(good.server_port, OWN)
    assert {(method, path) for method, path, _, _ in good.asked if method != "GET"} == {
        ("POST", "/api/token/node")
    }


@pytest.mark.parametrize("encrypted", [False, True])
def test_encryption_that_differs(good, encrypted):
    good.answers["/api/collaboration/3"] = (200, {"name": "s", "encrypted": not encrypted})
    text = only_error(good.server_port, encrypted=encrypted)
    assert text.startswith("encryption.enabled: ")
    assert f"set it to {str(not encrypted).lower()}" in text


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (public_key_text(OWN), None),
        ("", "no public key"),
        (None, "no public key"),
        (public_key_text(make_private_key()), "another public key"),
    ],
)
def test_the_organizations_key(good, shown, told):
    good.answers["/api/collaboration/3"] = (200, {"name": "s", "encrypted": True})
    good.answers["/api/organization/2"] = (200, {"name": "hospital", "public_key": shown})
    _, findings = asked(good.server_port, OWN, encrypted=True)
    assert [each.is_error for each in findings] == ([] if told is None else [False])
    assert all(told in each.text for each in findings)


def test_a_key_that_the_server_refuses(good):
    good.answers["/api/token/node"] = (401, {"msg": "Api key is not recognized!"})
    text = only_error(good.server_port)
    assert text.startswith("api_key: the server does not take it")


def test_a_server_of_another_version(good):
    good.answers["/api/version"] = (200, {"version": "5.0.1"})
    assert "vantage6 5.0.1" in only_error(good.server_port)


@pytest.mark.parametrize(
    ("answer", "key", "part"),
    [
        ((404, b"<html>not found</html>"), "api_path", "/api for most servers"),
        ((404, {"msg": "not found"}), "api_path", "/api for most servers"),
        ((200, b"<html>hello</html>"), "api_path", "no vantage6 server"),
        ((200, {"data": 5}), "api_path", "no vantage6 server"),
        ((302, b""), "server_url", "redirects to http://127.0.0.1:9/elsewhere"),
        ((502, b"<html>bad gateway</html>"), "server_url", "down behind its gateway"),
    ],
)
def test_an_address_that_is_not_the_servers(good, answer, key, part):
    good.answers["/api/version"] = answer
    text = only_error(good.server_port)
    assert text.startswith(f"{key}: ")
    assert part in text


def test_a_server_that_fails_after_the_login(good):
    good.answers["/api/node/7"] = (500, {"msg": "broken"})
    assert "does not work (GET /api/node/7: HTTP 500 broken)" in only_error(good.server_port)


def test_a_name_without_an_address():
    text = only_error(1, url="http://server.invalid")
    assert text.startswith("server_url: no address is known of server.invalid")


def test_a_port_where_nothing_listens():
    assert only_error(1).startswith("server_url, port: nothing listens on port 1 of 127.0.0.1")


class Silent(BaseHTTPRequestHandler):
    ended = threading.Event()

    def do_GET(self):
        self.ended.wait(20)


def test_a_server_that_says_nothing(monkeypatch):
    monkeypatch.setattr(session, "_READ_SECONDS", 0.1)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    silent.daemon_threads = True
    threading.Thread(target=silent.serve_forever, args=(0.01,), daemon=True).start()
    try:
        assert "does not answer on port" in only_error(silent.server_port)
    finally:
        Silent.ended.set()
        silent.shutdown()
        silent.server_close()


def test_a_certificate_that_nobody_trusts(server, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "127.0.0.1"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    text = only_error(server.server_port, url="https://127.0.0.1")
    assert text.startswith("server_url: the certificate of https://127.0.0.1:")
    assert "is not trusted" in text


def test_an_authority_of_the_site_is_trusted_for_the_question_only(good, tmp_path, capsys):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = certificate(tmp_path, "127.0.0.1")
    context.load_cert_chain(pem)
    good.socket = context.wrap_socket(good.socket, server_side=True)
    path, before = tmp_path / "node.yaml", dict(os.environ)
    text = text_for(good.server_port, url="https://127.0.0.1")
    path.write_text(f"{text}kubernetes: {{ca_file: {pem.name}}}\n")
    assert main(["check", "--online", "--config", str(path)]) == 0
    assert "node 'north'" in capsys.readouterr().out
    assert dict(os.environ) == before


def test_certificates_that_the_pods_see_by_a_mount_are_trusted_where_they_lie(
    good, tmp_path, capsys, monkeypatch
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = certificate(tmp_path, "127.0.0.1")
    context.load_cert_chain(pem)
    good.socket = context.wrap_socket(good.socket, server_side=True)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    path, before = tmp_path / "node.yaml", dict(os.environ)
    text = text_for(good.server_port, url="https://127.0.0.1")
    path.write_text(
        f"{text}node_extra_env: {{REQUESTS_CA_BUNDLE: /certs/{pem.name}}}\n"
        f"node_extra_mounts: ['{tmp_path}:/certs:ro']\n"
    )
    assert main(["check", "--online", "--elsewhere", "--config", str(path)]) == 0
    assert "node 'north'" in capsys.readouterr().out
    assert dict(os.environ) == before


def test_the_outer_proxy_of_the_node_is_used(good, tmp_path, capsys):
    path, before = tmp_path / "node.yaml", dict(os.environ)
    text = text_for(80, url="http://server.invalid")
    path.write_text(f"{text}node_extra_env: {{http_proxy: '{good.address}'}}\n")
    main(["check", "--online", "--config", str(path)])
    asked = [path for _, path, _, _ in good.asked]
    assert asked[0].startswith("http://server.invalid:80/api/version")
    assert dict(os.environ) == before


def test_tls_to_a_server_without(server):
    text = only_error(server.server_port, url="https://127.0.0.1")
    assert "does not speak TLS" in text


def test_the_command_asks_only_when_it_is_told_to(good, tmp_path, capsys):
    path = tmp_path / "node.yaml"
    path.write_text(text_for(good.server_port))
    assert main(["check", "--config", str(path)]) == 0
    assert good.asked == []
    assert main(["check", "--online", "--config", str(path)]) == 0
    assert "node 'north' of organization 'hospital'" in capsys.readouterr().out
    good.answers["/api/token/node"] = (401, {"msg": "no"})
    assert main(["check", "--online", "--config", str(path)]) == 2
    printed = capsys.readouterr()
    assert "error: api_key: " in printed.err
    assert KEY not in printed.out + printed.err


def test_the_dummy_server_is_not_asked(tmp_path, capsys):
    path = tmp_path / "node.yaml"
    path.write_text("server_url: http://127.0.0.1\nport: 1\ntask_dir: /tasks\n")
    assert main(["check", "--online", "--config", str(path)]) == 0
    assert "--online is for a vantage6 server" in capsys.readouterr().out
