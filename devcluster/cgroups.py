"""The control groups of a cluster's pods, on hosts with cgroup v1, v2 or both."""

import contextlib
import time
from pathlib import Path

from devcluster.errors import DevClusterError
from devcluster.layout import Layout

ROOT = Path("/sys/fs/cgroup")
#: Controllers that a kubelet needs.
NEEDED = ("cpu", "cpuset", "memory", "pids")
_RECORD = "cgroup-controllers"


def hierarchies(mountinfo: str) -> dict[str, str]:
    """Return the mount points of cgroup hierarchies in a /proc/self/mountinfo, with their types.

    Returns:
        mount point → ``cgroup`` (v1) or ``cgroup2``.
    """
    found = {}
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        if separator and right.split()[0] in ("cgroup", "cgroup2"):
            found[left.split()[4]] = right.split()[0]
    return found


def make(layout: Layout, number: int) -> None:
    """Make the group of node ``number`` in every hierarchy with controllers."""
    for place, kind in hierarchies(_mountinfo()).items():
        root = Path(place)
        if kind == "cgroup":
            _make_v1(root, layout.node_cgroup(number))
        elif root == ROOT:
            _make_v2(root, layout, number)


def remove(layout: Layout, number: int | None = None) -> None:
    """Remove the groups of one node, or of the whole instance. Its processes must have ended.

    Raises:
        DevClusterError: a group still contains a process.
    """
    for place in hierarchies(_mountinfo()):
        top = Path(place) / (layout.node_cgroup(number).lstrip("/") if number else layout.name)
        deadline = time.monotonic() + 10
        while not _remove_tree(top):
            if time.monotonic() > deadline:
                raise DevClusterError(f"cannot remove the control group {top}: it is in use")
            time.sleep(0.1)
    record = layout.state_dir / _RECORD
    if number is None and record.exists():
        for name in record.read_text().split():
            # A controller that another program uses by now stays enabled.
            with contextlib.suppress(OSError):
                (ROOT / "cgroup.subtree_control").write_text(f"-{name}")


def _make_v1(root: Path, group: str) -> None:
    here = root
    for part in group.strip("/").split("/"):
        parent, here = here, here / part
        here.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset is empty, and no process may enter an empty cpuset.
            if (here / name).exists() and not (here / name).read_text().strip():
                (here / name).write_text((parent / name).read_text())


def _make_v2(root: Path, layout: Layout, number: int) -> None:
    here = root
    wanted = [c for c in (root / "cgroup.controllers").read_text().split() if c in NEEDED]
    for part in ("", *layout.node_cgroup(number).strip("/").split("/")):
        here = here / part
        here.mkdir(exist_ok=True)
        control = here / "cgroup.subtree_control"
        new = [name for name in wanted if name not in control.read_text().split()]
        if here == root and new:
            (layout.state_dir / _RECORD).write_text(" ".join(new))
        for name in new:
            control.write_text(f"+{name}")


def _remove_tree(top: Path) -> bool:
    """Remove a group and the groups below it; return False if a group was still in use."""
    if not top.exists():
        return True
    for folder in [*sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True), top]:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text()
