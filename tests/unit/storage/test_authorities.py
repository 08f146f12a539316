"""A single file of certificates for all clients: the default authorities and the site's own."""

import ssl
from pathlib import Path

import pytest

from node_poc.cli import main
from node_poc.storage.authorities import TrustError, trust_the_sites_authorities
from tests.fakes.examples import config
from tests.fakes.way_to_server import make_authority

ALL = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE")


@pytest.fixture
def authority(tmp_path):
    return make_authority(tmp_path)


def subjects(path):
    """Return the common names of all authorities in a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return {
        value
        for found in context.get_ca_certs()
        for part in found["subject"]
        for key, value in part
        if key == "commonName"
    }


def trusted(environment, folder=Path(), **kubernetes):
    """Return the authorities that all clients trust afterwards."""
    trust_the_sites_authorities(config(**kubernetes), folder, environment)
    (path,) = {environment[name] for name in ALL}
    return subjects(path)


def test_nothing_changes_where_nothing_is_named(tmp_path):
    environment = {"TZ": "UTC"}
    trust_the_sites_authorities(config(), tmp_path, environment)
    assert environment == {"TZ": "UTC"}


def test_the_setting_adds_to_the_usual_authorities(authority, tmp_path):
    found = trusted({}, tmp_path, ca_file="authority.pem")
    assert "an authority of a test" in found
    assert len(found) > 50


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_each_variable_holds_for_all_clients(authority, name):
    found = trusted({name: str(authority.certificate)})
    assert "an authority of a test" in found
    assert len(found) > 50


def test_a_folder_of_certificates_as_requests_takes_one(authority, tmp_path):
    (tmp_path / "readme").write_text("no certificate")
    (tmp_path / "deep").mkdir()
    assert "an authority of a test" in trusted({"REQUESTS_CA_BUNDLE": str(tmp_path)})


def test_a_folder_that_cannot_be_listed_is_told(authority, tmp_path, monkeypatch):
    def closed(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(TrustError, match=r"^REQUESTS_CA_BUNDLE: .* cannot be read"):
        trusted({"REQUESTS_CA_BUNDLE": str(tmp_path)})


def test_all_that_is_named_counts(authority, tmp_path):
    (tmp_path / "another").mkdir()
    make_authority(tmp_path / "another")
    environment = {
        "SSL_CERT_FILE": str(authority.certificate),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "another/authority.pem"),
    }
    trust_the_sites_authorities(config(), tmp_path, environment)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(environment["SSL_CERT_FILE"])
    of_tests = [c for c in context.get_ca_certs() if "of a test" in str(c["subject"])]
    assert len(of_tests) == 2


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "cannot be read (No such file or directory); mount it"),
        (lambda path: path.write_bytes(b""), "holds no certificate"),
        (lambda path: path.write_bytes(b"\x30\x82abc"), "DER"),
        (lambda path: path.write_bytes(b"x" * (1 << 20) + b"y"), "larger than 1 MiB"),
        (lambda path: path.mkdir(), "without any certificate"),
    ],
    ids=["missing", "empty", "DER", "large", "folder"],
)
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_file_of_no_use_is_told_with_its_variable(tmp_path, name, make, told):
    path = tmp_path / "ca.pem"
    make(path)
    environment = {name: str(path)}
    with pytest.raises(TrustError) as caught:
        trust_the_sites_authorities(config(), tmp_path, environment)
    assert str(caught.value).startswith(f"{name}: {path} ")
    assert told in str(caught.value)
    assert environment == {name: str(path)}


def test_a_cut_certificate_is_refused(authority, tmp_path):
    text = authority.certificate.read_text()
    (tmp_path / "cut.pem").write_text(text + text[: len(text) // 2])
    with pytest.raises(TrustError, match="whole copy"):
        trusted({}, tmp_path, ca_file="cut.pem")


@pytest.mark.parametrize("command", ["run", "proxy"])
@pytest.mark.parametrize("way", ["ca_file", "REQUESTS_CA_BUNDLE"])
def test_node_and_proxy_do_not_start_with_certificates_of_no_use(
    tmp_path, monkeypatch, capsys, command, way
):
    monkeypatch.setattr("node_poc.cli._set_up_logging", lambda *_: None)  # logging is process-wide
    (tmp_path / "ca.pem").write_text("nonsense")
    setting = "ca_file: ca.pem" if way == "ca_file" else "{}"
    text = f"server_url: https://s\ntask_dir: {tmp_path}/tasks\nkubernetes: {setting}\n"
    if way != "ca_file":
        monkeypatch.setenv(way, str(tmp_path / "ca.pem"))
    (tmp_path / "node.yaml").write_text(text.replace("kubernetes: ca", "kubernetes:\n  ca"))
    assert main([command, "--config", str(tmp_path / "node.yaml")]) == 2
    told = capsys.readouterr().err
    assert f"error: {'kubernetes.ca_file' if way == 'ca_file' else way}: " in told
    assert "holds no certificate" in told
