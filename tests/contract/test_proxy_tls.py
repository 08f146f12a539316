"""A server behind TLS: the proxy checks the certificate before it sends anything."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.fakes.proxy import API, proxy
from tests.fakes.upstream import Answer, Upstream

TASK = {"organizations": [{"id": 1, "input": "e30="}]}


def certificate(folder, address):
    """Return a self-signed certificate, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server of a test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


def upstream_with(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Upstream(context)


def test_a_server_with_a_trusted_certificate_is_served(tmp_path, monkeypatch):
    path = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with proxy(upstream=upstream_with(path)) as running:
        running.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)
        for _ in range(3):
            assert running.serves()
            assert running.post("/task", json=TASK).status_code == 201
        assert len(running.upstream.seen_at(f"{API}/task")) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_only_questions_take_a_connection_that_was_kept(tmp_path, monkeypatch, method):
    """A kept connection may be dead, and then nobody can tell whether the server took the request.

    The proxy keeps connections only with TLS, so this test needs TLS.
    """
    path = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with proxy(upstream=upstream_with(path)) as running:
        for _ in range(3):
            assert running.serves()
            running.request(method, "/some/thing", json={})
        questions, others = connections(running, "/version"), connections(running, "/some/thing")
    assert len(questions) == 3
    assert len(set(questions)) == 1  # the control: there was a kept connection
    assert len(set(others)) == 3
    assert not set(others) & set(questions)


def connections(running, path):
    return [seen.connection for seen in running.upstream.seen_at(API + path)]


@pytest.mark.parametrize("case", ["unknown", "of another address"])
def test_a_server_that_cannot_prove_itself_gets_nothing(tmp_path, monkeypatch, case):
    path = certificate(tmp_path, "127.0.0.1" if case == "unknown" else "127.0.0.2")
    if case != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with proxy(upstream=upstream_with(path)) as running:
        for got in (running.get("/version"), running.post("/task", json=TASK)):
            assert got.status_code == 502
            assert "cannot be reached" in got.json()["msg"]
        assert running.upstream.seen == []
