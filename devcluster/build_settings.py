"""The machine's own pip settings and certificates, lent to image builds by read-only mounts.

They are mounted over files that the base image has anyway (an empty /etc/pip.conf, Debian's bundle
of certificates), so not even an empty file of theirs stays in the image.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from devcluster.shell import run, succeeds

_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
#: Settings that a build may need to reach a package index, as pip names them.
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


def pip_settings(listed: str) -> dict[str, str]:
    """The wanted settings out of `pip config list` (`section.name='value'` lines).

    pip prints a variable of the environment as section `:env:`; as for pip itself, it wins.
    """
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda text: text.startswith(":env:")):
        key, separator, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if separator and section in ("global", "install", ":env:") and name in _WANTED:
            found[name] = value.strip().strip("'\"").replace("\\n", "\n")
    return found


def pip_conf(settings: Mapping[str, str]) -> str:
    """A pip.conf with these settings and the bundle of certificates that builds see."""
    lines = ["[global]", f"cert = {_BUNDLE}", "disable-pip-version-check = true"]
    for name, value in settings.items():
        parts = value.split()
        lines.append(f"{name} = {parts[0]}" if len(parts) == 1 else f"{name} =")
        lines += [f"    {part}" for part in parts] if len(parts) > 1 else []
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def mounts() -> Iterator[list[str]]:
    """Buildah's `--volume` options for the time of one build."""
    settings = pip_settings(
        run([sys.executable, "-m", "pip", "config", "list"]) if _has_pip() else ""
    )
    links = settings.pop("find-links", "").split()
    # A folder of wheels that is missing or empty would only give a warning per package.
    links = [p for p in links if not p.startswith("/") or _has_files(Path(p))]
    if links:
        settings["find-links"] = "\n".join(links)
    with tempfile.TemporaryDirectory(prefix="v6-build-") as folder:
        conf = Path(folder) / "pip.conf"
        conf.write_text(pip_conf(settings))
        volumes = [f"{conf}:/etc/pip.conf:ro"]
        bundle = certificates(os.environ)
        if bundle is not None:
            volumes.append(f"{bundle}:{_BUNDLE}:ro")
        volumes += [f"{place}:{place}:ro" for place in links if place.startswith("/")]
        yield [f"--volume={volume}" for volume in volumes]


def certificates(environment: Mapping[str, str]) -> Path | None:
    """The bundle of certificates that this machine trusts, or None."""
    for place in (*(environment.get(name, "") for name in _CERTIFICATES), _BUNDLE):
        if place and Path(place).is_file():
            return Path(place).resolve()
    return None


def overlay_works(folder: Path) -> bool:
    """Whether an overlay can be mounted in a folder (not so on top of another overlay)."""
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


def _has_pip() -> bool:
    return succeeds([sys.executable, "-m", "pip", "--version"])
