"""One source: command, chart and base mean the same for twenty configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstation import Cluster
from node_poc.manage.export.overlays import OVERLAYS
from node_poc.manage.station_file import choose
from tests.cluster.exports import CONFIGURATIONS, file_with, meaning, neutral
from tests.cluster.helms import Helm
from tests.unit.crypto.conftest import VECTORS
from tests.unit.manage.export.exported import CERTIFICATE, export

NAMESPACE = "v6-hospital-a"


@pytest.fixture
def place(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a configuration file with the files that it names; return its path."""

    def write(data: dict[str, Any]) -> Path:
        path = tmp_path / "hospital-a.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True))
        path.chmod(0o600)
        (tmp_path / "hospital-a.key").write_text(VECTORS["private_key"])
        (tmp_path / "ca.pem").write_text(CERTIFICATE)
        return path

    return write


def secrets_of(path: Path, *arguments: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(export("secrets", "--config", str(path), *arguments)))


def chart_of(path: Path, *arguments: str) -> Path:
    folder = path.parent / "chart"
    export("helm", "--config", str(path), "--out", str(folder), *arguments)
    return folder


def test_there_are_twenty_configurations() -> None:
    assert len(CONFIGURATIONS) == 20


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_command_chart_and_base_mean_the_same(
    name: str, place: Any, helms: dict[str, Helm], cluster: Cluster
) -> None:
    path = place(CONFIGURATIONS[name])
    wanted = meaning(choose(path, environment={}).objects())
    chart, secrets = chart_of(path), secrets_of(path)
    namespace = list(yaml.safe_load_all((chart / "files/namespace.yaml").read_text()))
    for helm in helms.values():
        rendered = helm.objects(chart, NAMESPACE)
        assert meaning([*namespace, *rendered, *secrets]) == wanted, helm.name
    folder = path.parent / "kustomize"
    export("kustomize", "--config", str(path), "--out", str(folder))
    base = yaml.safe_load_all(cluster.kubectl("kustomize", str(folder / "base")))
    assert meaning([*base, *secrets]) == wanted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_means_the_changed_configuration(
    overlay: str, place: Any, helms: dict[str, Helm], cluster: Cluster
) -> None:
    path = place(file_with())
    folder = path.parent / "kustomize"
    export("kustomize", "--config", str(path), "--out", str(folder), "--overlay", overlay)
    text = cluster.kubectl("kustomize", str(folder / "overlays" / overlay))
    secrets = secrets_of(path, "--overlay", overlay)
    made = meaning([*yaml.safe_load_all(text), *secrets])
    plain = meaning(choose(path, environment={}).objects())
    assert made != plain
    chart = chart_of(path, "--overlay", overlay)
    namespace = list(yaml.safe_load_all((chart / "files/namespace.yaml").read_text()))
    for helm in helms.values():
        assert meaning([*namespace, *helm.objects(chart, NAMESPACE), *secrets]) == made
    # The command with a file that says the same.
    changed = made[0].model_dump(mode="json", exclude={"not_applied"}, exclude_unset=True)
    path.write_text(yaml.safe_dump(changed))
    assert meaning(choose(path, environment={}).objects()) == made


PLACE = {"nodeSelector": {"example.org/room": "2"}, "priorityClassName": "high"}
MORE = {"labels": {"example.org/team": "b"}, "annotations": {"example.org/note": "n"}}
VALUES = {
    "image": {"name": "other.example/n:2", "digest": "sha256:" + "0c" * 32, "pullPolicy": "Never"},
    "node": PLACE | MORE | {"tolerations": [{"operator": "Exists"}]},
    "proxy": PLACE | MORE,
    "whitelistProxy": {"image": "other.example/squid:2"},
    "storage": {"size": "7Gi", "databasesSize": "3Gi", "className": "slow"},
}
SITE = {"node_selector": PLACE["nodeSelector"], "priority_class": "high", **MORE}
SIZES = {"size": "7Gi", "databases_size": "3Gi", "storage_class": "slow"}
CLAIMS = {"mode": "pvc", "claim": "t", "databases_claim": "d", "databases_root": "/srv/v6"}
THE_SAME = {
    "node_image": f"{VALUES['image']['name']}@{VALUES['image']['digest']}",
    "node_image_pull_policy": "Never",
    "whitelist_image": "other.example/squid:2",
    "placement": {"node": SITE | {"tolerations": [{"operator": "Exists"}]}, "proxy": SITE},
    "storage": CLAIMS | SIZES,
}


def test_values_mean_the_same_as_keys(place: Any, helms: dict[str, Helm], tmp_path: Path) -> None:
    names = {"domains": ["names.example"]}
    sizes = {"size": "1Gi", "databases_size": "1Gi"}
    path = place(file_with(whitelist=names, kubernetes={"storage": CLAIMS | sizes}))
    chart, secrets = chart_of(path), secrets_of(path)
    values = tmp_path / "my-values.yaml"
    values.write_text(json.dumps(VALUES))
    namespace = list(yaml.safe_load_all((chart / "files/namespace.yaml").read_text()))
    path.write_text(yaml.safe_dump(file_with(whitelist=names, kubernetes=THE_SAME)))
    config, objects = meaning(choose(path, environment={}).objects())
    for helm in helms.values():
        made = meaning([*namespace, *helm.objects(chart, NAMESPACE, "-f", str(values)), *secrets])
        assert made[1] == objects
        assert neutral(made[0], THE_SAME.__contains__) == neutral(config, THE_SAME.__contains__)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--set", 'image.name=evil" || true || "'), "image"),
        (("--set", "image.digest=latest"), "digest"),
        (("--set", "node.replicas=2"), "replicas"),
        (("--set", "image.pullPolicy=Sometimes"), "pullPolicy"),
        (("--set-string", "proxy.labels.vantage6\\.ai/node=other"), "vantage6.ai/node"),
        (("--namespace", "default"), "v6-hospital-a"),
    ],
    ids=["quotes", "digest", "unknown", "policy", "label", "namespace"],
)
def test_a_wrong_value_is_refused(
    given: tuple[str, ...], told: str, place: Any, helms: dict[str, Helm]
) -> None:
    chart = chart_of(place(file_with()))
    for helm in helms.values():
        where = ("template", "a-release", str(chart), "--namespace", NAMESPACE)
        assert told in helm.run(*where, *given, expect=1)


def test_the_chart_passes_helms_own_check(place: Any, helms: dict[str, Helm]) -> None:
    chart = chart_of(place(file_with()))
    for helm in helms.values():
        assert "0 chart(s) failed" in helm.run("lint", str(chart), "--namespace", NAMESPACE)


def test_the_policy_for_jobs_may_be_left_to_an_administrator(
    place: Any, helms: dict[str, Helm]
) -> None:
    chart = chart_of(place(file_with()))
    given = ("--set", "jobPolicy.create=false")
    for helm in helms.values():
        kinds = {each["kind"] for each in helm.objects(chart, NAMESPACE, *given)}
        assert "Deployment" in kinds
        assert not {kind for kind in kinds if "AdmissionPolicy" in kind}
