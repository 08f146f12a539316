"""PURE: the rules for the gate of a Job, its one init container."""

from __future__ import annotations

from collections.abc import Iterator

from node_poc.config.model import NodeConfig
from node_poc.isolation.cel import either, equals, same_amounts
from node_poc.isolation.rules import POD, Object, Rule, only_rule
from node_poc.isolation.tester_rules import IS_TESTER
from node_poc.manifests.security import container_resources
from node_poc.runs.image_resources import all_resources

_GATE = f"{POD}.initContainers[0]"
_WHERE = "spec.template.spec.initContainers"


def gate_rules(config: NodeConfig, sample: Object) -> Iterator[Rule]:
    """Return the rules for init containers: none but the gate; with ``gate: on`` the gate itself.

    With ``auto`` a Job may lack the gate, because the node leaves it out on a cluster that applies
    policies at once.
    """
    if config.kubernetes.walls.gate == "off":
        return  # the sample has no init containers, so no Job may have any
    (gate,) = sample["spec"]["template"]["spec"]["initContainers"]
    has_one = f"has({POD}.initContainers) && size({POD}.initContainers) == 1"
    has_none = f"!has({POD}.initContainers) || size({POD}.initContainers) == 0"
    if config.kubernetes.walls.gate == "on":
        # A pod of the self-test tries the walls themselves.
        yield Rule(f"{has_one} || ({IS_TESTER} && ({has_none}))", f"{_WHERE}: must be the gate")
    else:
        yield Rule(f"{has_none} || {has_one}", f"{_WHERE}: may be the gate only")
    only = only_rule(_GATE, f"{_WHERE}[0]", gate, "container")
    fixed = [equals(_GATE, key, value) for key, value in gate.items() if key != "resources"]
    forms = [
        container_resources(each.kubernetes.resources) for each in all_resources(config).values()
    ]
    amounts = either([_amounts(each) for each in forms])
    conditions = " && ".join(f"({each})" for each in (only.expression, *fixed, amounts))
    yield Rule(f"{has_none} || ({conditions})", f"{_WHERE}[0]: must be the gate of the node's Jobs")


def _amounts(resources: Object) -> str:
    return " && ".join(
        same_amounts(f"dyn({_GATE}.resources).{each}", given) for each, given in resources.items()
    )
