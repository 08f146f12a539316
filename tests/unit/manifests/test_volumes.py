import pytest

from node_poc.manifests.volumes import build_volumes, sub_path
from node_poc.runs.model import Mount, MountSource
from tests.fakes.examples import config, spec

PVC = {"mode": "pvc", "claim": "tasks-claim", "databases_claim": "data-claim"}


def database(label, path="/app/input/csv/x"):
    return Mount(MountSource.DATABASE, label, path)


def test_where_mounts_lie():
    assert sub_path(Mount(MountSource.RUN, "output", "/x"), 7) == "7/output"
    assert sub_path(Mount(MountSource.SHARED, "vol", "/x"), 7) == "tmp/vol"
    with pytest.raises(ValueError, match="does not lie"):
        sub_path(database("default"), 7)


def test_a_pod_sees_parts_of_task_dir_and_never_its_root():
    volumes, mounts = build_volumes(spec(), config())
    root = next(volume for volume in volumes if volume["name"] == "tasks")
    assert root["hostPath"] == {"path": "/tasks", "type": "Directory"}
    assert all(mount.get("subPath") for mount in mounts if mount["name"] == "tasks")


def test_only_output_and_scratch_can_be_written():
    _, mounts = build_volumes(spec(), config())
    writable = {mount["mountPath"] for mount in mounts if not mount["readOnly"]}
    assert writable == {"/app/output", "/app/tmp", "/tmp"}


def test_only_databases_asked_for_are_mounted():
    volumes, _ = build_volumes(spec(), config())
    paths = {volume["hostPath"]["path"] for volume in volumes if "hostPath" in volume}
    assert paths == {"/tasks", "/data/employees.csv"}


@pytest.mark.parametrize(("label", "kind"), [("default", "File"), ("pictures", "Directory")])
def test_a_database_must_be_there_already(label, kind):
    volumes, _ = build_volumes(spec(mounts=(database(label),)), config())
    assert [volume["hostPath"]["type"] for volume in volumes[1:-1]] == [kind]


def test_one_claim_holds_all_databases():
    mounts = (database("default", "/a"), database("db1", "/b"))
    storage = PVC | {"databases_root": "/data"}
    volumes, made = build_volumes(spec(mounts=mounts), config(storage=storage))
    claims = [each["persistentVolumeClaim"] for each in volumes if "emptyDir" not in each]
    assert claims == [
        {"claimName": "tasks-claim"},
        {"claimName": "data-claim", "readOnly": True},
    ]
    assert [mount.get("subPath") for mount in made[:2]] == ["employees.csv", "more.csv"]


def test_no_scratch_where_the_root_can_be_written():
    volumes, _ = build_volumes(spec(), config(security={"read_only_root_filesystem": False}))
    assert "scratch" not in {volume["name"] for volume in volumes}


def test_every_mount_has_its_volume():
    volumes, mounts = build_volumes(spec(), config())
    assert {mount["name"] for mount in mounts} == {volume["name"] for volume in volumes}


def test_an_unknown_database_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="nobody"):
        build_volumes(spec(mounts=(database("nobody"),)), config())


@pytest.mark.parametrize("storage", [{}, PVC | {"databases_root": "/data"}])
def test_what_is_mounted_below_a_database_is_read_only_too(storage):
    mount = Mount(MountSource.DATABASE, "pictures", "/mnt/pictures", is_folder=True)
    _, made = build_volumes(spec(mounts=(mount,)), config(storage=storage))
    (database,) = [each for each in made if each["mountPath"] == "/mnt/pictures"]
    assert database["readOnly"] is True
    assert database["recursiveReadOnly"] == "IfPossible"
    others = [each for each in made if each is not database]
    assert not [each for each in others if "recursiveReadOnly" in each]


@pytest.mark.parametrize(("choice", "value"), [("on", "Enabled"), ("off", None)])
def test_whether_mounts_below_a_database_are_read_only_is_a_choice(choice, value):
    made = config(pods={"recursive_read_only": choice})
    _, mounts = build_volumes(spec(mounts=(database("default"),)), made)
    assert mounts[0].get("recursiveReadOnly") == value
