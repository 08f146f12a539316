"""PURE: the ValidatingAdmissionPolicy that keeps a node's ServiceAccount to its own Jobs.

RBAC can only say that the node may create Jobs. Without this policy, an attacker who takes over the
node's process can start any pod of the namespace: with the machine's files, with other Secrets,
without a NetworkPolicy. The policy admits the Jobs that ``manifests/job.py`` builds, and no others.
It follows from a sample Job of that builder: a field that the sample has not, no Job may have; a
value that depends on the configuration only, every Job must have.

An administrator applies the policy once, and again after each change of the configuration:

    python -m node_poc render job-policy | kubectl apply -f -
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from node_poc.config.model import NodeConfig
from node_poc.isolation.cel import equals, literal
from node_poc.isolation.gate_rules import gate_rules
from node_poc.isolation.job_rules import job_rules
from node_poc.isolation.pod_rules import container_rules, pod_rules, volume_rules
from node_poc.isolation.rules import Object, Rule
from node_poc.isolation.tester_rules import tester_rules
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.runs.model import Mount, MountSource, RunSpec


def build_job_policy(config: NodeConfig, account: str, group: int) -> list[Object]:
    """Return the ValidatingAdmissionPolicy of one node, and its binding.

    Args:
        config: configuration of the node.
        account: the node's ServiceAccount.
        group: group id of the node's process, which owns the folders of runs.
    """
    names = Identity(config.kubernetes.node_name)
    namespace = config.kubernetes.namespace
    name = f"{namespace}-{names.node_label}-jobs"
    metadata = {
        "name": name,
        "labels": {**names.own_labels, identity.LABEL_ACTS_IN: namespace},
    }
    policy: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            **_of_account(f"system:serviceaccount:{namespace}:{account}"),
            "failurePolicy": "Fail",
            "validations": [
                *_changes(names),
                *(rule.to_object() for rule in _rules(config, group)),
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, binding]


def _of_account(user: str) -> Object:
    """Return the part of the policy that selects the requests of one user for Jobs."""
    jobs = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["jobs"],
    }
    by_user = f"request.userInfo.username == {literal(user)}"
    return {
        "matchConstraints": {"resourceRules": [jobs]},
        "matchConditions": [{"name": "the-node", "expression": by_user}],
    }


def _changes(names: Identity) -> Iterator[Object]:
    """Return the rules for changing and deleting Jobs: the node's own, and never their pods."""
    own = equals("oldObject.metadata.labels", identity.LABEL_NODE, names.node_label)
    yield {
        "expression": f"request.operation == 'CREATE' || (has(oldObject.metadata.labels) && {own})",
        "message": "the node may change and delete its own Jobs only",
        "reason": "Forbidden",
    }
    kept = " && ".join(
        f"dyn(object).{part} == dyn(oldObject).{part}"
        for part in ("spec.template", "spec.suspend", "metadata.labels")
    )
    yield {
        "expression": f"request.operation != 'UPDATE' || ({kept})",
        "message": "spec.template, spec.suspend and metadata.labels of a Job stay as they are",
        "reason": "Forbidden",
    }


def _rules(config: NodeConfig, group: int) -> Iterator[Rule]:
    sample = sample_job(config, group)
    return chain(
        job_rules(config, sample),
        pod_rules(config, sample),
        volume_rules(config, sample),
        container_rules(config, sample),
        gate_rules(config, sample),
        tester_rules(config, sample, group),
    )


def sample_job(config: NodeConfig, group: int) -> Object:
    """Return the Job of a run with a mount of each kind, and of each database with files."""
    databases = [database for database in config.databases if not database.is_service]
    spec = RunSpec(
        run_id=0,
        image="image",
        mounts=(
            Mount(MountSource.RUN, "output", "/output", read_only=False, is_folder=True),
            Mount(MountSource.SHARED, "shared", "/shared", read_only=False, is_folder=True),
            *(Mount(MountSource.DATABASE, each.label, f"/{each.label}") for each in databases),
        ),
    )
    is_gated = config.kubernetes.walls.gate != "off"
    return build_job(spec, config, "192.0.2.1", group, is_gated=is_gated)
