"""The base image: Python from Debian's packages, instead of Docker Hub's python:3.11-slim."""

import hashlib
import platform
import shutil
from pathlib import Path

from devcluster import versions
from devcluster.console import Console
from devcluster.errors import CommandError
from devcluster.layout import Layout
from devcluster.registry import BUILD_LABEL, Client
from devcluster.shell import run

NAME = "v6-python-base"
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
#: Paths left out of the image, because they are large or name the machine that built the image.
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_REMOVED = "etc/apt/sources.list etc/apt/sources.list.d/* var/lib/apt/lists/* var/cache/* var/log/*"


def ensure(layout: Layout, console: Console) -> str:
    """Make the base image if the registry lacks it; return its name by digest.

    Raises:
        CommandError: mmdebstrap failed (the message names its log), or the registry lost the image.
    """
    suite, sources = host_suite()
    made_of = f"2 {suite} {PACKAGES} {platform.machine()} {_REMOVED} {_EXCLUDED}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    client = Client(layout.registry)
    if client.label(NAME, key, BUILD_LABEL) != key:
        archive = versions.cache_root() / f"base-{key}.tar"
        with console.step(f"base image from {suite}'s packages"):
            if not archive.exists():
                _bootstrap(suite, sources, archive)
            client.push_layer(NAME, key, archive.read_bytes(), {BUILD_LABEL: key})
    found = client.manifest(NAME, key)
    if found is None:
        raise CommandError(f"the registry lost the image {NAME}:{key}; run the command again")
    return f"{layout.registry}/{NAME}@{found[0]}"


def host_suite() -> tuple[str, str]:
    """Return this machine's release (as ``bookworm``) and its apt sources for it, one per line."""
    lines = Path("/etc/os-release").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    suite = values.get("VERSION_CODENAME", "").strip('"')
    listed = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"])
    return suite, "\n".join(source_lines(listed, suite))


def source_lines(listed: str, suite: str) -> list[str]:
    """Return sources.list lines for the release ``suite`` from ``apt-get indextargets`` lines.

    Third parties' sources have releases of their own and are left out. apt prints the sources with
    the machine's mirror, so no mirror is configured anywhere else.
    """
    found = []
    for line in dict.fromkeys(listed.splitlines()):
        site, release, component = line.split()
        if release == suite or release.startswith(f"{suite}-"):
            found.append(f"deb {site} {release} {component}")
    return found


def _bootstrap(suite: str, sources: str, archive: Path) -> None:
    """Make the root file system as a tar archive; a failure leaves no partial archive."""
    unfinished = archive.with_suffix(".part.tar")
    log = versions.cache_root() / "log" / "base-image.log"
    # An empty /etc/pip.conf is a mount point for the machine's settings during builds.
    hooks = (f'cd "$1" && rm -rf {_REMOVED} && : > etc/pip.conf && : > etc/resolv.conf',)
    argv = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--skip=cleanup/apt/lists"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED]
    argv += [f"--customize-hook={hook}" for hook in hooks]
    keyrings = (
        Path(f"/usr/share/keyrings/{name}-archive-keyring.gpg") for name in ("debian", "ubuntu")
    )
    argv += [f"--keyring={keyring}" for keyring in keyrings if keyring.exists()]
    scratch = versions.cache_root() / "work" / "base"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    env = {"TMPDIR": str(scratch), "SOURCE_DATE_EPOCH": "0"}
    run([*argv, suite, unfinished, "-"], log=log, stdin=sources + "\n", env=env, timeout=900)
    shutil.rmtree(scratch, ignore_errors=True)
    unfinished.rename(archive)
