"""ResourceQuotas and LimitRanges that would refuse a run, or keep runs waiting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.listing import list_all
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.config.quantities import amount
from node_poc.isolation.job_policy import sample_job
from node_poc.runs.image_resources import all_resources

Amounts = Mapping[str, Decimal]
_RESOURCES = "kubernetes.resources"


def look_at_quotas(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield what quotas and LimitRanges mean for a run. Raises ClusterError."""
    space = f"/api/v1/namespaces/{config.kubernetes.namespace}"
    quotas, _ = list_all(api, f"{space}/resourcequotas", "")
    ranges, _ = list_all(api, f"{space}/limitranges", "")
    found = [
        about(key, line)
        for key, made in all_resources(config).items()
        for line in _of_all(quotas, ranges, *of_a_run(made))
    ]
    count = len(quotas) + len(ranges)
    yield from found or [ok(f"{count} quotas and LimitRanges leave room for a run")]


def about(key: str, line: Line) -> Line:
    """Return a line about the resources below a key; the usual key needs no name."""
    return line if key == _RESOURCES else replace(line, found=f"{key}: {line.found}")


def _of_all(
    quotas: Sequence[Mapping[str, Any]],
    ranges: Sequence[Mapping[str, Any]],
    requests: Amounts,
    limits: Amounts,
) -> Iterator[Line]:
    for quota in quotas:
        yield from of_quota(quota, requests, limits)
    for limit in ranges:
        yield from of_limit_range(limit, requests, limits)


def of_a_run(config: NodeConfig) -> tuple[Amounts, Amounts]:
    """Return (requests, limits) of a run's container, by resource.

    An extended resource such as a GPU is requested by its limit.
    """
    pod = sample_job(config, os.getgid())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    asked = container["resources"]
    limits = amounts(asked["limits"])
    extended = {name: value for name, value in limits.items() if "/" in name}
    return amounts(asked["requests"]) | extended, limits


def amounts(quantities: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the quantities by resource, without quantities that have an exponent (1e3)."""
    found = {}
    for name, text in quantities.items():
        try:
            found[name] = amount(str(text))
        except ValueError:
            continue
    return found


def plain(quantity: Decimal) -> str:
    """Return a quantity for people, without zeros at the end and without an exponent."""
    return f"{quantity.normalize():f}"


def of_quota(quota: Mapping[str, Any], requests: Amounts, limits: Amounts) -> Iterator[Line]:
    """Yield each resource of a ResourceQuota that has no room for a run, ever or now.

    The names of resources: https://kubernetes.io/docs/concepts/policy/resource-quotas/.
    """
    needed = {"pods": Decimal(1), "count/pods": Decimal(1), "count/jobs.batch": Decimal(1)}
    needed |= {f"requests.{name}": value for name, value in requests.items()}
    needed |= {name: requests[name] for name in ("cpu", "memory") if name in requests}
    # Quotas know extended resources by their requests only.
    needed |= {f"limits.{name}": value for name, value in limits.items() if "/" not in name}
    name = quota["metadata"]["name"]
    status = quota.get("status", {})
    hard, used = (amounts(status.get(part, {})) for part in ("hard", "used"))
    for resource in sorted(hard.keys() & needed.keys()):
        most, asked = hard[resource], needed[resource]
        room = max(most - used.get(resource, Decimal()), Decimal())
        if most < asked:
            yield failure(
                f"the quota {name} allows {plain(most)} of {resource}, and a run asks for "
                f"{plain(asked)}",
                f"raise the quota, or lower {_RESOURCES}",
            )
        elif room < asked:
            yield warning(
                f"the quota {name} has {plain(room)} of {resource} left, and a run asks for "
                f"{plain(asked)}: runs wait",
                "raise the quota, or wait for the end of other pods",
            )


def of_limit_range(limit: Mapping[str, Any], requests: Amounts, limits: Amounts) -> Iterator[Line]:
    """Yield each rule of a LimitRange that refuses a run's only large container."""
    name = limit["metadata"]["name"]
    for rule in limit["spec"].get("limits", []):
        if rule.get("type") not in ("Container", "Pod"):
            continue
        subject = f"the LimitRange {name}"
        for resource, most in amounts(rule.get("max", {})).items():
            if limits.get(resource, 0) > most:
                yield failure(
                    f"{subject} allows at most {plain(most)} of {resource}, and a run's limit is "
                    f"{plain(limits[resource])}",
                    f"raise the LimitRange, or lower {_RESOURCES}",
                )
        for resource, least in amounts(rule.get("min", {})).items():
            if resource in requests and requests[resource] < least:
                yield failure(
                    f"{subject} demands at least {plain(least)} of {resource}, and a run requests "
                    f"{plain(requests[resource])}",
                    f"lower the LimitRange, or raise {_RESOURCES}",
                )
        yield from _of_ratio(subject, rule, requests, limits)


def _of_ratio(
    subject: str, rule: Mapping[str, Any], requests: Amounts, limits: Amounts
) -> Iterator[Line]:
    for resource, most in amounts(rule.get("maxLimitRequestRatio", {})).items():
        asked = requests.get(resource)
        if asked and resource in limits and limits[resource] / asked > most:
            yield failure(
                f"{subject} allows a limit of at most {plain(most)} times the request of "
                f"{resource}, and a run has {limits[resource] / asked:.1f} times",
                f"raise the LimitRange, or bring request and limit in {_RESOURCES} closer together",
            )
