"""PURE: the form of a rule for new Jobs, and the parts of a Job that rules look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from node_poc.isolation.cel import equals, has_only, literal, others
from node_poc.manifests import identity

Object = dict[str, Any]

# The API server has filled in these fields before it asks the policy.
# Sources: pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job/strategy.go,
# pkg/apis/core/v1/defaults.go, metav1.ObjectMeta.
_FILLED_IN = {
    "metadata": {"creationTimestamp", "generation", "managedFields", "uid"},
    "spec": {
        "completionMode",
        "completions",
        "manualSelector",
        "parallelism",
        "podReplacementPolicy",
        "selector",
        "suspend",
    },
    "template": {"creationTimestamp"},
    "pod": {"schedulerName"},
    "container": {"terminationMessagePath", "terminationMessagePolicy"},
}

JOB, SPEC, TEMPLATE = "object.metadata", "object.spec", "object.spec.template.metadata"
POD = "object.spec.template.spec"
CONTAINER = f"{POD}.containers[0]"
RUN = f"{JOB}.labels[{literal(identity.LABEL_RUN)}]"


@dataclass(frozen=True)
class Rule:
    """One condition on a new Job.

    Attributes:
        expression: CEL; true for the node's own Jobs.
        message: names the field and the rule.
        found: CEL for a longer message, if the message can say what was found.
    """

    expression: str
    message: str
    found: str | None = None

    def to_object(self) -> Object:
        """Return the entry of ``spec.validations``: Jobs that are created need the rule."""
        created = f"request.operation != 'CREATE' || ({self.expression})"
        made: Object = {"expression": created, "message": self.message, "reason": "Forbidden"}
        return made | ({"messageExpression": self.found} if self.found else {})


def only_rule(part: str, where: str, sample: Object, filled_in: str) -> Rule:
    """Return the rule: ``part`` of a Job has no fields beside those of the sample's part.

    Args:
        part: CEL for the part.
        where: the part's name for people.
        sample: the same part of the sample Job.
        filled_in: the key of ``_FILLED_IN`` with the fields that the API server adds.
    """
    keys = {*sample, *_FILLED_IN[filled_in]}
    return Rule(
        has_only(part, keys),
        f"{where}: has a field that no Job of the node has",
        f"{literal(f'{where}: no Job of the node has ')} + {others(part, keys)}",
    )


def fixed_rules(part: str, where: str, values: Object) -> Iterator[Rule]:
    """Return one rule for each key of ``values``: ``part`` has the key with exactly its value."""
    for key, value in values.items():
        message = f"{where}.{key}: must be as the node's configuration says"
        yield Rule(equals(part, key, value), message)
