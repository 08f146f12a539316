"""Twenty configurations of nodes, and the meaning of a node's objects, however they came about."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterable
from typing import Any

from node_poc.config.load import API_KEY_VARIABLE, parse_config
from node_poc.config.model import NodeConfig
from node_poc.manifests import identity

Object = dict[str, Any]
API_KEY = "0a0b21aa-66f0-40b2-ac04-3714d6f19ba7"
CLAIMS = {
    "mode": "pvc",
    "claim": "tasks",
    "databases_claim": "databases",
    "databases_root": "/srv/v6",
}
_SERVICE = {
    "label": "warehouse",
    "uri": "postgresql://reader:word@192.0.2.7:5432/hospital",
    "type": "sql",
    "env": {"schema": "public"},
}
_TEAM = {"labels": {"example.org/team": "a"}, "annotations": {"example.org/note": "{{ .Values }}"}}
_WHERE = {
    "node_selector": {"example.org/room": "1"},
    "tolerations": [{"key": "example.org/edge", "operator": "Exists"}],
    "priority_class": "important",
    "affinity": {"nodeAffinity": {}},
}


def file_with(**changed: Any) -> Object:
    """Return the values of a configuration file; ``kubernetes`` adds to its own section."""
    made: Object = {
        "api_key": API_KEY,
        "server_url": "https://server.example",
        "port": 443,
        "api_path": "/api",
        "task_dir": "/srv/v6-tasks",
        "databases": [{"label": "default", "uri": "/srv/v6/employees.csv", "type": "csv"}],
    }
    own = {"node_name": "hospital-a", "namespace": "v6-hospital-a"}
    given = changed.pop("kubernetes", {})
    return made | changed | {"kubernetes": own | {"node_image": "registry.example/n:1"} | given}


def _of_kubernetes(**kubernetes: Any) -> Object:
    return file_with(kubernetes=kubernetes)


#: By name, the values of a configuration file. The file ``hospital-a.key`` lies beside the file.
CONFIGURATIONS: dict[str, Object] = {
    "plain": file_with(),
    "digest": _of_kubernetes(node_image="registry.example/n@sha256:" + "0a" * 32),
    "tag and digest": _of_kubernetes(node_image="registry.example:5000/n:1@sha256:" + "0b" * 32),
    "encrypted": file_with(encryption={"enabled": True, "private_key": "hospital-a.key"}),
    "claims of the site": _of_kubernetes(storage=CLAIMS),
    "claims made": _of_kubernetes(
        storage=CLAIMS | {"size": "5Gi", "databases_size": "1Gi", "storage_class": "fast"}
    ),
    "one machine": _of_kubernetes(storage=CLAIMS | {"size": "5Gi", "access_mode": "ReadWriteOnce"}),
    "restricted-v2": _of_kubernetes(
        storage=CLAIMS,
        security={"users": dict.fromkeys(("algorithms", "node", "proxy"), "cluster")},
    ),
    "service database": file_with(databases=[_SERVICE]),
    "names": file_with(whitelist={"domains": ["names.example"], "ports": [443]}),
    "private registry": file_with(
        docker_registries=[{"registry": "r.example", "username": "u", "password": "word"}]
    ),
    "outer proxy": file_with(
        node_extra_env={"HTTPS_PROXY": "http://u:word@proxy.example:3128"},
        node_extra_hosts={"server.example": "192.0.2.1"},
        node_extra_mounts=["/etc/ssl/certs:/etc/ssl/certs:ro"],
    ),
    "variables of algorithms": file_with(algorithm_env={"player": "Alice", "n": 3}),
    "own authority": _of_kubernetes(ca_file="ca.pem"),
    "placed": _of_kubernetes(
        placement={"node": _WHERE | _TEAM, "proxy": _TEAM, "algorithms": _WHERE}
    ),
    "gpu": file_with(
        algorithm_device_requests={"gpu": True},
        kubernetes={"resources": {"gpus": 2, "gpu_resource": "amd.com/gpu"}},
    ),
    "harder": _of_kubernetes(
        pods={
            "strict_groups": "on",
            "runtime_classes": [{"images": ".*{{x}}", "runtime_class": "gvisor"}],
        },
        limits={"run_seconds": 60},
        walls={"gate": "on", "own_egress": "ports"},
    ),
    "no gate, other images": _of_kubernetes(
        walls={"gate": "off"},
        node_image_pull_policy="IfNotPresent",
        node_cpu_request="50m",
        image_pull_secrets=["of-the-site"],
    ),
    "nothing is told": file_with(share_config=False, share_algorithm_logs=False),
    "many lines": file_with(
        policies={"allowed_algorithms": [r"^registry\.example/[a-z]{2}\n?.*$", "registry/ü"]},
        logging={"level": "DEBUG"},
    ),
}


def texts_of(secret: Object) -> dict[str, str]:
    """Return the values of a Secret as texts."""
    data = {k: base64.b64decode(v).decode() for k, v in (secret.get("data") or {}).items()}
    return data | (secret.get("stringData") or {})


def meaning(objects: Iterable[Object]) -> tuple[NodeConfig, dict[tuple[str, str], Object]]:
    """Return the configuration that the node reads, and all other objects by kind and name.

    The API key may lie in the file or in a Secret of its own, and the checksum of both then
    differs. Order, and notes for the tool that applies the objects, mean nothing.
    """
    found = {(each["kind"], each["metadata"]["name"]): copy.deepcopy(each) for each in objects}
    secrets = {name: texts_of(each) for (kind, name), each in found.items() if kind == "Secret"}
    ((_, node),) = [
        item for item in found.items() if item[0][0] == "Deployment" and _is_node(item[1])
    ]
    pod = node["spec"]["template"]["spec"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "config"]
    held = secrets[volume["secret"]["secretName"]]
    variables = {
        each["name"]: secrets[each["valueFrom"]["secretKeyRef"]["name"]][
            each["valueFrom"]["secretKeyRef"]["key"]
        ]
        for each in pod["containers"][0]["env"]
        if each["name"] == API_KEY_VARIABLE
    }
    config = parse_config(held["node_config.yaml"], variables)
    names = {name for name in secrets if name.endswith(("-config", "-api-key"))}
    kept = {key: each for key, each in found.items() if key[1] not in names}
    return config, {key: _plain(each) for key, each in kept.items()}


def _is_node(deployment: Object) -> bool:
    labels = deployment["metadata"]["labels"]
    return bool(labels[identity.LABEL_COMPONENT] == identity.COMPONENT_NODE)


def _plain(made: Object) -> Object:
    notes = made["metadata"].pop("annotations", {})
    kept = {k: v for k, v in notes.items() if k not in _NOTES}
    if made["kind"] == "Secret":
        texts = texts_of(made)
        made = {k: v for k, v in made.items() if k not in {"data", "stringData"}} | {"texts": texts}
    if made["kind"] == "Deployment":
        template = made["spec"]["template"]
        template["metadata"]["annotations"].pop(identity.ANNOTATION_CHECKSUM)
        pod = template["spec"]
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            own = [e for e in container.get("env", []) if e["name"] != API_KEY_VARIABLE]
            container["env"] = own
    return made | {"notes": kept}


_NOTES = ("helm.sh/resource-policy", identity.ANNOTATION_MADE_BY)


def neutral(config: NodeConfig, forget: Callable[[str], bool]) -> Object:
    """Return a configuration without some keys below ``kubernetes``."""
    data = config.model_dump()
    data["kubernetes"] = {k: v for k, v in data["kubernetes"].items() if not forget(k)}
    return data
