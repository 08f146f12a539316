"""``kubernetes.pods``: how much harder the pods of algorithms are than Kubernetes' defaults."""

from __future__ import annotations

from pydantic import Field

from node_poc.config.base import OBJECT_NAME, Choice, Strict
from node_poc.config.image_rules import ImageExpression


class RuntimeClassRule(Strict):
    """The RuntimeClass of some images."""

    images: ImageExpression
    """A regular expression that matches the start of an image's name, in any spelling. The first
    rule with a match counts, and `.*` matches all images."""

    runtime_class: str = Field(pattern=OBJECT_NAME)
    """Name of a RuntimeClass of the cluster, such as `gvisor`. If the cluster lacks the class, the
    run ends as `start failed` with cause `RuntimeClassMissing`. A protection on `auto` is used only
    if the class has the protection."""


class Pods(Strict):
    """Protections of the container runtime and the kubelet, each as far as the cluster has it."""

    user_namespaces: Choice = "auto"
    """Whether each pod has users of its own (`hostUsers: false`): root in an algorithm's pod is
    then nobody on the machine, and files keep their owner. `auto`: once a self-test has shown that
    the cluster can, for each RuntimeClass by itself. `on`: without support of the cluster, runs end
    as `start failed`.

    Default: protects where possible, and no run is lost elsewhere.
    """

    strict_groups: Choice = "auto"
    """Whether an algorithm has only the groups of its Job, and not those that `/etc/group` of its
    image names for its user (`supplementalGroupsPolicy: Strict`). `auto` and `on` as for
    `user_namespaces`.

    Default: an image cannot give its algorithm the group of other files.
    """

    recursive_read_only: Choice = "auto"
    """Whether a read-only database stays read-only in file systems that the site has mounted below
    its folder. `auto`: where the cluster can. `on`: without support of the cluster, runs with a
    database end as `start failed`. `off`: only the folder's own file system is read-only.

    Default: protects where possible, and no run is lost elsewhere.
    """

    runtime_classes: list[RuntimeClassRule] = Field(default=[])
    """RuntimeClasses for images, such as a sandbox for images of others, each with the keys below.

    Default: the container runtime's own default, runc as a rule.
    """
