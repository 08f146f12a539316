"""PURE: the meaning of a NetworkPolicy, whatever its spelling.

The API server adds defaults, and people order lists and split rules as they like. Two policies are
the same if they select the same pods and open the same ways. A field that this module does not know
is part of the meaning, because the field may open a way.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

Object = Mapping[str, Any]
# A pod label's key, an operator (In, NotIn, Exists, DoesNotExist) and the operator's values.
Requirement = tuple[str, str, frozenset[str]]
Selector = frozenset[Requirement]


@dataclass(frozen=True)
class Peer:
    """The other end of an opened way.

    Attributes:
        namespaces: None is the policy's own namespace, or any place for an address block.
        pods: None is all pods of these namespaces.
        block: a network, and the networks cut out of this network.
        unknown: the fields that this module does not know, as JSON.
    """

    namespaces: Selector | None
    pods: Selector | None
    block: tuple[str, frozenset[str]] | None
    unknown: str


@dataclass(frozen=True)
class Port:
    """The first and the last port of a range, with the protocol; None is every port."""

    protocol: str
    first: int | str | None
    last: int | str | None
    unknown: str


@dataclass(frozen=True)
class Opening:
    """One opened way. No peer is everybody; no port is every port of every protocol."""

    peer: Peer | None
    port: Port | None
    unknown: str


@dataclass(frozen=True)
class Meaning:
    """The pods that a policy selects, and the ways that the policy opens for these pods.

    Attributes:
        pods: the requirements for a pod's labels; without any, all pods are selected.
        ingress: the ways in; None if the policy says nothing about ways in.
        egress: the ways out; None if the policy says nothing about ways out.
        unknown: the fields of the specification that this module does not know, as JSON.
    """

    pods: Selector
    ingress: frozenset[Opening] | None
    egress: frozenset[Opening] | None
    unknown: str

    @property
    def opened(self) -> tuple[str, ...]:
        """The directions in which the policy opens a way."""
        return tuple(name for name in ("ingress", "egress") if getattr(self, name))

    def differing(self, other: Meaning) -> tuple[str, ...]:
        """Return the names of the parts of the specification with another meaning."""
        names = {"pods": "podSelector", "unknown": "unknown fields"}
        parts = ("pods", "ingress", "egress", "unknown")
        return tuple(
            names.get(part, part) for part in parts if getattr(self, part) != getattr(other, part)
        )

    def with_one_host(self, host: str) -> Meaning:
        """Return the meaning with ``host`` in place of each single address of a way out."""
        if self.egress is None:
            return self
        return replace(self, egress=frozenset(_at_host(way, host) for way in self.egress))


def meaning(policy: Object) -> Meaning:
    """Return the meaning of a NetworkPolicy object.

    Raises:
        ValueError: an address block is no network; the API server takes no such policy.
    """
    spec = policy.get("spec") or {}
    # The defaults are those of the API server: pkg/apis/networking/v1/defaults.go.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return Meaning(
        pods=_selector(spec.get("podSelector")),
        ingress=_openings(spec.get("ingress"), "from") if "Ingress" in types else None,
        egress=_openings(spec.get("egress"), "to") if "Egress" in types else None,
        unknown=_unknown(spec, {"podSelector", "policyTypes", "ingress", "egress"}),
    )


def may_select(pods: Selector, labels: Mapping[str, Collection[str | None] | None]) -> bool:
    """Return whether a selector selects some pod with such labels.

    Args:
        pods: the selector.
        labels: by key, the values that a pod's label may have. A value None is a pod without the
            label; None in place of the values is a label with any value. Pods have no other labels.
    """
    return all(_may_meet(each, labels) for each in pods)


def _may_meet(
    requirement: Requirement, labels: Mapping[str, Collection[str | None] | None]
) -> bool:
    key, operator, wanted = requirement
    values = labels.get(key, (None,))
    match operator:
        case "In":
            return values is None or any(value in wanted for value in values)
        case "NotIn":
            return values is None or any(value not in wanted for value in values)
        case "Exists":
            return values is None or any(value is not None for value in values)
        case "DoesNotExist":
            return values is not None and None in values
        case _:  # a new operator may select anything
            return True


def _selector(given: Object | None) -> Selector:
    found = given or {}
    labels = (found.get("matchLabels") or {}).items()
    equal = {(key, "In", frozenset([value])) for key, value in labels}
    listed = {
        (each["key"], each["operator"], frozenset(each.get("values") or ()))
        for each in found.get("matchExpressions") or ()
    }
    return frozenset(equal | listed)


def _openings(rules: Collection[Object] | None, peers: str) -> frozenset[Opening]:
    """Return one way for each pair of a peer and a port: rules add up."""
    return frozenset(
        Opening(peer, port, _unknown(rule, {peers, "ports"}))
        for rule in rules or ()
        for peer, port in product(_peers(rule.get(peers)), _ports(rule.get("ports")))
    )


def _peers(given: Collection[Object] | None) -> Iterator[Peer | None]:
    if not given:
        yield None
    for peer in given or ():
        block = peer.get("ipBlock")
        yield Peer(
            namespaces=_selector_or_none(peer, "namespaceSelector"),
            pods=_selector_or_none(peer, "podSelector"),
            block=None if block is None else _block(block),
            unknown=_unknown(peer, {"namespaceSelector", "podSelector", "ipBlock"}),
        )


def _selector_or_none(peer: Object, key: str) -> Selector | None:
    """Return a selector; an empty selector selects all and differs from no selector."""
    return None if peer.get(key) is None else _selector(peer[key])


def _ports(given: Collection[Object] | None) -> Iterator[Port | None]:
    if not given:
        yield None
    for port in given or ():
        first = port.get("port")
        yield Port(
            protocol=port.get("protocol") or "TCP",
            first=first,
            last=port.get("endPort") or first,
            unknown=_unknown(port, {"protocol", "port", "endPort"}),
        )


def _block(given: Object) -> tuple[str, frozenset[str]]:
    return _network(given["cidr"]), frozenset(map(_network, given.get("except") or ()))


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _at_host(way: Opening, host: str) -> Opening:
    block = way.peer.block if way.peer else None
    if way.peer is None or block is None or ipaddress.ip_network(block[0]).num_addresses > 1:
        return way
    return replace(way, peer=replace(way.peer, block=(_network(host), frozenset())))


def _unknown(given: Object, known: Collection[str]) -> str:
    rest = {key: value for key, value in given.items() if key not in known and value}
    return json.dumps(rest, sort_keys=True) if rest else ""
