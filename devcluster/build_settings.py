"""The machine's own pip settings and certificates, lent to image builds by read-only mounts.

The mounts cover files of the base image (an empty /etc/pip.conf, Debian's bundle of certificates),
so that not even an empty mount point stays in the built image.
"""

import configparser
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from devcluster.shell import succeeds

_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
#: pip settings that a build may need to reach a package index.
_WANTED = (
    "index-url",
    "extra-index-url",
    "trusted-host",
    "find-links",
    "no-index",
    "timeout",
    "proxy",
)
#: Variables that name a bundle of certificates, by common convention.
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


def pip_settings(texts: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return those settings of a machine's pip that builds need.

    This module reads the files itself, because a machine may have Python without pip.

    Args:
        texts: contents of pip's configuration files; a later one wins.
        environment: PIP_* variables, which win over all files as they do for pip.
    """
    found: dict[str, str] = {}
    for text in texts:
        parser = configparser.RawConfigParser()
        with contextlib.suppress(configparser.Error):
            parser.read_string(text)
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    for name in _WANTED:
        variable = f"PIP_{name.upper().replace('-', '_')}"
        if environment.get(variable):
            found[name] = environment[variable]
    return {name: found[name].strip() for name in _WANTED if found.get(name, "").strip()}


def pip_files(environment: Mapping[str, str]) -> list[str]:
    """Return the contents of the configuration files that pip would read here, in pip's order."""
    home = Path.home()
    places = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf"]
    places += [home / ".config" / "pip" / "pip.conf", Path(sys.prefix) / "pip.conf"]
    given = environment.get("PIP_CONFIG_FILE")
    places += [Path(given)] if given else []
    return [place.read_text() for place in places if place.is_file()]


def pip_conf(settings: Mapping[str, str]) -> str:
    """Return a pip.conf with these settings and the bundle of certificates in build containers."""
    lines = ["[global]", f"cert = {_BUNDLE}", "disable-pip-version-check = true"]
    for name, value in settings.items():
        parts = value.split()
        lines.append(f"{name} = {parts[0]}" if len(parts) == 1 else f"{name} =")
        lines += [f"    {part}" for part in parts] if len(parts) > 1 else []
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def mounts(apt_sources: str = "") -> Iterator[list[str]]:
    """Yield Buildah's ``--volume`` options for the time of one build.

    Args:
        apt_sources: lines of sources.list for a build that installs Debian's packages; the base
            image has none.
    """
    settings = pip_settings(pip_files(os.environ), os.environ)
    links = settings.pop("find-links", "").split()
    # pip would warn about a missing or empty folder of wheels once per package.
    links = [p for p in links if not p.startswith("/") or _has_files(Path(p))]
    if links:
        settings["find-links"] = "\n".join(links)
    with tempfile.TemporaryDirectory(prefix="v6-build-") as folder:
        conf = Path(folder) / "pip.conf"
        conf.write_text(pip_conf(settings))
        volumes = [f"{conf}:/etc/pip.conf:ro"]
        if apt_sources:
            listed = Path(folder) / "sources.list"
            listed.write_text(apt_sources + "\n")
            volumes.append(f"{listed}:/etc/apt/sources.list:ro")
        bundle = certificates(os.environ)
        if bundle is not None:
            volumes.append(f"{bundle}:{_BUNDLE}:ro")
        volumes += [f"{place}:{place}:ro" for place in links if place.startswith("/")]
        yield [f"--volume={volume}" for volume in volumes]


def certificates(environment: Mapping[str, str]) -> Path | None:
    """Return the bundle of certificates that this machine trusts, or None."""
    for place in (*(environment.get(name, "") for name in _CERTIFICATES), _BUNDLE):
        if place and Path(place).is_file():
            return Path(place).resolve()
    return None


def overlay_works(folder: Path) -> bool:
    """Return whether an overlay can be mounted in a folder (not so on top of another overlay)."""
    base = Path(tempfile.mkdtemp(prefix="overlay-trial-", dir=folder))
    for name in ("lower", "upper", "work", "merged"):
        (base / name).mkdir()
    options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
    mount = f"mount -t overlay overlay -o {options} {base}/merged"
    works = succeeds(["unshare", "--mount", "sh", "-c", mount])
    shutil.rmtree(base, ignore_errors=True)
    return works


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
