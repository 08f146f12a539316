"""Everything that an algorithm can find out about its surroundings, compared with the contract."""

from __future__ import annotations

import base64

import pytest

CONTRACT = {
    "INPUT_FILE",
    "OUTPUT_FILE",
    "TOKEN_FILE",
    "TEMPORARY_FOLDER",
    "HOST",
    "PORT",
    "API_PATH",
    "USER_REQUESTED_DATABASE_LABELS",
    "DB_LABELS",
    "DEFAULT_DATABASE_URI",
    "DEFAULT_DATABASE_TYPE",
}
# Variables from the image and the container runtime, and variables of every process.
OF_THE_IMAGE = {"PATH", "HOSTNAME", "PKG_NAME", "PYTHONDONTWRITEBYTECODE"}
# The image knows no user 10001.
OF_THE_USER = {"HOME": "/tmp", "USER": "algorithm", "LOGNAME": "algorithm"}
# Kubernetes sets these in every container; the node empties them.
OF_KUBERNETES = "KUBERNETES_"
OF_KERNEL = ("/proc", "/sys", "/dev")


def decoded(value: str) -> str:
    return base64.b32decode(value.replace("!", "=")).decode()


@pytest.mark.dev_cluster  # the kubelets of another cluster may set no limit
def test_a_fork_bomb_is_bounded(asking):
    found = asking.ask("fork", most=6000)
    assert found["told"] == "BlockingIOError"
    assert 500 < found["started"] < 1024


def test_an_algorithm_sees_the_contract_and_nothing_else(asking, cluster):
    seen = asking.ask("describe", "default")
    given = seen["environment"]

    emptied = {name for name in given if name.startswith(OF_KUBERNETES)}
    assert all(given[name] == "" for name in emptied)
    assert set(given) - emptied - OF_THE_IMAGE - OF_THE_USER.keys() == CONTRACT
    assert {name: given[name] for name in OF_THE_USER} == OF_THE_USER
    assert (seen["user_name"], seen["cache"]) == ("algorithm", "/tmp/.cache/library")
    values = {name: decoded(given[name]) for name in CONTRACT}
    assert values["USER_REQUESTED_DATABASE_LABELS"] == values["DB_LABELS"] == "default"
    assert values["DEFAULT_DATABASE_TYPE"] == "csv"
    assert values["API_PATH"] == ""
    assert given["HOSTNAME"] == seen["hostname"] == "algorithm"

    own = [path for path in seen["mounts"] if not path.startswith(OF_KERNEL)]
    files = {values[name] for name in ("INPUT_FILE", "OUTPUT_FILE", "TOKEN_FILE")}
    expected = files | {values["TEMPORARY_FOLDER"], values["DEFAULT_DATABASE_URI"]}
    machine = {"/", "/tmp", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
    assert set(own) == expected | machine

    names = " ".join(seen["hosts"] + seen["resolver"])
    assert cluster.server_ip not in names
    assert "nameserver 127.0.0.1" in seen["resolver"]
    proxy = values["HOST"].removeprefix("http://")
    others = [line for line in seen["hosts"] if not line.startswith(("#", "127.", "::1", "fe00::"))]
    told = {name for line in others for name in line.split()[1:]}
    assert told == {proxy, "algorithm"}
    assert seen["processes"] == ["pause"]
    assert seen["user"][0] != 0
    assert {line.split()[1] for line in seen["capabilities"]} == {"0" * 16}
    assert all(
        "000" in path or path in {"/mnt/data", "/mnt/tmp"} or "default" in path
        for path in seen["files"]["/mnt"]
    )
