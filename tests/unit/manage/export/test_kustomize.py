"""Base and overlays. tests/cluster/test_exports.py builds them with real kustomize."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from node_poc.manage.export.kustomize import differences
from node_poc.manage.export.parts import parts_of
from node_poc.manage.station_file import choose
from tests.unit.manage.export.exported import export, texts, write

KEYS = st.sampled_from(["a", "b/c", "d~e", ""])
JSON = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def patched(value, operations):
    """Apply the operations as RFC 6902 says."""
    made = {"": copy.deepcopy(value)}
    for each in operations:
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in _parts(each["path"])]
        place = made
        for part in above:
            place = place[part]
        assert (last in place) is (each["op"] != "add")
        if each["op"] == "remove":
            del place[last]
        else:
            place[last] = each["value"]
    return made[""]


def _parts(path):
    return path.split("/")


@given(JSON, JSON)
def test_a_patch_leads_from_one_value_to_the_other(before, after):
    assert patched(before, differences(before, after)) == after


def test_the_base_has_all_objects(tmp_path):
    path, out = write(tmp_path), tmp_path / "out"
    export("kustomize", "--config", str(path), "--out", str(out))
    files = texts(out / "base")
    listed = yaml.safe_load(files.pop("kustomization.yaml"))["resources"]
    assert set(listed) == set(files)
    made = [each for name in listed for each in yaml.safe_load_all(files[name])]
    wanted = parts_of(choose(path, environment={}), {}).objects
    assert len(made) == len(wanted)
    assert all(each in made for each in wanted)


def test_overlays_of_another_export_are_removed(tmp_path):
    path, out = write(tmp_path), tmp_path / "out"
    given = ("kustomize", "--config", str(path), "--out", str(out))
    export(*given, "--overlay", "pvc", "--overlay", "gpu")
    assert (out / "overlays/gpu/kustomization.yaml").exists()
    export(*given, "--overlay", "pvc")
    assert not (out / "overlays/gpu/kustomization.yaml").exists()
    assert (out / "overlays/pvc/kustomization.yaml").exists()


@pytest.mark.parametrize("kind", ["helm", "kustomize"])
def test_a_folder_with_other_files_is_left_alone(kind, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    export(kind, "--config", str(write(tmp_path)), "--out", str(out), expect=2)
    assert "not empty" in capsys.readouterr().err
    assert [each.name for each in out.iterdir()] == ["mine.txt"]
