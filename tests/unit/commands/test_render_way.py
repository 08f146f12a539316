"""``render vantage6``: settings for the route from the node and the proxy to the server."""

import json
import ssl

import pytest
import yaml

from node_poc.cli import main
from node_poc.commands.render import render
from node_poc.config.load import load_config, parse_config
from tests.fakes.way_to_server import make_authority

FILE = """
api_key: 95e0a1b2-0000-4000-8000-0123456789ab
server_url: https://server.example
task_dir: /var/lib/vantage6/tasks
kubernetes: {node_name: a, namespace: v6-a%s}
node_extra_env:
  {HTTPS_PROXY: "http://user:hidden-w$(x)rds@proxy.example:3128", TZ: Europe/Amsterdam%s}
node_extra_mounts: [%s]
"""
PARTS = ("node", "proxy")


@pytest.fixture
def station(tmp_path):
    """Build a node's objects; its file gets the ``settings``, ``variables`` and ``mounts``."""

    def make(settings="", variables="", mounts=""):
        path = tmp_path / "node.yaml"
        path.write_text(FILE % (settings, variables, mounts))
        return list(yaml.safe_load_all(render("vantage6", load_config(path, {}), path, "i", {})))

    return make


def deployment(objects, part):
    (found,) = [o for o in objects if o["kind"] == "Deployment" and part_of(o) == part]
    return found["spec"]["template"]


def part_of(made):
    return made["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]


def container(objects, part):
    return deployment(objects, part)["spec"]["containers"][0]


def volume_at(objects, part, path):
    """Return the volume mounted at a path and its ``readOnly``; (None, None) without a volume."""
    for mount in container(objects, part)["volumeMounts"]:
        if mount["mountPath"] == path:
            (volume,) = [
                v
                for v in deployment(objects, part)["spec"]["volumes"]
                if v["name"] == mount["name"]
            ]
            return volume, mount["readOnly"]
    return None, None


@pytest.mark.parametrize("part", PARTS)
def test_variables_for_the_way_come_from_a_secret(station, part):
    objects = station()
    (secret,) = [o for o in objects if o["metadata"]["name"].endswith("-extra-env")]
    assert secret["kind"] == "Secret"
    assert secret["stringData"]["HTTPS_PROXY"] == "http://user:hidden-w$(x)rds@proxy.example:3128"
    env = {each["name"]: each for each in container(objects, part)["env"]}
    for name in ("HTTPS_PROXY", "TZ"):
        reference = env[name]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": secret["metadata"]["name"], "key": name}
    for each in objects:
        assert each["kind"] == "Secret" or "hidden-w" not in json.dumps(each)


def test_without_variables_there_is_no_secret_of_them(station, monkeypatch):
    monkeypatch.setattr(f"{__name__}.FILE", FILE.replace("node_extra_env", "algorithm_env"))
    objects = station()
    assert not [o for o in objects if o["metadata"]["name"].endswith("-extra-env")]


@pytest.mark.parametrize("part", PARTS)
def test_the_sites_certificates_go_to_both_pods(station, tmp_path, part):
    authority = make_authority(tmp_path)
    both = authority.server.read_text() + authority.certificate.read_text()
    (tmp_path / "hospital.pem").write_text("A comment\n" + both)
    objects = station(", ca_file: hospital.pem")
    (made,) = [o for o in objects if o["metadata"]["name"].endswith("-ca")]
    assert made["kind"] == "ConfigMap"
    (text,) = made["data"].values()
    assert "PRIVATE KEY" not in text
    assert "comment" not in text
    assert text.count("BEGIN CERTIFICATE") == 2
    ssl.create_default_context(cadata=text)
    volume, read_only = volume_at(objects, part, "/etc/v6-ca")
    assert volume["configMap"] == {"name": made["metadata"]["name"]}
    assert read_only is True


def test_both_processes_are_told_where_the_certificates_are(station, tmp_path):
    make_authority(tmp_path)
    objects = station(", ca_file: authority.pem")
    (file,) = [o for o in objects if o["kind"] == "Secret" and "-config" in o["metadata"]["name"]]
    env = {e["name"]: e["value"] for e in container(objects, "node")["env"] if "value" in e}
    node = parse_config(file["stringData"]["node_config.yaml"], env)
    (file,) = [o for o in objects if o["kind"] == "ConfigMap" and "node_config.yaml" in o["data"]]
    proxy = parse_config(file["data"]["node_config.yaml"], {})
    assert node.kubernetes.ca_file == proxy.kubernetes.ca_file == "/etc/v6-ca/ca.pem"


def test_other_certificates_make_new_pods(station, tmp_path):
    def marks():
        objects = station(", ca_file: authority.pem")
        return [deployment(objects, part)["metadata"]["annotations"] for part in PARTS]

    make_authority(tmp_path)
    first = marks()
    make_authority(tmp_path)
    second = marks()
    assert all(one != two for one, two in zip(first, second, strict=True))


def test_nothing_of_certificates_where_none_are_named(station):
    objects = station()
    assert not [o for o in objects if o["metadata"]["name"].endswith("-ca")]
    assert [volume_at(objects, part, "/etc/v6-ca") for part in PARTS] == [(None, None)] * 2


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_vantage6s_way_to_name_certificates_holds_for_the_proxy_too(station, name):
    objects = station(
        variables=f", {name}: /certs/hospital.pem",
        mounts='"/etc/pki/hospital.pem:/certs/hospital.pem", "/srv/other:/other"',
    )
    for part, read_only in (("node", False), ("proxy", True)):
        volume, found = volume_at(objects, part, "/certs/hospital.pem")
        assert volume["hostPath"] == {"path": "/etc/pki/hospital.pem"}
        assert found is read_only
    assert volume_at(objects, "node", "/other")[0]
    assert volume_at(objects, "proxy", "/other") == (None, None)


def test_certificates_in_a_folder_that_is_mounted(station):
    objects = station(
        variables=", REQUESTS_CA_BUNDLE: /certs/deep/hospital.pem", mounts='"/etc/pki:/certs:ro"'
    )
    assert [volume_at(objects, part, "/certs")[1] for part in PARTS] == [True, True]


BAD = [
    (None, "cannot be read"),
    (b"", "holds no certificate"),
    (b"nonsense", "holds no certificate"),
    (b"\x30\x82\x01\x02\x03", "DER"),
    (b"-----BEGIN CERTIFICATE-----\nabcd\n-----END CERTIFICATE-----\n", "whole copy"),
]


@pytest.mark.parametrize(("content", "told"), BAD)
@pytest.mark.parametrize("command", ["render", "check"])
def test_a_file_of_certificates_that_is_none_is_refused(tmp_path, capsys, command, content, told):
    (tmp_path / "node.yaml").write_text(FILE % (", ca_file: ca.pem", "", ""))
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    what = ["vantage6"] if command == "render" else []
    assert main([command, *what, "--config", str(tmp_path / "node.yaml")]) == 2
    output = capsys.readouterr()
    assert "kubernetes.ca_file" in output.err
    assert "ca.pem" in output.err
    assert told in output.err
    assert "good" not in output.out


def test_a_secret_is_mounted_into_the_node_and_its_certificate_into_the_proxy(station):
    objects = station(
        variables=", SSL_CERT_FILE: /certs/ca.crt",
        mounts='"secret/hospital:/certs", "configmap/other:/other"',
    )
    volume, read_only = volume_at(objects, "node", "/certs")
    assert volume["secret"] == {"secretName": "hospital", "defaultMode": 0o440}
    assert read_only is True
    assert volume_at(objects, "node", "/other")[0]["configMap"] == {"name": "other"}
    volume, read_only = volume_at(objects, "proxy", "/certs")
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    assert read_only is True
    assert volume_at(objects, "proxy", "/other") == (None, None)


def test_the_proxy_gets_all_certificates_of_a_folder(station):
    objects = station(
        variables=", REQUESTS_CA_BUNDLE: /certs", mounts='"configmap/hospital:/certs"'
    )
    assert volume_at(objects, "proxy", "/certs")[0]["configMap"] == {"name": "hospital"}
