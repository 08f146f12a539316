"""A cluster's whole life on instance 1, beside instance 0: nothing is left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devcluster import packages, processes
from devcluster.layout import STATE_ROOT, Layout
from devcluster.shell import run
from devcluster.versions import REPO_ROOT

# Alone, because the test compares the machine's folders and links before and after.
pytestmark = [pytest.mark.cluster, pytest.mark.alone, pytest.mark.timeout(1800)]
LAYOUT = Layout(1)
#: Settings of the whole machine that a kubelet or cilium would change if possible.
SETTINGS = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/timer_migration",
    "kernel/unprivileged_bpf_disabled",
    "kernel/keys/root_maxkeys",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/netfilter/nf_conntrack_max",
)
PLACES = (
    "/etc",
    "/etc/cni",
    "/var/lib",
    "/var/log",
    "/var/lib/kubelet",
    "/opt",
    "/run",
    "/usr/libexec",
)
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("CONTEXT", "REGISTRY", "SERVER_IP")}


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "devcluster", "--index", "1", *words]
    return subprocess.run(
        argv, cwd=REPO_ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def _must(*words: str) -> str:
    result = _command(*words)
    assert result.returncode == 0, result.stderr
    return result.stderr


def _of_this_instance(process: Path) -> bool:
    """Return whether a process names instance 1 in its environment, arguments or folders."""
    for name in ("environ", "cmdline"):
        try:
            if LAYOUT.name.encode() in (process / name).read_bytes():
                return True
        except OSError:
            continue
    return False


def _listing(place: str) -> list[str]:
    path = Path(place)
    return sorted(p.name for p in path.iterdir()) if path.is_dir() else []


def _others(text: str) -> bool:
    """Return whether a link or route belongs to another instance, and so may come and go."""
    return bool(re.search(rf"\bv6dev(?!{LAYOUT.index}\b)\d", text))


def _without_counters(rules: str) -> list[str]:
    return [line.split(" [", 1)[0] for line in rules.splitlines() if not line.startswith("#")]


def _snapshot() -> dict[str, object]:
    """Return everything that a cluster could leave on a machine, without other instances' parts."""
    numbered = [
        p for p in Path("/proc").iterdir() if p.name.isdigit() and p.name != str(os.getpid())
    ]
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    groups = [str(p) for p in Path("/sys/fs/cgroup").rglob(LAYOUT.name)]
    settings = {name: Path("/proc/sys") / name for name in SETTINGS}
    links = json.loads(run(["ip", "-json", "link"]))
    rules = {}
    for tool in ("iptables-save", "ip6tables-save"):
        rules[tool] = _without_counters(run([tool], env={"PATH": packages.tool_environment()}))
    return {
        "processes": sorted(p.name for p in numbered if _of_this_instance(p)),
        "mounts": sorted(map(tuple, mounts)),
        "links": sorted(link["ifname"] for link in links if not _others(link["ifname"])),
        "routes": [r for r in run(["ip", "route"]).splitlines() if not _others(r)],
        "network namespaces": _listing("/run/netns"),
        "control groups": groups,
        "iptables": rules,
        "settings": {k: p.read_text() for k, p in settings.items() if p.exists()},
        "places": {place: _listing(place) for place in PLACES},
        "state": (STATE_ROOT / LAYOUT.name).exists(),
    }


@pytest.fixture
def no_cluster() -> None:
    # Compile and install before the snapshot: programs and packages are meant to stay.
    _must("up")
    _must("down")


def _are_ready(count: int) -> None:
    """Check that ``count`` nodes are ready.

    `up` has seen each of them ready; on a busy machine Kubernetes may call a new node not ready
    once more, for some seconds.
    """
    deadline = time.monotonic() + 60
    while True:
        nodes = json.loads(_command("status", "--json").stdout)["nodes"]
        troubles = [node["trouble"] for node in nodes]
        if troubles == [None] * count or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert troubles == [None] * count


@pytest.mark.dev_cluster
@pytest.mark.usefixtures("no_cluster")
def test_a_cluster_comes_goes_and_leaves_nothing() -> None:
    before = _snapshot()
    assert before["processes"] == []
    _must("up")
    try:
        _are_ready(1)
        first = processes.init_of(LAYOUT.name, "node1")

        again = _must("up")
        assert processes.init_of(LAYOUT.name, "node1") == first, "a second up must change nothing"
        assert "control plane" not in again

        _must("up", "--nodes", "2")
        assert processes.init_of(LAYOUT.name, "node1") == first
        _are_ready(2)

        assert first is not None
        os.kill(first, signal.SIGKILL)
        remade = _must("up")
        assert "made anew" in remade
        assert processes.init_of(LAYOUT.name, "node1") not in (None, first)
        _are_ready(1)

        # A reboot leaves files, but no process and no link.
        processes.end(LAYOUT.name)
        assert json.loads(_command("status", "--json").stdout)["state"] == "broken"
        _must("up")
        _are_ready(1)
    finally:
        _must("down")
    assert _snapshot() == before
    _must("down")  # a second time is harmless
    assert json.loads(_command("status", "--json").stdout)["state"] == "absent"


@pytest.mark.dev_cluster
@pytest.mark.usefixtures("no_cluster")
def test_an_interrupted_start_is_taken_away_or_resumed() -> None:
    before = _snapshot()
    argv = [sys.executable, "-m", "devcluster", "--index", "1", "up"]
    try:
        with subprocess.Popen(
            argv, cwd=REPO_ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
        ) as start:
            assert start.stderr is not None
            for line in start.stderr:
                if "with the control plane" in line:
                    start.terminate()
                    break
            rest = start.stderr.read()
        assert start.returncode == 130, rest
        assert "interrupted" in rest
        assert processes.find(LAYOUT.name), "the test came too late to interrupt anything"
        _must("up")
        _are_ready(1)
    finally:
        _must("down")
    assert _snapshot() == before


def test_an_existing_cluster_is_neither_made_nor_removed() -> None:
    for word in ("up", "down"):
        result = subprocess.run(
            [sys.executable, "-m", "devcluster", "--index", "1", word],
            cwd=REPO_ROOT,
            env={**ENVIRONMENT, "CONTEXT": "somebodys"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 2
        assert "CONTEXT=somebodys" in result.stderr
