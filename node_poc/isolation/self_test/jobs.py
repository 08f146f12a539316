"""PURE: the Jobs of the self-test, made by the builder of algorithms' Jobs.

A *tester* has the labels, and so the NetworkPolicies, of an algorithm, and its security context.
The *control* has a label of its own, so that no policy of the node selects the pod. Both run the
node's image, mount no file of the node, and get no Secret and no ServiceAccount. Only the pods that
test protections mount the databases, as runs do, and an empty folder; their program reads neither.
Their label ``run-id`` is no number, so that nobody takes them for runs.
"""

from __future__ import annotations

from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.targets import COMMAND
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.runs.image_resources import without_gpus
from node_poc.runs.model import Mount, MountSource, RunSpec

#: Kubernetes ends a Job of the self-test after this time, and removes the ended Job.
DEADLINE_SECONDS = 150
KEEP_SECONDS = 60


#: A shared folder of the node for the pods that test protections.
TEST_FOLDER = "protections"


def mounts_of_a_run(config: NodeConfig, *, with_task_dir: bool) -> tuple[Mount, ...]:
    """Return mounts as runs have them: all databases with files, and a folder of ``task_dir``."""
    own = Mount(MountSource.SHARED, TEST_FOLDER, f"/test/{TEST_FOLDER}", is_folder=True)
    files = [each for each in config.databases if not each.is_service]
    databases = (Mount(MountSource.DATABASE, d.label, f"/test/db/{d.label}") for d in files)
    return (*([own] if with_task_dir else []), *databases)


def build_tester(
    config: NodeConfig,
    group: int,
    number: str,
    plan: str,
    *,
    is_control: bool = False,
    mounts: tuple[Mount, ...] = (),
) -> dict[str, Any]:
    """Return the Job of one pod of the self-test.

    Args:
        config: configuration of the node, whose ``kubernetes.node_image`` the pod runs.
        group: group id of the node's process, as for an algorithm.
        number: digits, different for each pod: part of the Job's name.
        plan: what the pod tries (``targets.plan_of``).
        is_control: whether the pod is the control.
        mounts: ``mounts_of_a_run``, for a pod that tests protections.
    """
    image = config.kubernetes.node_image
    spec = RunSpec(run_id=0, image=image, arguments=(COMMAND, plan), mounts=mounts)
    job = build_job(spec, without_gpus(config), None, group)  # a GPU would be taken from runs
    run = f"{identity.TESTER_RUN}{number}"
    component = identity.COMPONENT_CONTROL if is_control else identity.COMPONENT_ALGORITHM
    for made in (job, job["spec"]["template"]):
        made["metadata"]["labels"] |= {
            identity.LABEL_RUN: run,
            identity.LABEL_COMPONENT: component,
        }
    job["metadata"]["labels"].pop(identity.LABEL_QUEUE, None)  # the test must not wait for runs
    job["metadata"]["name"] = Identity(config.kubernetes.node_name).tester_name(run)
    job["spec"] |= {
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "ttlSecondsAfterFinished": KEEP_SECONDS,
    }
    return job
