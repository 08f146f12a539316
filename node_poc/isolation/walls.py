"""PURE: whether the NetworkPolicies of a namespace are right for a node's algorithms.

Policies add up: a foreign policy that selects an algorithm and opens a way widens the walls.
Policies for node and proxy may be joined by others of the site, because these pods run no foreign
code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.isolation.job_policy import sample_job
from node_poc.isolation.meaning import Meaning, may_select, meaning
from node_poc.isolation.wanted import hosts_to_look_up, wanted_policies
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity, reaches_label
from node_poc.runs.model import Egress

# An address of RFC 5737 in place of the addresses of a name: the names' addresses change.
_SOME_HOST = "192.0.2.1"
_APPLY = "`python -m node_poc render policies | kubectl apply -f -`"


@dataclass(frozen=True)
class Breach:
    """A NetworkPolicy that differs from the node's walls.

    Attributes:
        policy: name of the policy; empty if the breach is of no single policy.
        found: the difference.
        remedy: the command that repairs the walls.
    """

    policy: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """Return policy, finding and remedy in one line."""
        subject = f"NetworkPolicy {self.policy} " if self.policy else ""
        return f"{subject}{self.found}; {self.remedy}"


class Walls:
    """The NetworkPolicies that a node needs."""

    def __init__(self, config: NodeConfig) -> None:
        """Take the whole configuration of the node."""
        names = Identity(config.kubernetes.node_name)
        by_name = hosts_to_look_up(config)
        wanted = wanted_policies(config, {host: [_SOME_HOST] for host in by_name.values()})
        self._wanted = {each["metadata"]["name"]: meaning(each) for each in wanted}
        # ``render`` writes no policy for a database whose name had no address.
        self._by_name = {names.reaches_policy(label) for label in by_name}
        self._labels = possible_labels(config)
        self._delete = f"kubectl -n {config.kubernetes.namespace} delete networkpolicy"

    def breaches(self, found: Iterable[Mapping[str, Any]]) -> tuple[Breach, ...]:
        """Return all breaches, ordered by name; none if the walls are right.

        Args:
            found: the NetworkPolicy objects of the node's namespace.
        """
        there = {str(policy["metadata"]["name"]): policy for policy in found}
        missing = self._wanted.keys() - there.keys() - self._by_name
        breaches = [Breach(name, "is missing", f"apply the policies: {_APPLY}") for name in missing]
        for name, policy in there.items():
            try:
                breach = self._judge(name, meaning(policy))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                remedy = f"`{self._delete} {name}` removes the policy"
                breach = Breach(name, f"is not understood ({type(error).__name__})", remedy)
            breaches += [breach] if breach else []
        return tuple(sorted(breaches, key=lambda each: each.policy))

    def _judge(self, name: str, found: Meaning) -> Breach | None:
        wanted = self._wanted.get(name)
        if wanted is None:
            return self._judge_foreign(name, found)
        if name in self._by_name:
            found = found.with_one_host(_SOME_HOST)
        parts = found.differing(wanted)
        if not parts:
            return None
        # ``kubectl apply`` keeps fields that another client added.
        remedy = f"remove and apply the policy: `{self._delete} {name}`, then {_APPLY}"
        return Breach(name, f"was changed ({', '.join(parts)})", remedy)

    def _judge_foreign(self, name: str, found: Meaning) -> Breach | None:
        directions = (*found.opened, *(["unknown ways"] if found.unknown else []))
        if not directions or not may_select(found.pods, self._labels):
            return None
        remedy = (
            f"remove the policy (`{self._delete} {name}`), or let its podSelector leave out "
            f"{identity.LABEL_COMPONENT}={identity.COMPONENT_ALGORITHM}"
        )
        return Breach(name, f"opens {' and '.join(directions)} for algorithms", remedy)


def possible_labels(config: NodeConfig) -> dict[str, Collection[str | None] | None]:
    """Return the labels of all pods of this node's algorithms, as ``may_select`` takes them."""
    template = sample_job(config, 0)["spec"]["template"]["metadata"]
    fixed = {key: (value,) for key, value in template["labels"].items()}
    ways = {reaches_label(d.label): ("true", None) for d in config.databases if config.has_way(d)}
    of_controller = dict.fromkeys(identity.LABELS_OF_JOB_CONTROLLER)
    return {
        **fixed,
        **ways,
        **of_controller,
        identity.LABEL_RUN: None,
        identity.LABEL_EGRESS: tuple(each.value for each in Egress),
    }
