"""PURE: the rules for a Job's names, labels, annotations and its own fields."""

from __future__ import annotations

from collections.abc import Iterator

from node_poc.config.model import NodeConfig
from node_poc.isolation.cel import equals, has_only, literal, others
from node_poc.isolation.rules import JOB, RUN, SPEC, TEMPLATE, Object, Rule, fixed_rules, only_rule
from node_poc.isolation.tester_rules import IS_TESTER, RUN_LABEL_IS_KNOWN, TESTER_FIELDS
from node_poc.manifests import identity
from node_poc.runs.model import Egress

_FILLED_IN_VALUES = {
    "completionMode": "NonIndexed",
    "completions": 1,
    "manualSelector": False,
    "parallelism": 1,
    "suspend": False,
}


def job_rules(config: NodeConfig, sample: Object) -> Iterator[Rule]:
    """Return the rules for the Job itself and for the metadata of its pod."""
    metadata, template = sample["metadata"], sample["spec"]["template"]["metadata"]
    yield only_rule(JOB, "metadata", metadata, "metadata")
    yield only_rule(SPEC, "spec", sample["spec"] | dict.fromkeys(TESTER_FIELDS), "spec")
    yield only_rule(TEMPLATE, "spec.template.metadata", template, "template")
    yield from _label_rules(config, metadata["labels"], template["labels"])
    # The name of a run's Job ends in the run's id, which the sample's label has, too.
    beginning = metadata["name"].removesuffix(metadata["labels"][identity.LABEL_RUN])
    yield Rule(
        f"{JOB}.name == {literal(beginning)} + {RUN}",
        "metadata.name: must be made of the node's and the run's labels",
    )
    for part, where, given in (
        (JOB, "metadata", metadata["annotations"]),
        (TEMPLATE, "spec.template.metadata", template["annotations"]),
    ):
        keys = {*given, identity.ANNOTATION_CONTENT}
        yield Rule(
            f"has({part}.annotations) && {has_only(f'{part}.annotations', keys)}",
            f"{where}.annotations: has one that no Job of the node has",
        )
    varying = {"template", *TESTER_FIELDS}
    fixed = {key: value for key, value in sample["spec"].items() if key not in varying}
    yield from fixed_rules(SPEC, "spec", fixed)
    for key, value in _FILLED_IN_VALUES.items():
        if key == "suspend" and config.kubernetes.queue:
            continue  # Kueue suspends the Job before the API server asks the policy
        present = f"{literal(key)} in dyn({SPEC})"
        yield Rule(
            f"!({present}) || dyn({SPEC})[{literal(key)}] == {literal(value)}",
            f"spec.{key}: must be {literal(value)}",
        )


def _label_rules(config: NodeConfig, job: Object, template: Object) -> Iterator[Rule]:
    """Return the rules for labels: the NetworkPolicies select by them."""
    ways = [identity.reaches_label(d.label) for d in config.databases if config.has_way(d)]
    labels, pods = f"{JOB}.labels", f"{TEMPLATE}.labels"
    keys = {*job, *ways}
    yield Rule(
        f"has({labels}) && {has_only(labels, keys)}",
        "metadata.labels: has one that no Job of the node has",
        f"'metadata.labels: no Job of the node has ' + {others(labels, keys)}",
    )
    egress = identity.LABEL_EGRESS
    queue = identity.LABEL_QUEUE
    varying = {identity.LABEL_RUN, identity.LABEL_COMPONENT, egress, queue}
    yield from fixed_rules(
        labels, "metadata.labels", {k: v for k, v in job.items() if k not in varying}
    )
    if config.kubernetes.queue:
        absent, own = f"!({literal(queue)} in {labels})", equals(labels, queue, job[queue])
        # Kueue itself may label each Job of the namespace, those of the self-test as well.
        known = f"({own}) || ({IS_TESTER} && {absent})"
        yield Rule(known, f"metadata.labels: {queue} must be as set")
    yield Rule(
        f"dyn({labels})[{literal(egress)}] in {literal([each.value for each in Egress])} && "
        + RUN_LABEL_IS_KNOWN,
        "metadata.labels: run-id must be a number, or of the self-test; egress a way that the node "
        "knows",
    )
    on_pod = f"key in {pods} && {pods}[key] == {labels}[key]"
    if config.kubernetes.queue:
        on_pod = f"key == {literal(queue)} || ({on_pod})"
    yield Rule(
        f"has({pods}) && {labels}.all(key, {on_pod}) && "
        + has_only(pods, {*template, *ways, *identity.LABELS_OF_JOB_CONTROLLER}),
        "spec.template.metadata.labels: must be the Job's labels",
    )
    mesh = {key: value for key, value in template.items() if key not in job}
    yield from fixed_rules(pods, "spec.template.metadata.labels", mesh)
