"""The namespace's level of Pod Security: the strictest that the node's pods allow."""

import pytest
import yaml

from node_poc.manifests.namespace import build_namespace, pod_security_level
from tests.unit.manifests.test_kubeconfs import CONFIG, FOLDER


def configured(mounts=(), **kubernetes):
    settings = CONFIG.kubernetes.model_copy(update=kubernetes)
    return CONFIG.model_copy(update={"kubernetes": settings, "node_extra_mounts": list(mounts)})


def claims():
    return CONFIG.kubernetes.storage.model_copy(update={"mode": "pvc", "claim": "tasks"})


def user(number):
    return CONFIG.kubernetes.security.model_copy(update={"run_as_user": number})


@pytest.mark.parametrize(
    ("config", "level"),
    [
        (configured(), "privileged"),
        (configured(storage=claims()), "restricted"),
        (configured(storage=claims(), security=user(0)), "baseline"),
        (configured(storage=claims(), security=user(None)), "baseline"),
        (configured(["/etc/ssl:/ssl:ro"], storage=claims()), "privileged"),
        (configured(["a-docker-volume:/data"], storage=claims()), "restricted"),
        (configured(["secret/a:/a", "configmap/b:/b"], storage=claims()), "restricted"),
    ],
    ids=["hostPath", "claims", "root", "user-of-the-image", "folder", "volume-not-applied", "keys"],
)
def test_the_level_is_the_strictest_that_admits_the_nodes_pods(config, level):
    assert pod_security_level(config) == level
    labels = build_namespace(config)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == level
    assert labels["pod-security.kubernetes.io/audit"] == "restricted"


def test_nodes_that_share_a_namespace_may_choose_its_level():
    made = build_namespace(configured(storage=claims(), pod_security="privileged"))
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_namespace_of_the_users_files_is_the_same():
    written = yaml.safe_load((FOLDER / "00_namespace.yaml").read_text())
    assert build_namespace(CONFIG) == written
