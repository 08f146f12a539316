"""The findings of ``doctor`` about protections of pods."""

import pytest

from node_poc.commands.doctor import protections as module
from node_poc.commands.doctor.protections import of_protections, of_runtime_classes
from node_poc.config.pods import Pods
from tests.fakes.examples import config


def test_protections_that_are_not_used_are_warnings():
    pods = Pods(user_namespaces="auto", strict_groups="off")
    lines = list(map(str, of_protections(pods, {"user_namespaces": "too old"})))
    assert lines[0].startswith("warning  kubernetes.pods.user_namespaces: too old; runs go without")
    assert lines[1] == "warning  kubernetes.pods.strict_groups is off; set it to auto"
    line, *_ = of_protections(Pods(user_namespaces="on"), {"strict_groups": ""})
    assert str(line).startswith("ok       kubernetes.pods.user_namespaces is on")


def test_mounts_below_databases_have_a_line():
    pods = Pods(user_namespaces="on", strict_groups="on")
    name = "kubernetes.pods.recursive_read_only"
    for found, told in (
        ({}, f"ok       {name}: no database has files"),
        ({"recursive_read_only": ""}, f"ok       {name}: the cluster has it, and runs use it"),
        ({"recursive_read_only": "old"}, f"warning  {name}: old; runs go without; a newer"),
    ):
        *_, line = map(str, of_protections(pods, found))
        assert line.startswith(told)


def test_a_protection_that_one_runtime_lacks_is_told_for_its_runtime_class():
    found = {"user_namespaces": "", "user_namespaces with gvisor": "no users", "strict_groups": ""}
    lines = [str(line) for line in of_protections(Pods(), found)]
    assert lines[0].startswith("ok       kubernetes.pods.user_namespaces: ")
    assert lines[1].startswith("warning  kubernetes.pods.user_namespaces with gvisor: no users; ")
    assert lines[2].startswith("ok       kubernetes.pods.strict_groups: ")


def test_a_runtime_class_without_pods_is_a_failure():
    good, bad = map(str, of_runtime_classes({"gvisor": "", "kata": "not found"}))
    assert good == "ok       kubernetes.pods.runtime_classes: gvisor: pods start with it"
    assert bad.startswith("failure  kubernetes.pods.runtime_classes: kata: not found; runs of its")


@pytest.mark.parametrize("is_there", [True, False])
def test_the_folder_is_mounted_where_the_command_may_make_it(monkeypatch, tmp_path, is_there):
    folders = []

    class Test:
        def __init__(self, _config, _api, _objects, make_folder):
            folders.append(make_folder is not None)

        def run(self, _ended):
            return {"user_namespaces": "", "strict_groups": ""}

        def run_mounts(self, _ended):
            return ""

        def run_classes(self, _ended):
            return {}

    monkeypatch.setattr(module, "ProtectionTest", Test)
    monkeypatch.setattr(module, "ClusterObjects", lambda *_: None)
    folder = tmp_path if is_there else tmp_path / "missing"
    made = config().model_copy(update={"task_dir": str(folder)})
    assert [line.level for line in module.try_protections(made, None)] == ["ok"] * 3
    assert folders == [is_there]
