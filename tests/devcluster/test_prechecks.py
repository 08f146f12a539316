"""Prechecks: each lack is reported with reason and remedy, and a good machine passes."""

from dataclasses import replace

import pytest

from devcluster import cgroups, packages, profiles
from devcluster.layout import Layout
from devcluster.prechecks import Facts, problems

GOOD = Facts(
    uid=0,
    system="Linux",
    machine="x86_64",
    filesystems=frozenset({"overlay", "bpf", "tmpfs"}),
    namespaces=frozenset({"mnt", "net", "pid", "uts", "ipc"}),
    controllers=frozenset({"cpu", "cpuset", "memory", "pids"}),
    can_unshare=True,
    can_link=True,
    can_mount_bpf=True,
    free_gib=80.0,
    needed_gib=12.0,
    networks=(("192.168.1.0/24", "eth0"), ("172.17.0.0/16", "docker0")),
)


def test_a_good_machine_has_no_problem() -> None:
    assert problems(GOOD, Layout()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"uid": 1000}, "not root"),
        ({"system": "Darwin"}, "this is Darwin"),
        ({"machine": "riscv64"}, "a riscv64 processor"),
        ({"namespaces": frozenset({"mnt", "net", "pid", "uts"})}, "no ipc namespaces"),
        ({"can_unshare": False}, "namespaces may not be made"),
        ({"filesystems": frozenset({"bpf", "tmpfs"})}, "no overlay file system"),
        ({"filesystems": frozenset({"overlay", "tmpfs"})}, "no bpf file system"),
        ({"can_mount_bpf": False}, "the bpf file system cannot be mounted"),
        ({"can_link": False}, "no veth or bridge links"),
        ({"controllers": frozenset({"cpu", "cpuset", "pids"})}, "not available: memory"),
        ({"free_gib": 3.0}, "3.0 GiB of disk are free, 12 are needed"),
        ({"missing": ("nsenter",)}, "missing programs: nsenter"),
        ({"networks": (("172.30.0.0/16", "tun0"),)}, "172.30.0.0/24 is already in use here"),
        ({"networks": (("10.0.0.0/8", "wg0"),)}, "10.42.0.0/16 is already in use here"),
    ],
)
def test_what_is_missing_is_told_with_reason_and_remedy(
    change: dict[str, object], told: str
) -> None:
    found = problems(replace(GOOD, **change), Layout())  # type: ignore[arg-type]
    assert any(told in problem.what for problem in found)
    assert all(problem.why and problem.remedy for problem in found)


def test_all_lacks_are_told_at_once() -> None:
    bad = replace(GOOD, free_gib=1.0, can_link=False, controllers=frozenset())
    assert len(problems(bad, Layout())) == 3


def test_the_clusters_own_link_is_no_conflict() -> None:
    own = replace(GOOD, networks=(("172.30.0.0/24", "v6dev0"), ("172.30.0.1", "v6dev0")))
    assert problems(own, Layout(0)) == []
    assert problems(replace(GOOD, networks=(("172.30.0.0/24", "v6dev0"),)), Layout(1)) == []


def test_a_bridge_that_iptables_does_not_see_prevents_one_profile_only() -> None:
    blind = replace(GOOD, can_filter_bridges=False)
    (found,) = problems(blind, Layout(2), profiles.named("k3s"))
    assert "br_netfilter" in found.remedy
    assert problems(blind, Layout(), profiles.DEFAULT) == []


def test_control_groups_of_both_versions_are_seen() -> None:
    mountinfo = """\
30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
33 1 8:1 / / rw - ext4 /dev/sda1 rw
"""
    assert cgroups.hierarchies(mountinfo) == {
        "/sys/fs/cgroup/unified": "cgroup2",
        "/sys/fs/cgroup/cpu,cpuacct": "cgroup",
    }


def test_an_installation_that_would_remove_something_is_seen() -> None:
    simulation = """\
Inst runc (1.1.5 Debian:12 [amd64])
Remv containerd.io [1.7.2]
Remv docker-ce [5:24.0]
Conf runc (1.1.5 Debian:12 [amd64])
"""
    assert packages.removals(simulation) == ["containerd.io", "docker-ce"]
    assert packages.removals("Inst runc (1.1.5)\n") == []


def test_a_package_is_not_missing_when_another_gives_its_program() -> None:
    wanted = (
        packages.Package("surely-not-installed", ("sh",)),
        packages.Package("absent", ("/no/such/file", "no-such-program")),
    )
    assert packages.missing(wanted) == ["absent"]
