"""Bounds of one run below ``kubernetes``: waiting and running time, disk, resources, rights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from node_poc.config.base import Strict
from node_poc.config.image_rules import EXTENDED_RESOURCE, ImageResources
from node_poc.config.placement import Part
from node_poc.config.quantities import Quantity, amount


class Limits(Strict):
    """How long a run may wait or last, in seconds, and how much disk space a run may use."""

    pull_seconds: float = Field(default=600, gt=0)
    """Seconds for an image pull that may still succeed.

    Default: large images take minutes over a slow line.
    """

    hopeless_seconds: float = Field(default=15, ge=0)
    """Seconds for a fault that Kubernetes reports as final, such as a refused image or a missing
    file. For an image that is not in its registry: 3 seconds at most.

    Default: the first pull error is not always final, and the kubelet tries again after 10 seconds.
    """

    schedule_seconds: float | None = Field(default=None, gt=0)
    """Seconds to wait for room in the cluster or in a quota. None: no limit.

    Default: room comes when other runs end, and runs may last for days.
    """

    too_large_seconds: float | None = Field(default=600, gt=0)
    """Seconds to wait for a machine that is large enough, while a run asks for more CPUs, memory or
    GPUs than any machine of the cluster has in all. Then the run ends as `start failed`, cause
    `RunTooLarge`. Null: no limit.

    Default: an autoscaler adds a machine within minutes; without one, the run would wait for ever.
    """

    start_seconds: float = Field(default=1800, gt=0)
    """Seconds from a place in the cluster to a running container, image pull included, when no
    cause is reported.

    Default: longer than `pull_seconds`, because a slow start without a reported fault may succeed.
    """

    node_lost_seconds: int = Field(default=60, ge=0)
    """Seconds for which a machine of the cluster may be silent. After that time, its runs are lost,
    and node and proxy start on another machine.

    Default: Kubernetes' own five minutes are long for people who wait.
    """

    run_seconds: int | None = Field(default=None, gt=0)
    """Seconds from the Job's start to its end. None: no limit.

    Default: algorithms may last for seconds or for days. Set a limit if yours are quick, because an
    algorithm that hangs keeps its place for ever.
    """

    grace_seconds: int = Field(default=1, ge=1)
    """Seconds between SIGTERM and SIGKILL for an algorithm that is killed. The kubelet gives at
    least two seconds.

    Default: an algorithm that handles SIGTERM is done in this time.
    """

    output_size: Quantity | None = "10Gi"
    """Disk space of the node that a run may take, in bytes or with a unit such as `Gi`. Null: no
    limit. See [what counts](#how-much-of-the-disk-a-run-may-take).

    Default: far above usual results, and small enough that a single run does not fill a disk.
    """

    output_files: int | None = Field(default=100_000, gt=0)
    """Number of files and folders that a run may leave. Null: no limit.

    Default: far above usual results.
    """


class Resources(Strict):
    """The resources of one algorithm container, in Kubernetes' quantities."""

    cpu: Quantity = "2"
    """CPUs that an algorithm may use: a number, or thousandths such as `500m`.

    Default: several runs fit on a machine of usual size, and most algorithms use one CPU.
    """

    memory: Quantity = "2Gi"
    """Memory that an algorithm may use, in bytes or with a unit such as `Gi`.

    Default: several runs fit on a machine of usual size. Raise the limit for large tables: they are
    loaded as a whole.
    """

    ephemeral_storage: Quantity = "2Gi"
    """Scratch space (`/tmp`) that an algorithm may use, in bytes or with a unit such as `Gi`.

    Default: as much as memory.
    """

    cpu_request: Quantity = "50m"
    """CPUs reserved for an algorithm, in the form of `cpu`.

    Default: small, so that many runs start at once. Raise the value where runs slow each other
    down.
    """

    memory_request: Quantity = "64Mi"
    """Memory reserved for an algorithm, in the form of `memory`.

    Default: small, so that many runs start at once.
    """

    ephemeral_storage_request: Quantity = "64Mi"
    """Scratch space reserved for an algorithm, in the form of `ephemeral_storage`.

    Default: small, so that many runs start at once.
    """

    gpus: int = Field(default=1, ge=1)
    """Number of GPUs for each run, with `algorithm_device_requests.gpu: true`.

    Default: a run that takes all GPUs keeps every other run with GPUs waiting.
    """

    gpu_resource: str = Field(default="nvidia.com/gpu", pattern=EXTENDED_RESOURCE)
    """Name of the cluster's GPUs, as their device plugin names them: `nvidia.com/gpu`,
    `amd.com/gpu`, `nvidia.com/mig-1g.5gb`, or any extended resource.

    Default: vantage6's own GPUs are NVIDIA's.
    """

    by_image: list[ImageResources] = Field(default=[], max_length=20)
    """Rules for images that need other resources, 20 at most, each with the keys below. The first
    rule that matches an image counts; for a key that the rule leaves out, the keys above count."""

    def with_rule(self, rule: ImageResources) -> Resources:
        """Return the resources of the images of a rule."""
        given = rule.model_dump(exclude={"images"}, exclude_none=True)
        if rule.gpus == 0:
            del given["gpus"]  # the caller asks for no GPU at all
        return self.model_copy(update={**given, "by_image": []})

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Resources:
        _check_requests(self, "")
        for index, rule in enumerate(self.by_image):
            _check_requests(self.with_rule(rule), f"by_image[{index}].")
        return self


def _check_requests(resources: Resources, path: str) -> None:
    for name in ("cpu", "memory", "ephemeral_storage"):
        limit, request = getattr(resources, name), getattr(resources, f"{name}_request")
        if amount(request) > amount(limit):
            raise ValueError(
                f"{path}{name}_request: {request} is above {name}, {limit}; Kubernetes would take "
                "no run; lower the request or raise the limit"
            )


class Security(Strict):
    """The user of algorithm containers. ``run_as_user: null`` leaves the user to the image."""

    run_as_user: int | None = Field(default=10001, ge=0, le=2**31)
    """Number of the user of algorithms, with `HOME=/tmp` and the user name `algorithm`. Null: the
    image's own user, which may be root, with the image's own home.

    Default: the node's own user, who can remove everything that a run left. On most machines the
    number belongs to nobody else.
    """

    read_only_root_filesystem: bool = True
    """With false, an algorithm may write into the folders of its image. `/tmp` is writable in both
    cases.

    Default: an attacker in an algorithm cannot change the algorithm's programs.
    """

    users: dict[Part, Literal["fixed", "cluster"]] = Field(default={})
    """By part (`algorithms`, `node`, `proxy`): `fixed` or `cluster`. With `cluster`, the pods of a
    part name no user and no group, and the cluster sets both, as OpenShift does under
    `restricted-v2`; the pods still refuse root. `algorithms` and `node` share files and therefore
    need the same value; `cluster` needs `storage.mode: pvc` for them, and no `run_as_user`. `proxy`
    includes the forward proxy of `whitelist.domains`.

    Default: `fixed`, because other clusters set no user and the image's user would count.
    """

    def are_users_fixed(self, part: Part) -> bool:
        """Return whether the pods of a part name their user and groups."""
        return self.users.get(part, "fixed") == "fixed"
