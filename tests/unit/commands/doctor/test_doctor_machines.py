"""What doctor says about machines."""

from decimal import Decimal

import pytest

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.machines import look_at_machines, of_machines
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
