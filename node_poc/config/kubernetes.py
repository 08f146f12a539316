"""``kubernetes``: settings that a Docker node never had. Each key's name contains its unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from node_poc.config.base import DNS_LABEL, Strict
from node_poc.config.bounds import Limits, Resources, Security
from node_poc.config.databases import DatabaseEgress
from node_poc.config.images import Images
from node_poc.config.kinds.registry import DEFAULT, known_name
from node_poc.config.placement import Part, Placement
from node_poc.config.pods import Pods
from node_poc.config.quantities import Quantity, amount
from node_poc.config.walls import Walls


class Storage(Strict):
    """The places of ``task_dir`` and the databases.

    ``hostPath``: folders of the machine, at the same path on the machine and in the node's pod.
    ``pvc``: ``task_dir`` is the mount path of ``claim`` in the node's pod, and database paths are
    below ``databases_root``, the mount path of ``databases_claim``.
    """

    mode: Literal["hostPath", "pvc"] = "hostPath"
    """`hostPath`: folders of the machine. `pvc`: [volume claims](#volume-claims).

    Default: a Docker node's folders work without preparation.
    """

    claim: str | None = Field(default=None, pattern=DNS_LABEL)
    """With `pvc`: name of the claim of `task_dir`."""

    databases_claim: str | None = Field(default=None, pattern=DNS_LABEL)
    """With `pvc`: name of the claim of the databases."""

    databases_root: str = "/databases"
    """With `pvc`: the folder in which the paths of databases begin.

    Default: no usual image has a folder of this name.
    """

    size: Quantity | None = None
    """With `pvc`: size of the claim of `task_dir`; `render vantage6` and `v6-node start` then make
    the claim. `v6-node remove` leaves the claim. Null: the site makes the claim.
    """

    databases_size: Quantity | None = None
    """The same for the claim of the databases. The site puts the data into the claim."""

    storage_class: str | None = Field(default=None, min_length=1, max_length=253)
    """StorageClass of the claims that are made. Null: the cluster's default class."""

    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """Access mode of the claims that are made. With `ReadWriteOnce`, all runs are placed on the
    machine of the node's pod, also with claims of the site.

    Default: runs may use all machines.
    """

    min_free: Quantity | None = "1Gi"
    """Free space on the disk of `task_dir`, in bytes or with a unit such as `Gi`, together with
    10,000 free inodes. With less, the node starts no run: new runs wait with cause
    `InsufficientDisk`, and `/readyz` says why. Null: the node always starts runs.

    Default: room for the node's own records, and for the results of the active runs.
    """

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
    """Name of the proxy's Service.

    Default: the name in the dummy server's setup. With a vantage6 server the default ends in a hash
    of `node_name`, because each node has a proxy of its own.
    """

    host_name: str = "v6proxy.v6proxy-subdomain.v6-jobs"
    """Name of the proxy for algorithms.

    Default: the name in the proof of concept. With a vantage6 server the default is `proxyserver`,
    as on a Docker node.
    """

    port: int = Field(default=8080, ge=1, le=65535)
    """TCP port of the proxy.

    Default: as in vantage6; users other than root may open the port.
    """

    results: Literal["job", "collaboration"] = "job"
    """Results that an algorithm may read: `job` for those of its own job, `collaboration` for all
    results that the server shows. See [below](#whose-results-an-algorithm-may-read).

    Default: an algorithm of one study must not read the results of another study.
    """


class Kubernetes(Strict):
    """All settings of the cluster, beside vantage6's own."""

    node_name: str = Field(default="v6-node", min_length=1, max_length=200)
    """Name of the node. The names of all its objects begin with this name.

    Default: the name in the dummy server's setup. With a vantage6 server the default ends in a hash
    of the API key, which keeps two nodes apart; set the name if you intend to change the key.
    """

    namespace: str = Field(default="v6-jobs", pattern=DNS_LABEL)
    """Namespace of all objects and Jobs.

    Default: the namespace of the proof of concept.
    """

    pod_security: Literal["auto", "privileged", "baseline", "restricted"] = "auto"
    """Level of Pod Security that the rendered Namespace enforces. `auto`: the strictest level that
    this node's pods allow. Nodes that share a namespace need a level that allows the pods of all,
    such as `privileged` if one of them uses folders of the machine.

    Default: each node has its own namespace, and as little as possible is allowed there.
    """

    server_kind: Annotated[str, AfterValidator(known_name)] = DEFAULT
    """Kind of the server: `dummy` or `vantage6`.

    Default: `vantage6` with an API key, `dummy` without a key.
    """

    node_image: str = "localhost:5001/v6_node_poc:latest"
    """Image of node and proxy for `render vantage6`. The option `--image` overrides the key.

    Default: the registry of the dev cluster.
    """

    node_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "Always"
    """When machines pull the image of node and proxy, for `render vantage6`. `IfNotPresent` and
    `Never` are for images that somebody loads onto the machines.

    Default: a tag may have moved, and an image named by its digest is pulled once only.
    """

    whitelist_image: str = Field(default="localhost:5001/v6_whitelist_proxy:latest", min_length=1)
    """Image of the forward proxy for the names in `whitelist.domains`.

    Default: the image of the dev cluster, built from `whitelist_proxy/Dockerfile`.
    """

    node_cpu_request: Quantity = "250m"
    """CPUs reserved for the node's own pod, for `render vantage6`: at most `1`. With several nodes
    on a small machine, a lower value lets all of them start.

    Default: in a burst of runs this share decides how fast the node sends results.
    """

    storage: Storage = Storage()
    walls: Walls = Walls()
    images: Images = Images()
    proxy: Proxy = Proxy()
    limits: Limits = Limits()
    resources: Resources = Resources()
    security: Security = Security()
    pods: Pods = Pods()

    placement: dict[Part, Placement] = Field(default={})
    """By part: where its pods run, and what the site adds to their metadata, each with the keys
    below. Parts: `algorithms`, `node` and `proxy`; the last two with `render vantage6`.

    Default: Kubernetes chooses the machine.
    """

    queue: str | None = Field(default=None, pattern=DNS_LABEL)
    """Name of a LocalQueue of [Kueue](https://kueue.sigs.k8s.io) in the namespace: each run's Job
    then waits there, with cause `InQueue`, until the queue has room. `limits.schedule_seconds`
    limits the wait. A run that Kueue preempts ends as `failed`, because no run starts twice. None:
    no queue."""

    image_pull_secrets: list[str] = Field(default=[])
    """Names of Secrets with registry logins that the site has made."""

    docker_config_file: str | None = Field(default=None, min_length=1)
    """A file of `docker login` on the machine where you run `render pull-secret`. The node does not
    read the file."""

    ca_file: str | None = Field(default=None, min_length=1)
    """A PEM file of certificate authorities for the server, besides the usual authorities. `render
    vantage6` reads the file (a relative path starts at the folder of the configuration file) and
    gives it to node and proxy."""

    databases_egress: dict[str, DatabaseEgress] = Field(default={})
    """By label: where a database service is, if its URI does not say, or which service a file
    names. See [below](#databases-as-services)."""

    csv_header: dict[str, bool] = Field(default={})
    """By label: whether the first row of a csv file is a header. See [below](#column-names).

    Default: the node judges by the rows.
    """

    runs_in_flight: int = Field(default=50, ge=1, le=1000)
    """Number of Jobs that have not ended. More runs wait, and their senders take turns:
    organizations, or connections at the dummy server.

    Default: Kubernetes keeps no order of hundreds of pending pods, and each active run holds a
    connection for its log.
    """

    keep_finished_seconds: int = Field(default=3600, ge=0)
    """Seconds for which a Job stays after its result was delivered.

    Default: people can still look at the Job on a dashboard for an hour.
    """

    keep_folders_seconds: int | None = Field(default=604_800, ge=0)
    """Seconds for which a run's folder stays after the result was delivered. Null: for ever.

    Default: people can still look at log and output for 7 days.
    """

    log_kept_kilobytes: int = Field(default=20_480, ge=2, le=1_048_576)
    """Kilobytes of a log on disk: one half for the start of the log, the other for its end.

    Default: whole logs of usual algorithms, and 50 active runs together take 1 GiB at most.
    """

    log_tail_kilobytes: int = Field(default=64, ge=1, le=1024)
    """Kilobytes of the end of the log that go to the server with the result.

    Default: enough to explain an error, and small for the server's database.
    """

    audit_megabytes: int = Field(default=256, ge=8, le=65_536)
    """Megabytes of the [audit trail](operations.md#audit-trail) on disk. Beyond that, the node
    removes the oldest file of the trail, and notes the removal in the trail.

    Default: some 80,000 runs.
    """

    output_files_listed: int = Field(default=200, ge=0, le=10_000)
    """Number of files below `/app/output` that a result names, with the dummy server.

    Default: a message to the dummy server stays small.
    """

    def placement_of(self, part: Part) -> Placement:
        """Return the placement of a part; an empty one if the site has set none."""
        return self.placement.get(part, Placement())

    @field_validator("node_cpu_request")
    @classmethod
    def _node_within_its_limit(cls, request: str) -> str:
        if amount(request) > 1:
            raise ValueError("must be at most 1: the node's pod may use one processor")
        return request
