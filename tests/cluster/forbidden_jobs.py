"""Changes of a node's Job that only an attacker would make, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Job = dict[str, Any]


def pod(job: Job) -> Job:
    found: Job = job["spec"]["template"]["spec"]
    return found


def container(job: Job) -> Job:
    found: Job = pod(job)["containers"][0]
    return found


def labels(job: Job, **changes: str) -> None:
    """Change labels of the Job and its pod; two underscores stand for ``/``, one for ``-``."""
    for made in (job, job["spec"]["template"]):
        for key, value in changes.items():
            made["metadata"]["labels"]["vantage6.ai/" + key.replace("_", "-")] = value


def volume(source: Job) -> Callable[[Job], None]:
    """Return a change that adds a volume, mounted."""

    def change(job: Job) -> None:
        pod(job)["volumes"].append({"name": "database-99", **source})
        mount = {"name": "database-99", "mountPath": "/x", "readOnly": True}
        container(job)["volumeMounts"].append(mount)

    return change


def in_pod(**fields: Any) -> Callable[[Job], None]:
    return lambda job: pod(job).update(fields)


def in_container(**fields: Any) -> Callable[[Job], None]:
    return lambda job: container(job).update(fields)


def in_pod_security(**fields: Any) -> Callable[[Job], None]:
    return lambda job: pod(job)["securityContext"].update(fields)


def in_security(**fields: Any) -> Callable[[Job], None]:
    return lambda job: container(job)["securityContext"].update(fields)


def in_spec(**fields: Any) -> Callable[[Job], None]:
    return lambda job: job["spec"].update(fields)


def in_metadata(**fields: Any) -> Callable[[Job], None]:
    return lambda job: job["metadata"].update(fields)


def variable(source: Job) -> Callable[[Job], None]:
    return lambda job: container(job)["env"].append({"name": "X", "valueFrom": source})


def mount(index: int, **fields: Any) -> Callable[[Job], None]:
    return lambda job: container(job)["volumeMounts"][index].update(fields)


def whole_tasks(job: Job) -> None:
    del container(job)["volumeMounts"][0]["subPath"]


def writable_database(job: Job) -> None:
    mounts = container(job)["volumeMounts"]
    database = next(m for m in mounts if m["mountPath"].startswith("/db/"))
    del database["recursiveReadOnly"]
    database["readOnly"] = False


def writable_below(job: Job) -> None:
    for each in container(job)["volumeMounts"]:
        if "recursiveReadOnly" in each:
            each["recursiveReadOnly"] = "Disabled"


def unmasked(job: Job) -> None:
    """Kubernetes allows an unmasked /proc only in a user namespace."""
    in_pod(hostUsers=False)(job)
    in_security(procMount="Unmasked")(job)


def renamed_volume(job: Job) -> None:
    """Give the machine's database the name of the writable scratch volume."""
    database = next(v for v in pod(job)["volumes"] if v["name"].startswith("database-"))
    name = database["name"]
    pod(job)["volumes"] = [v for v in pod(job)["volumes"] if v["name"] != "scratch"]
    mounts = [m for m in container(job)["volumeMounts"] if m["name"] != "scratch"]
    database["name"] = "scratch"
    for each in mounts:
        if each["name"] == name:
            each.clear()
            each.update(name="scratch", mountPath="/x", readOnly=False)
    container(job)["volumeMounts"] = mounts


def in_gate(**fields: Any) -> Callable[[Job], None]:
    """Return a change of the gate; a Job without a gate stays as it is."""

    def change(job: Job) -> None:
        for gate in pod(job).get("initContainers", []):
            gate.update(fields)

    return change


HELPER = {"name": "helper", "image": "localhost:5001/evil"}
TOKEN = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
FORBIDDEN: dict[str, Callable[[Job], None]] = {
    "host network": in_pod(hostNetwork=True),
    "host processes": in_pod(hostPID=True, shareProcessNamespace=False),
    "host IPC": in_pod(hostIPC=True),
    "a machine of its choice": in_pod(nodeName="control-plane"),
    "a node selector": in_pod(nodeSelector={"a": "b"}),
    "another ServiceAccount": in_pod(serviceAccountName="admin"),
    "a token of the API": in_pod(automountServiceAccountToken=True),
    "a projected token": volume({"projected": TOKEN}),
    "the machine's files": volume({"hostPath": {"path": "/"}}),
    "the folder above the runs": volume(
        {"hostPath": {"path": "/var/lib/vantage6", "type": "Directory"}}
    ),
    "the folder of a database": volume({"hostPath": {"path": "/srv/data", "type": "Directory"}}),
    "another claim": volume({"persistentVolumeClaim": {"claimName": "another"}}),
    "a Secret as a volume": volume({"secret": {"secretName": "v6-node-private-key"}}),
    "a ConfigMap as a volume": volume({"configMap": {"name": "kube-root-ca.crt"}}),
    "memory as a disk": volume({"emptyDir": {"medium": "Memory"}}),
    "a volume of another kind": volume({"nfs": {"server": "192.0.2.1", "path": "/"}}),
    "a writable database": writable_database,
    "a database as scratch": renamed_volume,
    "the runs of all": whole_tasks,
    "the run of another": mount(0, subPath="8/output"),
    "the node's own notes": mount(0, subPath=".node/open"),
    "mounts that leave the pod": mount(0, mountPropagation="HostToContainer"),
    "a computed path": mount(0, subPath=None, subPathExpr="$(NAME)"),
    "privilege": in_security(privileged=True, allowPrivilegeEscalation=True),
    "a way to privilege": in_security(allowPrivilegeEscalation=True),
    "a capability": in_security(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
    "all capabilities kept": in_security(capabilities={}),
    "a writable image": in_security(readOnlyRootFilesystem=False),
    "a user of its own": in_security(runAsUser=0),
    "all of /proc": unmasked,
    "root": in_pod_security(runAsUser=0, runAsNonRoot=False),
    "the users of the machine": in_pod(hostUsers=True),
    "the groups of the image": in_pod_security(supplementalGroupsPolicy="Merge"),
    "mounts below a database that stay writable": writable_below,
    "another group": in_pod_security(supplementalGroups=[0]),
    "no seccomp": in_pod_security(seccompProfile={"type": "Unconfined"}),
    "a sysctl": in_pod_security(sysctls=[{"name": "net.ipv4.ip_forward", "value": "1"}]),
    "an init container": in_pod(initContainers=[HELPER]),
    "another program in the gate": in_gate(command=["sh", "-c", "true"]),
    "another image in the gate": in_gate(image="localhost:5001/evil"),
    "data in the gate": in_gate(volumeMounts=[{"name": "tasks", "mountPath": "/x"}]),
    "a Secret in the gate": in_gate(envFrom=[{"secretRef": {"name": "v6-node-private-key"}}]),
    "a gate that stays as a sidecar": in_gate(restartPolicy="Always"),
    "a gate with rights": in_gate(securityContext={"privileged": True}),
    "two gates": lambda job: pod(job).get("initContainers", []).append(HELPER),
    "a second container": lambda job: pod(job)["containers"].append(HELPER),
    "a command": in_container(command=["/bin/sh"]),
    "a hook": in_container(lifecycle={"postStart": {"exec": {"command": ["x"]}}}),
    "a port": in_container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "a Secret in the environment": in_container(envFrom=[{"secretRef": {"name": "a"}}]),
    "another Secret": variable({"secretKeyRef": {"name": "another", "key": "a"}}),
    "a ConfigMap in the environment": variable({"configMapKeyRef": {"name": "a", "key": "a"}}),
    "a field of the pod": variable({"fieldRef": {"fieldPath": "status.hostIP"}}),
    "no limits": in_container(resources={}),
    "a larger limit": lambda job: container(job)["resources"]["limits"].update(memory="64Gi"),
    "a device": lambda job: container(job)["resources"]["limits"].update({"example.com/fpga": "1"}),
    "an image that the Job does not name": in_container(image="localhost:5001/evil"),
    "another registry login": in_pod(imagePullSecrets=[{"name": "another"}]),
    "a runtime of its choice": in_pod(runtimeClassName="kata"),
    "a priority": in_pod(priorityClassName="system-node-critical"),
    "a place on every machine": in_pod(tolerations=[{"operator": "Exists"}]),
    "name servers": in_pod(dnsPolicy="ClusterFirst", dnsConfig=None),
    "another restart": in_pod(restartPolicy="OnFailure"),
    "another host name": in_pod(hostname="v6proxy", subdomain="v6proxy"),
    "another node's label": lambda job: labels(job, node="another"),
    "another run's label": lambda job: labels(job, run_id="8"),
    "a way that no database has": lambda job: labels(job, reaches_everything="true"),
    "another way out": lambda job: labels(job, egress="internet"),
    "a pod outside the walls": lambda job: job["spec"]["template"]["metadata"]["labels"].pop(
        "app.kubernetes.io/component"
    ),
    "a label on the pod only": lambda job: job["spec"]["template"]["metadata"]["labels"].update(
        role="proxy"
    ),
    "an annotation for a controller": lambda job: job["spec"]["template"]["metadata"][
        "annotations"
    ].update({"k8s.v1.cni.cncf.io/networks": "host"}),
    "another name": in_metadata(name="anything"),
    "an owner": in_metadata(
        ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "a"}]
    ),
    "a finalizer": in_metadata(finalizers=["example.com/stay"]),
    "many at once": in_spec(parallelism=50, completions=50),
    "a second try": in_spec(backoffLimit=6),
    "another controller": in_spec(managedBy="example.com/controller"),
}


def other_image(job: Job) -> None:
    """Name another image, in the annotations as well."""
    container(job)["image"] = "localhost:5001/evil"
    for made in (job, job["spec"]["template"]):
        made["metadata"]["annotations"]["vantage6.ai/image"] = "localhost:5001/evil"


#: Changes of a Job of the self-test, which has no gate and may be beside the walls.
FORBIDDEN_TESTERS: dict[str, Callable[[Job], None]] = {
    "another image": other_image,
    "another command of the node": in_container(args=["proxy", ""]),
    "a longer command": lambda job: container(job)["args"].append("x"),
    "no command": lambda job: container(job).pop("args"),
    "a variable that changes the program": lambda job: container(job)["env"].append(
        {"name": "PYTHONPATH", "value": "/tmp"}
    ),
    "another value of a variable": lambda job: container(job)["env"][0].update(value="x"),
    "a Secret of the node": variable({"secretKeyRef": {"name": "a", "key": "a"}}),
    "the files of a run": lambda job: (
        container(job)
        .setdefault("volumeMounts", [])
        .append({"name": "tasks", "subPath": "walls-1764324000/x", "mountPath": "/x"})
    ),
    "the shared files": lambda job: (
        container(job)
        .setdefault("volumeMounts", [])
        .append({"name": "tasks", "subPath": "tmp/x", "mountPath": "/x"})
    ),
    "no end": lambda job: job["spec"].pop("activeDeadlineSeconds"),
    "a later end": in_spec(activeDeadlineSeconds=99_999),
    "no removal": lambda job: job["spec"].pop("ttlSecondsAfterFinished"),
    "an init container": in_pod(initContainers=[HELPER]),
    "host network": in_pod(hostNetwork=True),
    "the label of a run": lambda job: labels(job, run_id="7"),
    "a component of its own": lambda job: [
        made["metadata"]["labels"].update({"app.kubernetes.io/component": "proxy"})
        for made in (job, job["spec"]["template"])
    ],
}
