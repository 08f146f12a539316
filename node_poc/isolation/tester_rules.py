"""PURE: the rules for the Jobs of the self-test, which differ a little from those of runs.

These Jobs have no gate, and no policy selects the control. Therefore they must run the node's own
image with the command of the self-test, without data of runs, and with no other variable than the
node's: a variable such as ``PYTHONPATH`` could change the program.
"""

from __future__ import annotations

from collections.abc import Iterator

from node_poc.config.model import NodeConfig
from node_poc.isolation.cel import equals, literal, same_amount
from node_poc.isolation.rules import CONTAINER, JOB, RUN, SPEC, Object, Rule
from node_poc.isolation.self_test.jobs import TEST_FOLDER, build_tester
from node_poc.isolation.self_test.targets import COMMAND
from node_poc.manifests import identity
from node_poc.manifests.volumes import SHARED_FOLDER

#: CEL: whether a Job claims to belong to the self-test.
IS_TESTER = f"{RUN}.startsWith({literal(identity.TESTER_RUN)})"
#: CEL: whether the label ``run-id`` has one of its two forms.
RUN_LABEL_IS_KNOWN = f"{RUN}.matches('^([0-9]+|{identity.TESTER_RUN}[0-9]+)$')"
#: The fields of ``spec`` that only these Jobs may have, unless those of runs have them, too.
TESTER_FIELDS = ("activeDeadlineSeconds", "ttlSecondsAfterFinished")
_COMPONENT = f"{JOB}.labels[{literal(identity.LABEL_COMPONENT)}]"


def tester_rules(config: NodeConfig, sample: Object, group: int) -> Iterator[Rule]:
    """Return the rules that keep Jobs of the self-test and Jobs of runs apart.

    Args:
        config: configuration of the node.
        sample: a Job of a run.
        group: group id of the node's process.
    """
    tester = build_tester(config, group, "0", "")
    for key in TESTER_FIELDS:
        absent = f"!({literal(key)} in dyn({SPEC}))"
        given = sample["spec"].get(key)
        of_run = absent if given is None else equals(SPEC, key, given)
        yield Rule(
            f"{IS_TESTER} ? {equals(SPEC, key, tester['spec'][key])} : {of_run}",
            f"spec.{key}: must be as the node's configuration says",
        )
    known = [identity.COMPONENT_ALGORITHM, identity.COMPONENT_CONTROL]
    yield Rule(
        f"{_COMPONENT} == {literal(known[0])} || "
        f"({_COMPONENT} == {literal(known[1])} && {IS_TESTER})",
        f"metadata.labels: {identity.LABEL_COMPONENT} must be {known[0]}",
    )
    yield Rule(
        f"!({IS_TESTER}) || ({_program(config)} && {_no_data(tester, sample)})",
        "spec.template.spec.containers[0]: a Job of the self-test runs the node's image with the "
        f"command {COMMAND}, without data of runs",
    )


def amount_rule(part: str, name: str, value: str) -> str:
    """Return the expression: a container has this amount; in the self-test, no GPU instead."""
    same = same_amount(part, name, value)
    if "/" not in name:  # a resource of Kubernetes, and not of a device plugin
        return same
    return f"({IS_TESTER} ? !({literal(name)} in dyn({part})) : {same})"


def _program(config: NodeConfig) -> str:
    return (
        f"{CONTAINER}.image == {literal(config.kubernetes.node_image)} && "
        f"size({CONTAINER}.args) == 2 && {CONTAINER}.args[0] == {literal(COMMAND)}"
    )


def _no_data(tester: Object, sample: Object) -> str:
    """Return the expression: only the node's variables, without Secrets, and no folder of a run.

    Behind the walls, a tester may also mount databases and its own folder, for the protections.
    """
    (container,) = tester["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    mounts = [each["name"] for each in container["volumeMounts"]]
    own = (
        f"!has(each.valueFrom) && each.name in {literal(variables)} && "
        f"(has(each.value) ? each.value : '') == {literal(variables)}[each.name]"
    )
    tasks = sample["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["name"]
    scratch = f"(each.name in {literal(mounts)} && !has(each.subPath))"
    folder = literal(f"{SHARED_FOLDER}/{TEST_FOLDER}")
    like_a_run = (
        f"({_COMPONENT} == {literal(identity.COMPONENT_ALGORITHM)} && "
        f"(each.name != {literal(tasks)} || has(each.subPath) && each.subPath == {folder}))"
    )
    return (
        f"{CONTAINER}.env.all(each, {own}) && (!has({CONTAINER}.volumeMounts) || "
        f"{CONTAINER}.volumeMounts.all(each, {scratch} || {like_a_run}))"
    )
