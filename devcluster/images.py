"""Build the project's images from ordinary Dockerfiles and push them.

In the dev cluster buildah builds on the project's base image and pushes to the local registry. For
an existing cluster the first working program of docker, podman and buildah builds on the base in
``BASE_IMAGE``, which must be named by digest.
"""

import contextlib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster import base_image, build_settings, dockerfile, target, versions
from devcluster.console import Console
from devcluster.errors import CommandError, PrecheckError
from devcluster.image_list import Image
from devcluster.layout import Layout
from devcluster.registry import BUILD_LABEL, Client
from devcluster.shell import run, succeeds

_ROOT = versions.REPO_ROOT
_SHARED = Path("/var/lib/containers")
#: 2020-02-02, in seconds since 1970: the same as in the wheel. A time that changes with each commit
#: would differ in the layers that buildah keeps.
_FILES_TIME = "1580601600"
_BY_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """The values of a build's OCI labels."""

    version: str
    revision: str
    source: str

    def arguments(self) -> dict[str, str]:
        """Return the values as build arguments."""
        return {"VERSION": self.version, "REVISION": self.revision, "SOURCE": self.source}


def stamp(root: Path = _ROOT) -> Stamp:
    """Return version and source as pyproject.toml tells them, and revision of git.

    The version stands in the Python file that ``tool.hatch.version`` names, as for the wheel. The
    git remote is not a source, because the remote's URL may contain a name or a password.
    """
    file = root / "pyproject.toml"
    settings = tomllib.loads(file.read_text()) if file.exists() else {}
    urls = settings.get("project", {}).get("urls", {})
    urls = {key.lower(): value for key, value in urls.items()}
    source = urls.get("source") or urls.get("repository") or "unknown"
    return Stamp(_version(root, settings), _revision(root), str(source))


def _version(root: Path, settings: Mapping[str, Any]) -> str:
    path = settings.get("tool", {}).get("hatch", {}).get("version", {}).get("path")
    text = (root / path).read_text() if path else ""
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    return found[1] if found else "dev"


def _revision(root: Path) -> str:
    git: list[str | Path] = ["git", "-C", root, "-c", f"safe.directory={root}"]
    try:
        commit = run([*git, "rev-parse", "--short=12", "HEAD"]).strip()
        changed = run([*git, "status", "--porcelain", "--untracked-files=no"]).strip()
    except CommandError:
        return "unknown"
    return f"{commit}-changed" if changed else commit


def build_all(images: Sequence[Image], chosen: target.Target, console: Console) -> None:
    """Build and push missing and changed images.

    Raises:
        DevClusterError: a build failed (the message names its log), or no build tool works.
    """
    registry = target.require_registry(chosen)
    stamped = stamp()
    if chosen.layout is not None:
        base = base_image.ensure(chosen.layout, console)
        # Remove an interrupted build's containers; nothing else uses this storage.
        with _no_traces():
            succeeds(_buildah("rm", "--all"))
            for image in images:
                _build_local(image, chosen.layout, base, stamped, console)
        return
    base = base_by_digest(os.environ)
    tool = _tool()
    for image in images:
        _build_elsewhere(image, registry, [tool, base], stamped, console)


def _build_local(image: Image, layout: Layout, base: str, stamped: Stamp, console: Console) -> None:
    text = (_ROOT / image.dockerfile).read_text()
    fixed = {"BASE_IMAGE": base, "INTERNET_PROBE": layout.outside, "VERSION": stamped.version}
    declared = dockerfile.declared_arguments(text)
    fixed = {name: value for name, value in fixed.items() if name in declared}
    key = dockerfile.content_hash(_ROOT / image.context, text, fixed)
    client = Client(layout.registry)
    if client.label(image.name, "latest", BUILD_LABEL) == key:
        _tag_again(client, image.name, stamped.revision)
        console.done(f"image {image.name}: nothing of it has changed")
        return
    arguments = {k: v for k, v in {**stamped.arguments(), **fixed}.items() if k in declared}
    log = versions.cache_root() / "log" / f"image-{image.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    local = f"localhost/{layout.name}/{image.name}:latest"
    with console.step(f"image {image.name}"):
        build(image, arguments, local, log, ["--layers", "--label", f"{BUILD_LABEL}={key}"])
        for tag in ("latest", stamped.revision):
            place = f"docker://{layout.registry}/{image.name}:{tag}"
            run(_buildah("push", "--tls-verify=false", "-D", local, place), log=log, timeout=600)


def build(
    image: Image, arguments: Mapping[str, str], local: str, log: Path, flags: Sequence[str] = ()
) -> None:
    """Build an image with buildah under the name ``local``.

    All files and the image itself get one fixed time; the same sources on the same base therefore
    give the same digest.
    """
    time = os.environ.get("SOURCE_DATE_EPOCH") or _FILES_TIME
    # The base image has no sources of packages.
    installs = "apt-get" in (_ROOT / image.dockerfile).read_text()
    sources = base_image.host_suite()[1] if installs else ""
    with build_settings.mounts(sources) as volumes:
        given = ["--isolation", "chroot", "--network", "host", "--format", "oci", *flags]
        given += ["--tls-verify=false", "--timestamp", time, *volumes]
        given += ["-f", str(_ROOT / image.dockerfile), "-t", local]
        given += [f"--build-arg={name}={value}" for name, value in arguments.items()]
        run(_buildah("bud", *given, str(_ROOT / image.context)), log=log, timeout=1800)


def save(local: str, folder: Path) -> None:
    """Write an image of the local storage to a folder, in the OCI layout."""
    run(_buildah("push", local, f"oci:{folder}:image"))


def _tag_again(client: Client, name: str, revision: str) -> None:
    """Give the unchanged image the current revision's tag as well."""
    found = client.manifest(name, "latest")
    if found is not None and client.manifest(name, revision) is None:
        _, body = client.request("GET", f"/v2/{name}/manifests/latest")
        kind = found[1].get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        client.tag(name, revision, body, kind)


@contextlib.contextmanager
def _no_traces() -> Iterator[None]:
    """Let /var/lib/containers exist while buildah runs in a mount namespace that covers it."""
    made = not _SHARED.exists()
    _SHARED.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                _SHARED.rmdir()


def _buildah(command: str, *arguments: str) -> list[str]:
    """Return a buildah command with its storage in the cache, in its own mount namespace.

    Buildah leaves a bind mount on its storage behind, which ends with the namespace. Wherever its
    storage is, buildah writes notes to /var/lib/containers; a folder of the cache therefore covers
    /var/lib/containers.
    """
    store = versions.cache_root() / "buildah"
    (store / "shared").mkdir(parents=True, exist_ok=True)
    policy = store / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    own = ["--root", f"{store}/root", "--runroot", f"{store}/run"]
    driver = ["--storage-driver", "overlay" if build_settings.overlay_works(store) else "vfs"]
    trust = ["--signature-policy", str(policy)] if command in ("bud", "push") else []
    covered = f'mount --bind "$0" {_SHARED} && exec buildah "$@"'
    shell = ["unshare", "--mount", "sh", "-c", covered, f"{store}/shared"]
    return [*shell, *own, *driver, command, *trust, *arguments]


def _tool() -> str:
    """Return the name of a program that can build images here.

    Raises:
        PrecheckError: no program works.
    """
    for name in ("docker", "podman", "buildah"):
        if shutil.which(name) and succeeds([name, "info"]):
            return name
    raise PrecheckError(
        "no program to build images: none of docker (with its daemon), podman, buildah works\n"
        "  needed: the images must be built and pushed to REGISTRY\n"
        "  remedy: install one of them, or start docker's daemon"
    )


def base_by_digest(environment: Mapping[str, str]) -> str:
    """Return the base image of a build for an existing registry, ``BASE_IMAGE``.

    Raises:
        PrecheckError: the variable is not set, or names the image without a digest.
    """
    base = environment.get("BASE_IMAGE", "").strip()
    if not _BY_DIGEST.fullmatch(base):
        raise PrecheckError(
            f"BASE_IMAGE is {base or 'not set'}, which names no digest\n"
            "  needed: a tag may be another image tomorrow, so the base is named by digest\n"
            "  remedy: docker buildx imagetools inspect python:3.11-slim prints the digest; give "
            "BASE_IMAGE=python:3.11-slim@sha256:<digest> (docs/dev/supply-chain.md)"
        )
    return base


def _build_elsewhere(
    image: Image, registry: str, how: Sequence[str], stamped: Stamp, console: Console
) -> None:
    tool, base = how
    text = (_ROOT / image.dockerfile).read_text()
    declared = dockerfile.declared_arguments(text)
    arguments = {k: v for k, v in stamped.arguments().items() if k in declared}
    for name, value in (("BASE_IMAGE", base), ("INTERNET_PROBE", os.environ.get("INTERNET_PROBE"))):
        if value and name in declared:
            arguments[name] = value
    names = [f"{registry}/{image.name}:{tag}" for tag in ("latest", stamped.revision)]
    log = versions.cache_root() / "log" / f"image-{image.name}.log"
    with console.step(f"image {names[0]} with {tool}"):
        tags = [word for name in names for word in ("-t", name)]
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        file = ["-f", str(_ROOT / image.dockerfile), str(_ROOT / image.context)]
        plain = (
            ["--tls-verify=false"] if tool != "docker" and insecure(registry, os.environ) else []
        )
        run([tool, "build", *plain, *tags, *given, *file], log=log, timeout=1800)
        for name in names:
            run([tool, "push", *plain, name], log=log, timeout=1800)


def insecure(registry: str, environment: Mapping[str, str]) -> bool:
    """Return whether a registry has no TLS: on this machine (docker's rule), or by setting."""
    host = registry.split("/", 1)[0].rsplit(":", 1)[0]
    local = host == "localhost" or host.startswith("127.")
    return local or environment.get("REGISTRY_INSECURE", "") not in ("", "0")
