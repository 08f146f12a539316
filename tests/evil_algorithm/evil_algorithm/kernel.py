"""Calls of the kernel that an algorithm has no use for, with arguments that harm nobody.

The kernel looks at a caller's rights before the arguments: a call that is refused for its arguments
was allowed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from evil_algorithm.report import Attack, apart

_REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
# Numbers of the calls for x86-64 and arm64: the kernel's arch/x86/entry/syscalls/syscall_64.tbl
# and include/uapi/asm-generic/unistd.h.
_NUMBERS = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "ptrace": (101, 117),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "sethostname": (170, 161),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425),
    "syslog": (103, 116),
    "pivot_root": (155, 41),
}
_COLUMN = {"x86_64": 0, "aarch64": 1}
_NEW_MOUNTS, _NEW_USERS, _NEW_NETWORK = 0x20000, 0x10000000, 0x40000000
_REMOUNT_BOUND = 0x20 | 0x1000
_SEIZE = 0x4206
_SESSION_KEYRING = -3
_LIBC = ctypes.CDLL(None, use_errno=True)


def attacks(database: str) -> Iterator[tuple[str, Attack]]:
    """Yield the attacks by name; ``database`` is a file that is mounted for reading only."""
    path = database.encode()
    buffer = ctypes.create_string_buffer(128)
    calls: dict[str, tuple[str, tuple[object, ...]]] = {
        "mount a file system": ("mount", (b"tmpfs", b"/tmp", b"tmpfs", 0, None)),
        "mount the database for writing": ("mount", (None, path, None, _REMOUNT_BOUND, None)),
        "unmount the database": ("umount2", (path, 0)),
        "change the root of the file system": ("chroot", (b"/",)),
        "change the root of all processes": ("pivot_root", (b"/no/such/folder", b"/tmp")),
        "make a mount namespace": ("unshare", (_NEW_MOUNTS,)),
        "make a user namespace": ("unshare", (_NEW_USERS,)),
        "make a network namespace": ("unshare", (_NEW_NETWORK,)),
        "add a key to a keyring": ("add_key", (b"user", b"evil", b"x", 1, _SESSION_KEYRING)),
        "list a keyring": ("keyctl", (11, _SESSION_KEYRING, buffer, 128)),
        "load a module": ("init_module", (None, 0, b"")),
        "load a module from a file": ("finit_module", (-1, b"", 0)),
        "load another kernel": ("kexec_load", (0, 0, None, 0xFFFF)),
        "load a program into the kernel": ("bpf", (0, buffer, 64)),
        "watch the machine's counters": ("perf_event_open", (None, 0, -1, -1, 0)),
        "handle faults of pages": ("userfaultfd", (0,)),
        "restart the machine": ("reboot", (0, 0, 0, None)),
        "add swap space": ("swapon", (b"/no/such/file", 0)),
        "set the clock": ("settimeofday", (None, None)),
        "change the host's name": ("sethostname", (b"algorithm", 9)),
        "open a file by its number": ("open_by_handle_at", (-1, None, 0)),
        "queue calls past the filter": ("io_uring_setup", (1, None)),
        "read the kernel's messages": ("syslog", (10, None, 0)),
    }
    for name, (call, arguments) in calls.items():
        yield name, apart(lambda call=call, arguments=arguments: _call(call, *arguments))
    yield "join a namespace", apart(_join)
    yield "trace a process of the machine", apart(_trace)
    for path_name in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state"):
        yield f"write to {path_name}", lambda name=path_name: _open_for_writing(Path(name))
    yield "write to a control group", lambda: _open_for_writing(_control_group())
    yield "take more processor time than others", apart(lambda: os.nice(-5))
    yield "be spared when memory is short", apart(_be_spared)


def _call(name: str, *arguments: object) -> str:
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    number = _NUMBERS[name][_COLUMN[platform.machine()]]
    result = _LIBC.syscall(ctypes.c_long(number), *given)
    error = ctypes.get_errno() if result < 0 else 0
    if error in _REFUSED:
        raise OSError(error, os.strerror(error))
    return errno.errorcode.get(error, "done")


def _join() -> str:
    with Path("/proc/self/ns/net").open() as own:
        return _call("setns", own.fileno(), 0)


def _trace() -> str:
    """Trace the ``pause`` of another pod; the own pod's is process 1."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        pid = int(path.parent.name)
        with suppress(FileNotFoundError):
            if path.read_text().strip() == "pause" and pid != 1:
                return _call("ptrace", _SEIZE, pid, None, None)
    raise OSError(errno.ESRCH, "no process of another pod is in sight")


def _open_for_writing(path: Path) -> str:
    os.close(os.open(path, os.O_WRONLY))
    return "opened"


def _control_group() -> Path:
    found = sorted(Path("/sys/fs/cgroup").glob("**/cgroup.procs"))
    if not found:
        raise OSError(errno.ENOENT, "no control group is in sight")
    return found[0]


def _be_spared() -> str:
    Path("/proc/self/oom_score_adj").write_text("-1000")
    return "written"
