"""The NetworkPolicies of a node, as a real API server stores and returns them."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

from node_poc.config.load import load_config
from node_poc.config.model import NodeConfig
from node_poc.isolation.wanted import wanted_policies
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_store import NotThere, Object


def put_up_walls(api: FakeKubeApi, path: Path) -> NodeConfig:
    """Put the policies of a configuration file into the fake cluster; return the configuration."""
    config = load_config(path, {})
    for policy in wanted_policies(config, {}):
        with contextlib.suppress(NotThere):
            api.store.delete("networkpolicies", policy["metadata"]["name"])
        api.store.create("networkpolicies", stored(policy))
    return config


def stored(policy: Object) -> Object:
    """Return a copy of a policy with the defaults and the metadata that an API server adds."""
    made = copy.deepcopy(policy)
    made["metadata"] |= {"generation": 1, "managedFields": [{"manager": "kubectl"}]}
    spec: dict[str, Any] = made["spec"]
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", ["Ingress", *(["Egress"] if spec.get("egress") else [])])
    for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
        for port in rule.get("ports", ()):
            port.setdefault("protocol", "TCP")
    return made


def no_self_test(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the section ``walls`` of settings of a node: without self-test, unless given there.

    Nothing in a fake cluster could enforce or open a way.
    """
    return {"walls": {"self_test_hours": None, **settings.get("walls", {})}}
