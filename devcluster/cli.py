"""The command line: parse arguments, call the other modules, return the exit code.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the machine lacks something, 130 interrupted.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from devcluster import (
    builds,
    cluster,
    images,
    packages,
    prechecks,
    profiles,
    render,
    shell,
    status,
    target,
)
from devcluster.console import Console
from devcluster.errors import DevClusterError, PrecheckError, UsageError
from devcluster.image_list import IMAGES
from devcluster.layout import INDEX_VARIABLE, MAX_NODES, PROFILE_INDEX, PROFILE_VARIABLE, Layout
from devcluster.parts import TEST_PARTS

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    console = Console()
    try:
        layout = _layout(options)
        command: Callable[[argparse.Namespace, Layout, Console], int] = options.command
        return command(options, layout, console)
    except KeyboardInterrupt:
        shell.end_all()
        console.warn("interrupted; running the same command again goes on from here")
        return _INTERRUPTED
    except PermissionError as error:
        console.warn(f"{error}\n  remedy: the dev cluster belongs to root: use sudo")
        return PrecheckError.exit_code
    except DevClusterError as error:
        console.warn(str(error))
        return error.exit_code


def _layout(options: argparse.Namespace) -> Layout:
    """Return the instance that the options choose, else the environment's."""
    if options.name:
        return Layout.from_name(options.name)
    if options.index is not None:
        return Layout(options.index)
    return Layout.chosen({**os.environ, PROFILE_VARIABLE: options.profile})


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m devcluster",
        description="A real Kubernetes with enforced NetworkPolicies on this one Linux machine.",
        epilog="With CONTEXT=<kubectl context> (and REGISTRY=<registry>) set, images, kubectl and "
        "env work on that existing cluster; up and down refuse.",
    )
    kind = _instance_options(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", parents=[kind], help="make the cluster, or what is missing")
    up.add_argument("--nodes", type=_node_count, default=1, help="at least this many (default 1)")
    up.set_defaults(command=_up)
    down = commands.add_parser("down", parents=[kind], help="take all of it away but the caches")
    down.set_defaults(command=_down)
    show = commands.add_parser("status", parents=[kind], help="what is running")
    show.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(command=_status)
    build = commands.add_parser(
        "images", parents=[kind], help="build the project's images and push them"
    )
    build.add_argument("names", nargs="*", metavar="IMAGE", help="only these (default: all)")
    build.add_argument("--registry", help="push there instead (existing cluster only)")
    build.set_defaults(command=_images)
    tools = commands.add_parser("build", help="build a program that only tests need")
    tools.add_argument("names", nargs="+", choices=[part.name for part in TEST_PARTS])
    tools.set_defaults(command=_build)
    kubectl = commands.add_parser("kubectl", help="run kubectl: kubectl -- get pods -A")
    kubectl.add_argument("words", nargs=argparse.REMAINDER, metavar="-- ARGS")
    kubectl.set_defaults(command=_kubectl)
    env = commands.add_parser("env", parents=[kind], help='variables for a shell: eval "$(… env)"')
    env.set_defaults(command=_env)
    return parser


def _instance_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that choose an instance; return a parent for the commands' parsers."""
    instance = parser.add_mutually_exclusive_group()
    instance.add_argument(
        "--index",
        type=int,
        help=f"which instance, 0 to 9 (default: {INDEX_VARIABLE}, else the profile's own)",
    )
    instance.add_argument("--name", help="the same by its name, as in v6dev1")
    parser.set_defaults(profile=os.environ.get(PROFILE_VARIABLE, ""))
    kind = argparse.ArgumentParser(add_help=False)
    kind.add_argument(
        "--profile",
        choices=tuple(PROFILE_INDEX),
        default=argparse.SUPPRESS,
        help=f"the kind of cluster (default: {PROFILE_VARIABLE}, else default)",
    )
    return kind


def _node_count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_NODES:
        raise argparse.ArgumentTypeError(f"1 to {MAX_NODES} nodes")
    return count


def _up(options: argparse.Namespace, layout: Layout, console: Console) -> int:
    target.require_own(target.resolve(layout), "up")
    profile = profiles.choose(options.profile, layout)
    prechecks.check(layout, profile)
    packages.check(profile.missing_packages())
    with cluster.locked("packages", console):
        packages.install(profile.missing_packages(), console)
    with cluster.locked("builds", console):
        binaries = builds.ensure(profile.parts, console)
    with cluster.locked(layout.name, console):
        cluster.up(layout, options.nodes, profile, binaries, console)
    console.done(f"{layout.name} is up. export KUBECONFIG={layout.kubeconfig}")
    return 0


def _down(_: argparse.Namespace, layout: Layout, console: Console) -> int:
    target.require_own(target.resolve(layout), "down")
    if os.geteuid() != 0:
        prechecks.check(layout, profiles.DEFAULT)
    with cluster.locked(layout.name, console), console.step(f"taking {layout.name} away"):
        cluster.down(layout)
    return 0


def _status(options: argparse.Namespace, layout: Layout, _: Console) -> int:
    found = status.collect(layout)
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if options.json else status.text(found))
    return 0 if found["state"] == "ready" else 1


def _images(options: argparse.Namespace, layout: Layout, console: Console) -> int:
    given = {**os.environ, **({"REGISTRY": options.registry} if options.registry else {})}
    chosen = target.resolve(layout, given)
    if chosen.layout is not None:
        if options.registry:
            raise UsageError("--registry is for an existing cluster: name it with CONTEXT=")
        if cluster.trouble(layout) or not layout.state_dir.exists():
            raise DevClusterError(f"{layout.name} is not running: python3 -m devcluster up")
        packages.check(packages.missing(packages.IMAGE_PACKAGES))
        with cluster.locked("packages", console):
            packages.install(packages.missing(packages.IMAGE_PACKAGES), console)
    unknown = set(options.names) - {image.name for image in IMAGES}
    if unknown:
        raise UsageError(f"no such image: {', '.join(sorted(unknown))}")
    names = options.names or [image.name for image in IMAGES if not image.only_named]
    wanted = [image for image in IMAGES if image.name in names]
    with cluster.locked("images", console):
        images.build_all(wanted, chosen, console)
    return 0


def _build(options: argparse.Namespace, _: Layout, console: Console) -> int:
    with cluster.locked("builds", console):
        builds.ensure([part for part in TEST_PARTS if part.name in options.names], console)
    return 0


def _kubectl(options: argparse.Namespace, layout: Layout, _: Console) -> int:
    chosen = target.resolve(layout)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    argv = [*chosen.kubectl, *words]
    if chosen.layout is not None and not layout.kubeconfig.exists():
        raise DevClusterError(f"{layout.name} is not running: python3 -m devcluster up")
    sys.stdout.flush()
    try:
        os.execvpe(argv[0], argv, {**os.environ, **chosen.environment})  # noqa: S606
    except OSError as error:
        raise DevClusterError(f"cannot run {argv[0]}: {error}") from error


def _env(_: argparse.Namespace, layout: Layout, __: Console) -> int:
    chosen = target.resolve(layout)
    sys.stdout.write(render.shell_variables(chosen.variables()))
    if chosen.layout is not None:  # the machine may lack a kubectl
        sys.stdout.write(render.shell_path(str(Path(chosen.kubectl[0]).parent)))
    return 0
