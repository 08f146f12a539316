"""``kubernetes``: settings that a Docker node never had. Each key's name contains its unit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from node_poc.config.base import DNS_LABEL, Strict
from node_poc.config.databases import DatabaseEgress
from node_poc.config.quantities import Quantity, amount


class Limits(Strict):
    """How long a run may wait or last, in seconds, and how much disk space a run may use."""

    pull_seconds: float = Field(default=600, gt=0, description="an image that may still come")
    hopeless_seconds: float = Field(
        default=15,
        ge=0,
        description="a trouble that says it cannot get better: one more try; absent images: 3",
    )
    schedule_seconds: float | None = Field(
        default=None, gt=0, description="for room in the cluster; null: no limit"
    )
    start_seconds: float = Field(
        default=1800, gt=0, description="from a place in the cluster to a container, pull included"
    )
    node_lost_seconds: int = Field(
        default=60, ge=0, description="a cluster node that is unreachable before its runs are lost"
    )
    run_seconds: int | None = Field(
        default=None, gt=0, description="from the Job's start to its end; null: no limit"
    )
    grace_seconds: int = Field(
        default=1, ge=1, description="that a killed algorithm has to tidy up after its SIGTERM"
    )
    output_size: Quantity | None = Field(
        default="10Gi", description="of the node's disk that a run may take; null: no limit"
    )
    output_files: int | None = Field(
        default=100_000, gt=0, description="files and folders a run may leave; null: no limit"
    )


class Resources(Strict):
    """The resources of one algorithm container, in Kubernetes' quantities."""

    cpu: Quantity = "2"
    memory: Quantity = "2Gi"
    ephemeral_storage: Quantity = "2Gi"
    cpu_request: Quantity = "50m"
    memory_request: Quantity = "64Mi"
    ephemeral_storage_request: Quantity = "64Mi"
    gpus: int = Field(default=1, ge=1, description="if algorithm_device_requests.gpu is true")

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Resources:
        for name in ("cpu", "memory", "ephemeral_storage"):
            limit, request = getattr(self, name), getattr(self, f"{name}_request")
            if amount(request) > amount(limit):
                raise ValueError(
                    f"{name}_request: {request} is above {name}, {limit}; Kubernetes would take no "
                    "run; lower the request or raise the limit"
                )
        return self


class Security(Strict):
    """The user of algorithm containers. ``run_as_user: null`` leaves the user to the image."""

    run_as_user: int | None = Field(default=10001, ge=0, le=2**31)
    read_only_root_filesystem: bool = True


class Storage(Strict):
    """The places of ``task_dir`` and the databases.

    ``hostPath``: folders of the machine, at the same path on the machine and in the node's pod.
    ``pvc``: ``task_dir`` is the mount path of ``claim`` in the node's pod, and database paths are
    below ``databases_root``, the mount path of ``databases_claim``.
    """

    mode: Literal["hostPath", "pvc"] = "hostPath"
    claim: str | None = Field(default=None, pattern=DNS_LABEL)
    databases_claim: str | None = Field(default=None, pattern=DNS_LABEL)
    databases_root: str = "/databases"
    min_free: Quantity | None = Field(
        default="1Gi", description="of task_dir's disk, or no run is started; null: no limit"
    )

    @model_validator(mode="after")
    def _claims(self) -> Storage:
        if self.mode == "pvc" and not (self.claim and self.databases_claim):
            raise ValueError("mode pvc needs claim and databases_claim")
        return self


class Proxy(Strict):
    """How algorithms find the proxy: a ClusterIP Service with its address in hostAliases.

    With a vantage6 server each node has its own proxy and other defaults
    (``node_poc.config.defaults``).
    """

    service: str = Field(default="v6proxy", pattern=DNS_LABEL)
    host_name: str = "v6proxy.v6proxy-subdomain.v6-jobs"
    port: int = Field(default=8080, ge=1, le=65535)
    results: Literal["job", "collaboration"] = "job"


class Kubernetes(Strict):
    """All settings of the cluster, beside vantage6's own."""

    node_name: str = Field(default="v6-node", min_length=1, max_length=200)
    namespace: str = Field(default="v6-jobs", pattern=DNS_LABEL)
    server_kind: Literal["dummy", "vantage6"] = "dummy"
    node_image: str = Field(
        default="localhost:5001/v6_node_poc:latest", description="of the node and its proxy"
    )
    node_cpu_request: Quantity = Field(
        default="250m", description="of processor kept free for the node's own pod"
    )
    storage: Storage = Storage()
    proxy: Proxy = Proxy()
    limits: Limits = Limits()
    resources: Resources = Resources()
    security: Security = Security()
    image_pull_secrets: list[str] = Field(default=[])
    docker_config_file: str | None = Field(
        default=None,
        min_length=1,
        description="a `docker login` file where `render pull-secret` is run; the node reads none",
    )
    ca_file: str | None = Field(
        default=None,
        min_length=1,
        description="certificates of authorities that vouch for the server, besides the usual",
    )
    databases_egress: dict[str, DatabaseEgress] = Field(
        default={}, description="by label: how to get to a service database, beside its URI"
    )
    csv_header: dict[str, bool] = Field(
        default={},
        description="by label: whether a csv file's first row is a header; left out: it is judged",
    )
    runs_in_flight: int = Field(
        default=50, ge=1, le=1000, description="Jobs that have not ended; more runs wait their turn"
    )
    keep_finished_seconds: int = Field(
        default=3600, ge=0, description="how long a delivered Job stays, for dashboards"
    )
    keep_folders_seconds: int | None = Field(
        default=604_800,
        ge=0,
        description="how long a run's folder stays after its delivery; null: for ever",
    )
    log_kept_kilobytes: int = Field(
        default=20_480,
        ge=2,
        le=1_048_576,
        description="of a log on disk: half its begin, half its end",
    )
    log_tail_kilobytes: int = Field(default=64, ge=1, le=1024)
    output_files_listed: int = Field(default=200, ge=0, le=10_000)

    @field_validator("node_cpu_request")
    @classmethod
    def _node_within_its_limit(cls, request: str) -> str:
        if amount(request) > 1:
            raise ValueError("must be at most 1: the node's pod may use one processor")
        return request
