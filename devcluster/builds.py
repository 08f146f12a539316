"""Build the cluster's programs from Go modules, once per version, into the cache."""

import json
import os
import platform
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import golang, versions
from devcluster.console import Console
from devcluster.errors import CommandError
from devcluster.parts import CILIUM, KUBERNETES, MODULES, PARTS, Part, Patch
from devcluster.shell import run


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of each part's programs, by the part's name."""

    folders: Mapping[str, Path]

    def folder(self, part: Part) -> Path:
        """Return the folder of a part's programs."""
        return self.folders[part.name]

    @property
    def kubernetes(self) -> Path:
        """The folder of Kubernetes' programs and of etcd."""
        return self.folder(KUBERNETES)


class Progress:
    """The progress of the builds. Go writes each program into its part's folder after linking."""

    def __init__(self, parts: Sequence[Part], work: Path) -> None:
        """Take the parts and ``work``, the folder with one folder per part during the build."""
        self._parts = tuple(parts)
        self._work = work
        self._building: dict[str, Part] = {}
        self._built: set[str] = set()

    def begin(self, part: Part) -> None:
        """Record that the build of a part starts."""
        self._building[part.name] = part

    def end(self, part: Part) -> None:
        """Record that all programs of a part are built."""
        self._built.update(part.programs)
        self._building.pop(part.name)

    def text(self) -> str:
        """Return how many programs are built, and which programs Go is building."""
        built, going = set(self._built), []
        for part in list(self._building.values()):
            there = {
                name for name in part.programs if (self._work / part.name / "out" / name).exists()
            }
            built |= there
            going += [name for name in part.programs if name not in built]
        total = sum(len(part.programs) for part in self._parts)
        return f"{len(built)} of {total} programs built, building {' '.join(going)}"


def located() -> Binaries:
    """Return the folders of every part's programs, built or not."""
    root = versions.cache_root() / "bin"
    return Binaries({part.name: root / part.key(platform.machine()) for part in PARTS})


def ensure(parts: Sequence[Part], console: Console) -> Binaries:
    """Build the programs of ``parts`` that the cache lacks.

    Two threads run ``go build`` at the same time: one program's linking, which uses one core, then
    runs beside another program's compiling.

    Raises:
        CommandError: a build failed; the message names its log. Go keeps the compiled packages.
    """
    cache = versions.cache_root()
    missing = [p for p in parts if not (cache / "bin" / p.key(platform.machine())).exists()]
    if not missing:
        console.done("programs: all in the cache")
        return located()
    go = golang.find_go(cache, console)
    names = ", ".join(f"{part.name} {part.version}" for part in missing)
    progress = Progress(missing, cache / "work")
    failures: list[CommandError] = []
    lanes = [[p for p in missing if p is KUBERNETES], [p for p in missing if p is not KUBERNETES]]
    minutes = "10 to 15" if KUBERNETES in missing else "some"
    title = f"compiling {names} (once; {minutes} minutes on two cores)"
    with console.step(title, progress.text):
        threads = [
            threading.Thread(target=_lane, args=(lane, go, progress, failures), daemon=True)
            for lane in lanes
            if lane
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
    return located()


def _lane(lane: list[Part], go: Path, progress: Progress, failures: list[CommandError]) -> None:
    for part in lane:
        progress.begin(part)
        try:
            _build(part, go)
        except CommandError as error:
            failures.append(error)
            return
        progress.end(part)


def _build(part: Part, go: Path) -> None:
    """Build one part beside its final folder and then move it, so a partial build is never used."""
    cache = versions.cache_root()
    final = cache / "bin" / part.key(platform.machine())
    work = cache / "work" / part.name
    shutil.rmtree(work, ignore_errors=True)
    out = work / "out"
    out.mkdir(parents=True)
    env = {**golang.environment(cache, os.environ), "CGO_ENABLED": str(int(part.cgo))}
    log = cache / "log" / f"build-{part.name}.log"
    source = MODULES / part.name
    if part.patch is not None:
        source = _patched(part.name, part.patch, work, go, env)
    tags = ["-tags", part.tags] if part.tags else []
    flags = ["-mod=readonly", "-trimpath", "-ldflags", f"-s -w {part.ldflags}".strip(), *tags]
    # Go names a main package in the folder itself after its module, and all others after their
    # folders.
    name = part.output or (part.name if part.packages == (".",) else "")
    target = f"{out}/{name}"
    run([go, "build", *flags, "-o", target, *part.packages], log=log, env=env, cwd=source)
    for built, wanted in part.renames:
        (out / built).rename(out / wanted)
    if part is CILIUM:
        shutil.copytree(work / "cilium" / "bpf", out / "bpf")
    final.parent.mkdir(parents=True, exist_ok=True)
    out.rename(final)
    shutil.rmtree(work, ignore_errors=True)


def _patched(name: str, patch: Patch, work: Path, go: Path, env: dict[str, str]) -> Path:
    """Return a folder with the part's go.mod, which uses a changed copy of the patch's module.

    Raises:
        CommandError: the module's file is not as the patch expects.
    """
    shutil.copytree(MODULES / name, work, dirs_exist_ok=True)
    found = json.loads(run([go, "mod", "download", "-json", patch.module], env=env, cwd=work))
    copy = work / name
    run(["cp", "-r", found["Dir"], copy])
    run(["chmod", "-R", "u+w", copy])
    source = copy / patch.file
    text = source.read_text()
    if patch.old not in text:
        raise CommandError(f"{patch.module}: {patch.file} is not as expected: adapt its patch")
    source.write_text(text.replace(patch.old, patch.new))
    run([go, "mod", "edit", "-replace", f"{patch.module}=./{name}"], env=env, cwd=work)
    return work
