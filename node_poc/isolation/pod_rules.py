"""PURE: the rules for the pod of a Job: its fields, volumes, mounts and its one container."""

from __future__ import annotations

from collections.abc import Iterator

from node_poc.config.model import NodeConfig
from node_poc.isolation.cel import either, equals, has_only, literal, same_amounts
from node_poc.isolation.rules import CONTAINER, JOB, POD, RUN, Object, Rule, fixed_rules, only_rule
from node_poc.isolation.tester_rules import amount_rule
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.security import STRICT_GROUPS, container_resources
from node_poc.manifests.volumes import RECURSIVE_READ_ONLY, SHARED_FOLDER
from node_poc.runs.image_resources import all_resources
from node_poc.runs.pod_protections import runtime_classes_of

_BY_RUN = {
    "pod": {
        "containers",
        "initContainers",
        "volumes",
        "hostAliases",
        "runtimeClassName",
        "hostUsers",
        "securityContext",
    },
    "container": {"image", "args", "env", "resources", "volumeMounts"},
}


def pod_rules(config: NodeConfig, sample: Object) -> Iterator[Rule]:
    """Return the rules for the pod's own fields."""
    pod = sample["spec"]["template"]["spec"]
    classes = sorted(runtime_classes_of(config))
    more = {"runtimeClassName"} if classes else set()
    more |= {"hostUsers"} if config.kubernetes.pods.user_namespaces == "auto" else set()
    yield only_rule(POD, "spec.template.spec", pod | dict.fromkeys(more), "pod")
    fixed = {key: value for key, value in pod.items() if key not in _BY_RUN["pod"]}
    yield from fixed_rules(POD, "spec.template.spec", fixed)
    yield Rule(f"size({POD}.containers) == 1", "spec.template.spec.containers: must be one")
    yield from _user_rules(config, pod)
    if classes:
        yield _runtime_class_rule(classes)


def volume_rules(config: NodeConfig, sample: Object) -> Iterator[Rule]:
    """Return the rules for volumes: each must have a source of the sample, by its name."""
    volumes = sample["spec"]["template"]["spec"]["volumes"]
    databases = [each for each in volumes if each["name"].startswith("database-")]
    cases = [
        f"volume.name == {literal(each['name'])} && ({_source('volume', each, config)})"
        for each in volumes
        if each not in databases
    ]
    if databases:
        sources = [each["hostPath"] for each in databases]
        cases.append(
            "volume.name.startsWith('database-') && "
            f"{has_only('volume', ['name', 'hostPath'])} && "
            f"dyn(volume).hostPath in {literal(sources)}"
        )
    known = either(cases)
    yield Rule(
        f"{POD}.volumes.all(volume, {known})",
        "spec.template.spec.volumes: has one that is not of the node's configuration",
        "'spec.template.spec.volumes: not of the configuration: ' + "
        f"{POD}.volumes.filter(volume, !({known})).map(volume, volume.name).join(', ')",
    )
    yield Rule(
        f"!has({CONTAINER}.volumeMounts) || "
        f"{CONTAINER}.volumeMounts.all(mount, {_mount_rule(config, sample)})",
        "spec.template.spec.containers[0].volumeMounts: a run mounts its own folder, a shared "
        "folder, and databases read-only",
    )


def _source(part: str, volume: Object, config: NodeConfig) -> str:
    (kind,) = volume.keys() - {"name"}
    only = has_only(part, volume)
    if kind == "emptyDir":  # the API server may spell the quantity differently
        sizes = [
            same_amounts(
                f"{part}.emptyDir", {"sizeLimit": each.kubernetes.resources.ephemeral_storage}
            )
            for each in all_resources(config).values()
        ]
        return f"{only} && ({either(sizes)})"
    return f"{only} && dyn({part}).{kind} == {literal(volume[kind])}"


def _mount_rule(config: NodeConfig, sample: Object) -> str:
    mounts = sample["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    tasks = mounts[0]["name"]
    keys = {key for mount in mounts for key in mount}
    shared = literal(f"{SHARED_FOLDER}/")
    own = f"(mount.subPath.startsWith({RUN} + '/') || mount.subPath.startsWith({shared}))"
    cases = [f"mount.name == {literal(tasks)} && has(mount.subPath) && {own}"]
    if config.kubernetes.security.read_only_root_filesystem:
        cases.append(f"mount.name == {literal(mounts[-1]['name'])} && !has(mount.subPath)")
    inside = sorted({m["subPath"] for m in mounts[2:] if "subPath" in m})
    read_only = f"has(mount.readOnly) && mount.readOnly && {_recursion(config)}"
    if inside:
        cases.append(
            f"mount.name == {literal(mounts[2]['name'])} && {read_only} && "
            f"has(mount.subPath) && mount.subPath in {literal(inside)}"
        )
    else:
        cases.append(f"mount.name.startsWith('database-') && {read_only}")
    return f"{has_only('mount', keys)} && ({either(cases)})"


def _recursion(config: NodeConfig) -> str:
    """Return the expression: a database's mount is recursively read-only as configured."""
    choice = config.kubernetes.pods.recursive_read_only
    if choice == "off":  # the sample has no such field, so no mount may have the field
        return "true"
    equal = equals("mount", "recursiveReadOnly", RECURSIVE_READ_ONLY[choice])
    # A cluster older than 1.30 drops the field.
    return f"(!('recursiveReadOnly' in dyn(mount)) || {equal})" if choice == "auto" else equal


def _user_rules(config: NodeConfig, pod: Object) -> Iterator[Rule]:
    """Yield the rules for users and groups. With `auto` a Job may have a protection or lack it."""
    choices = config.kubernetes.pods
    yours = "must be as the node's configuration says"
    if choices.user_namespaces != "off":
        own = equals(POD, "hostUsers", value=False)
        absent = f"!('hostUsers' in dyn({POD})) || " if choices.user_namespaces == "auto" else ""
        yield Rule(f"{absent}{own}", f"spec.template.spec.hostUsers: {yours}")
    given = pod["securityContext"]
    forms = [given, given | STRICT_GROUPS] if choices.strict_groups == "auto" else [given]
    allowed = either([equals(POD, "securityContext", each) for each in forms])
    yield Rule(allowed, f"spec.template.spec.securityContext: {yours}")


def _runtime_class_rule(classes: list[str]) -> Rule:
    """Return the rule: a Job has no RuntimeClass, or one of the configuration."""
    return Rule(
        f"!has({POD}.runtimeClassName) || {POD}.runtimeClassName in {literal(classes)}",
        "spec.template.spec.runtimeClassName: must be one of the node's configuration",
    )


def container_rules(config: NodeConfig, sample: Object) -> Iterator[Rule]:
    """Return the rules for the one container."""
    container = sample["spec"]["template"]["spec"]["containers"][0]
    where = "spec.template.spec.containers[0]"
    yield only_rule(CONTAINER, where, container, "container")
    fixed = {key: value for key, value in container.items() if key not in _BY_RUN["container"]}
    yield from fixed_rules(CONTAINER, where, fixed)
    yield Rule(
        f"{CONTAINER}.image == {JOB}.annotations[{literal(identity.ANNOTATION_IMAGE)}]",
        f"{where}.image: must be the image of the Job's annotation",
    )
    forms = [" && ".join(_resources(each)) for each in _forms_of_resources(config)]
    yield Rule(either(forms), f"{where}.resources: must be as the node's configuration says")
    secret = literal(Identity(config.kubernetes.node_name).databases_secret_name)
    yield Rule(
        f"{CONTAINER}.env.all(each, !has(each.valueFrom) || "
        f"{has_only('each.valueFrom', ['secretKeyRef'])} && "
        f"each.valueFrom.secretKeyRef.name == {secret})",
        f"{where}.env: only the node's Secret for databases may be named",
    )


def _forms_of_resources(config: NodeConfig) -> list[Object]:
    """Return the resources of all images; the policy cannot tell which image needs which."""
    return [
        container_resources(each.kubernetes.resources, gpu=each.algorithm_device_requests.gpu)
        for each in all_resources(config).values()
    ]


def _resources(amounts: Object) -> Iterator[str]:
    """Return the conditions on the container's resources."""
    yield has_only(f"{CONTAINER}.resources", amounts)
    for kind, given in amounts.items():
        part = f"dyn({CONTAINER}.resources).{kind}"
        yield has_only(part, given)
        yield from (amount_rule(part, name, value) for name, value in given.items())
