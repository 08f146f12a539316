"""Asking a registry over a real socket for the digest of a tag, whatever the registry answers."""

import http.server
import threading
import time

import pytest

from node_poc.config.sections import Registry as Login
from node_poc.registry import client
from node_poc.registry import tags as module
from node_poc.registry.client import site_of
from node_poc.registry.tags import Registries
from node_poc.runs.trusted_images import RegistryAwayError
from tests.fakes.registry import OWN, PASSWORD, USER, digest, manifest

ONE = "sha256:" + "1" * 64


def logins(registry, password=PASSWORD):
    return [Login(registry=f"http://{registry.host}", username=USER, password=password)]


def test_the_digest_of_a_tag(registry):
    assert Registries([]).digests_of(f"{registry.host}/group/name:1") == (digest(OWN),)


def test_a_name_without_a_tag_is_the_latest(registry):
    registry.manifests["group/name:latest"] = OWN
    assert Registries([]).digests_of(f"{registry.host}/group/name") == (digest(OWN),)


def test_platforms_stand_behind_the_images_own_digest(registry):
    body = registry.manifests["group/name:1"] = manifest("list", ONE, "sha256:junk", ONE[:-1])
    assert Registries([]).digests_of(f"{registry.host}/group/name:1") == (digest(body), ONE)


def test_a_name_with_its_digest_needs_no_registry():
    assert Registries([]).digests_of(f"127.0.0.1:1/a@{ONE}") == (ONE,)


@pytest.mark.parametrize("image", ["not a name", "A/B C"])
def test_what_is_no_name_is_no_image(image):
    assert Registries([]).digests_of(image) == ()


@pytest.mark.parametrize("wants", ["basic", "bearer"])
def test_a_login_of_the_site_is_used_only_where_it_is_wanted(registry, wants):
    registry.wants = wants
    image = f"{registry.host}/group/name:1"
    assert Registries(logins(registry)).digests_of(image) == (digest(OWN),)
    assert registry.asked[0][1] is None
    assert Registries(logins(registry, "wrong")).digests_of(image) == ()
    assert Registries([]).digests_of(image) == ()
    other = [Login(registry="other.example", username=USER, password=PASSWORD)]
    assert Registries(other).digests_of(image) == ()


def test_a_login_goes_to_no_token_service_without_tls_of_a_registry_with_tls():
    site = client.Site("https://registry.example", "Basic secret")
    with pytest.raises(RegistryAwayError, match="token service"):
        client._token(
            site, {"realm": "http://token.example/"}, "a", client._Deadline(client.Bounds())
        )


@pytest.mark.parametrize("token", ["", None, 5, "a b", "a\r\nX: y", ["a"]])
def test_a_token_that_is_none(registry, token):
    registry.wants, registry.token = "bearer", token
    with pytest.raises(RegistryAwayError):
        Registries(logins(registry)).digests_of(f"{registry.host}/group/name:1")


@pytest.mark.parametrize("trouble", [(500, b""), (429, b"{}"), (302, b""), (400, b"")])
def test_an_answer_that_means_nothing_is_a_registry_that_is_away(registry, trouble):
    registry.trouble = trouble
    with pytest.raises(RegistryAwayError, match=f"HTTP {trouble[0]}"):
        Registries([]).digests_of(f"{registry.host}/group/name:1")


@pytest.mark.parametrize("tag", ["2", "missing"])
def test_an_image_that_is_not_there(registry, tag):
    assert Registries([]).digests_of(f"{registry.host}/group/name:{tag}") == ()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "registry.invalid"])
def test_a_registry_that_is_down(host):
    with pytest.raises(RegistryAwayError):
        Registries([]).digests_of(f"{host}/group/name:1")


def test_an_answer_has_a_size(registry, monkeypatch):
    monkeypatch.setattr(client, "_MOST_BYTES", 1000)
    registry.manifests["group/name:1"] = b"x" * 1001
    with pytest.raises(RegistryAwayError, match="more than 1000 bytes"):
        Registries([]).digests_of(f"{registry.host}/group/name:1")


class Dripping(http.server.BaseHTTPRequestHandler):
    """A registry with a response that never pauses and never ends."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * client._PIECE)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def test_an_answer_has_a_time(monkeypatch):
    monkeypatch.setattr(client, "_SECONDS", 0.1)
    monkeypatch.setattr(client, "_MOST_BYTES", 1 << 40)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with pytest.raises(RegistryAwayError, match="took longer"):
            Registries([]).digests_of(f"127.0.0.1:{server.server_port}/a:1")
    finally:
        server.shutdown()
        server.server_close()


def test_answers_are_remembered_for_a_moment(registry, monkeypatch):
    known, image = Registries([]), f"{registry.host}/group/name:1"
    registry.trouble = (500, b"")
    for _ in range(3):
        with pytest.raises(RegistryAwayError):
            known.digests_of(image)
    assert len(registry.asked) == 1
    registry.trouble = None
    later = time.monotonic() + 15
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert [known.digests_of(image) for _ in range(3)] == [(digest(OWN),)] * 3
    assert len(registry.asked) == 2


def test_what_is_remembered_has_a_limit(registry, monkeypatch):
    monkeypatch.setattr(module, "_MOST_KNOWN", 3)
    known = Registries([])
    for number in range(10):
        known.digests_of(f"{registry.host}/group/name:{number}")
    assert len(known._known) <= 3


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("registry.example", "https://registry.example"),
        ("registry.example:5000", "https://registry.example:5000"),
        ("localhost:5001", "http://localhost:5001"),
        ("127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("[::1]:5001", "http://[::1]:5001"),
        ("localhost.example", "https://localhost.example"),
        ("open.example:5000", "http://open.example:5000"),
    ],
)
def test_where_a_registry_answers(host, url):
    login = Login(registry="http://open.example:5000", username="a", password="b")
    assert site_of(host, [login]).url == url


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("registry.example", "registry.example"),
        ("https://Registry.example:443/v2/", "registry.example"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_whose_login_it_is(written, host):
    login = Login(registry=written, username="a", password="b")
    assert site_of(host, [login]).login is not None
    assert site_of("other.example", [login]).login is None
    assert "Basic" not in repr(site_of(host, [login]))
