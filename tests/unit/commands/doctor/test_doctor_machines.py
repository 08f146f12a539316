"""What doctor says about machines."""

from decimal import Decimal

import pytest

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.machines import look_at_machines, of_gpus, of_machines
from node_poc.config.model import NodeConfig
from tests.fakes.examples import config
from tests.unit.commands.doctor.api_answers import Answers

LARGE = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"}
NEEDED = {"cpu": Decimal(2), "memory": Decimal(1024**3)}
GPU = {"nvidia.com/gpu": Decimal(1)}


def machine(offer=LARGE, *, ready="True", unschedulable=False):
    conditions = [{"type": "Ready", "status": ready}]
    status = {"allocatable": dict(offer), "conditions": conditions}
    return {"spec": {"unschedulable": unschedulable}, "status": status}


@pytest.mark.parametrize(
    ("machines", "needed", "level", "told"),
    [
        ([machine()], NEEDED, Level.OK, "1 of 1 machines take pods"),
        ([machine(), machine(ready="Unknown")], NEEDED, Level.OK, "1 of 2 machines"),
        ([machine(unschedulable=True)], NEEDED, Level.FAILURE, "none of 1 machines"),
        ([machine({"cpu": "1", "memory": "16Gi"})], NEEDED, Level.FAILURE, "cpu 2 (at most 1)"),
        ([machine()], NEEDED | GPU, Level.FAILURE, "nvidia.com/gpu 1 (at most 0)"),
        ([machine(LARGE | {"nvidia.com/gpu": "2"})], NEEDED | GPU, Level.OK, "a run fits"),
        (
            [machine({"cpu": "8", "memory": "1Mi"}), machine({"cpu": "1", "memory": "8Gi"})],
            NEEDED,
            Level.FAILURE,
            "not all on one machine",
        ),
    ],
)
def test_some_machine_must_hold_a_run(machines, needed, level, told):
    line = of_machines(machines, needed)
    assert line.level is level
    assert told in line.found
    assert bool(line.remedy) == (level is not Level.OK)


def test_all_machines_are_asked_for():
    (line,) = look_at_machines(config(), Answers({"/api/v1/nodes": [machine()]}))
    assert line.level is Level.OK


def with_gpus(name, number):
    gpus = {} if number is None else {"nvidia.com/gpu": number}
    return machine(LARGE | gpus) | {"metadata": {"name": name}}


@pytest.mark.parametrize(
    ("numbers", "level", "told"),
    [
        (["2", None], Level.OK, "1 machines offer nvidia.com/gpu"),
        ([None, None], Level.FAILURE, "no machine knows nvidia.com/gpu"),
        (["2", "0"], Level.WARNING, "m1: nvidia.com/gpu is 0"),
        (["0", None], Level.FAILURE, "m0: nvidia.com/gpu is 0"),
    ],
)
def test_a_device_plugin_that_is_missing_or_has_ended_is_told(numbers, level, told):
    machines = [with_gpus(f"m{index}", number) for index, number in enumerate(numbers)]
    line = of_gpus(machines, "nvidia.com/gpu")
    assert line.level is level
    assert told in line.found
    assert bool(line.remedy) == (level is not Level.OK)


def test_gpus_are_looked_at_only_if_runs_ask_for_them():
    data = config().model_dump() | {"algorithm_device_requests": {"gpu": True}}
    asking = NodeConfig.model_validate(data)
    answers = Answers({"/api/v1/nodes": [with_gpus("m0", "0")]})
    assert [line.level for line in look_at_machines(asking, answers)] == [Level.FAILURE] * 2


def test_each_rule_for_images_is_compared_with_the_machines():
    rule = {"images": "large", "memory": "900Ti", "memory_request": "900Ti"}
    api = Answers({"/api/v1/nodes": [machine()]})
    usual, large = look_at_machines(config(resources={"by_image": [rule]}), api)
    assert usual.level is Level.OK
    assert large.level is Level.FAILURE
    assert large.found.startswith("kubernetes.resources.by_image[0]: no machine has what a run")


def test_gpus_of_rules_for_images_are_looked_at():
    rules = [{"images": "a", "gpus": 1}, {"images": "b", "gpus": 1, "gpu_resource": "amd.com/gpu"}]
    answers = Answers({"/api/v1/nodes": [with_gpus("m0", "1")]})
    *_, first, second = look_at_machines(config(resources={"by_image": rules}), answers)
    assert "1 machines offer nvidia.com/gpu" in first.found
    assert "no machine knows amd.com/gpu" in second.found
