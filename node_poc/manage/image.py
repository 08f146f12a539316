"""``v6-node image build``: builds the node's image from the files of the installed package.

The image holds the sources of this package, so image and command have one version.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from node_poc import __version__
from node_poc.manage.session import WELL, CommandError, tell

_PACKAGE = Path(__file__).parents[1]
_DOCKERFILE = "node_poc/Dockerfile"
BUILDERS = ("docker", "podman", "buildah")


@dataclass(frozen=True)
class ImageOptions:
    """How the image is built.

    Attributes:
        push: whether to push the image.
        builder: ``docker``, ``podman`` or ``buildah``; None takes the first that works here.
        base: another base image with Python, for a site without Docker Hub.
        insecure: whether the registry has no TLS (podman and buildah only).
        extra: further options of the builder, for example ``--network=host``.
    """

    push: bool = False
    builder: str | None = None
    base: str | None = None
    insecure: bool = False
    extra: tuple[str, ...] = ()


def build(name: str, options: ImageOptions) -> int:
    """Build the image ``name``, with registry and tag, and push it if wished.

    Returns the exit code. Raises CommandError: there is no builder, or the builder failed.
    """
    program = options.builder or _first_builder()
    with tempfile.TemporaryDirectory(prefix="v6-node-image-") as folder:
        lay_out(Path(folder))
        for command in commands(program, name, options):
            tell(f"$ {' '.join(command)}")
            code = subprocess.run(command, cwd=folder, check=False).returncode
            if code:
                raise CommandError(
                    f"{command[0]} ended with exit code {code}; the lines above name the cause"
                )
    tell(f"image {name} is built" + (" and pushed" if options.push else ""))
    tell(f"use it with `v6-node start --image {name}`, or as kubernetes.node_image in the file")
    return WELL


def lay_out(folder: Path) -> None:
    """Copy what the Dockerfile copies: the package, with the versions of its libraries."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(_PACKAGE, folder / _PACKAGE.name, ignore=ignored)


def commands(program: str, name: str, options: ImageOptions) -> list[list[str]]:
    """PURE: return the commands that build and push the image, run in the laid out folder."""
    settings = ["--build-arg", f"VERSION={__version__}"]
    settings += ["--build-arg", f"BASE_IMAGE={options.base}"] if options.base else []
    made = [[program, "build", "-f", _DOCKERFILE, "-t", name, *settings, *options.extra, "."]]
    if options.push:
        no_tls = ["--tls-verify=false"] if options.insecure and program != "docker" else []
        made.append([program, "push", *no_tls, name])
    return made


def _first_builder() -> str:
    for program in BUILDERS:
        if shutil.which(program) and _works(program):
            return program
    raise CommandError(f"none of {', '.join(BUILDERS)} works here: install one of them")


def _works(program: str) -> bool:
    """Return whether a builder reaches its daemon or its store."""
    done = subprocess.run([program, "info"], check=False, capture_output=True)
    return done.returncode == 0
