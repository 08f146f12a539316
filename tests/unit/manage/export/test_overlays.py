"""What an overlay changes in a configuration file."""

import copy

import pytest
import yaml

from node_poc.config.load import parse_config
from node_poc.manage.export.overlays import OVERLAYS, OverlayError, with_overlays
from tests.unit.manage.export.exported import FILE, export, write


def changed(*names, **more):
    data = FILE | more
    before = copy.deepcopy(data)
    made = with_overlays(data, list(names))
    assert data == before
    return parse_config(yaml.safe_dump(made), {}).kubernetes, made


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_overlay_gives_a_valid_configuration(name):
    settings, _ = changed(name)
    assert settings.node_name == "hospital-a"


def test_claims_lie_where_the_databases_were():
    other = {"label": "b", "uri": "/srv/v6/more/b.csv", "type": "csv"}
    settings, _ = changed("pvc", databases=[*FILE["databases"], other])
    assert settings.storage.databases_root == "/srv/v6"
    assert settings.storage.mode == "pvc"


def test_databases_without_a_common_folder_are_refused(tmp_path, capsys):
    other = {"label": "b", "uri": "/data/b.csv", "type": "csv"}
    databases = [*FILE["databases"], other]
    with pytest.raises(OverlayError, match="databases_root"):
        changed("pvc", databases=databases)
    path = write(tmp_path, databases=databases)
    given = ("--config", str(path), "--out", str(tmp_path / "o"), "--overlay", "k3s")
    export("helm", *given, expect=2)
    assert "overlay k3s: databases" in capsys.readouterr().err


def test_keys_of_the_file_stay():
    section = FILE["kubernetes"] | {"storage": {"size": "3Gi", "storage_class": "mine"}}
    settings, _ = changed("k3s", kubernetes=section)
    assert (settings.storage.size, settings.storage.storage_class) == ("3Gi", "mine")
    assert settings.storage.access_mode == "ReadWriteOnce"


def test_openshift_chooses_all_users():
    section = FILE["kubernetes"] | {"security": {"run_as_user": 7}}
    settings, _ = changed("openshift", kubernetes=section)
    assert not any(map(settings.security.are_users_fixed, ("algorithms", "node", "proxy")))


def test_overlays_add_up():
    settings, data = changed("k3s", "gpu")
    assert data["algorithm_device_requests"] == {"gpu": True}
    assert settings.storage.storage_class == "local-path"
