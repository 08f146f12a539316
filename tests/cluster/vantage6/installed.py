"""The command ``v6-node`` as a data manager has it: of the wheel, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from devstation import ROOT, Cluster, Federation, Location
from tests.cluster.vantage6.conftest import Asking


@dataclass(frozen=True)
class Command:
    """The installed ``v6-node`` of a user with a home of their own."""

    program: Path
    home: Path
    variables: dict[str, str]

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run the command; return its output, both streams together."""
        return self.run_program(self.program, *arguments, expect=expect)

    def run_program(self, program: Path, *arguments: str, expect: int = 0) -> str:
        """Run another program as the same user; return its output, both streams together."""
        with self.start(program, *arguments) as process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == expect, output
        return output

    def start(self, program: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start a program as this user."""
        return subprocess.Popen(
            [program, *arguments],
            cwd=self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def file(self, name: str) -> Path:
        """Return a node's configuration file."""
        return self.home / ".config" / "vantage6" / "node" / f"{name}.yaml"


def install(cluster: Cluster, folder: Path) -> Command:
    """Build the wheel and install it into an empty environment in a folder."""
    build = "import sys; from hatchling import build; print(build.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    # The libraries are those of this environment: installing them again takes a minute.
    (site,) = venv.glob("lib/python3*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, str(folder / done.stdout.strip())], check=True)
    home = folder / "home"
    home.mkdir()
    given = ("PATH", "KUBECONFIG")
    variables = {name: os.environ[name] for name in given if name in os.environ}
    variables |= {name: value for name, value in cluster.settings.items() if name == "KUBECONFIG"}
    return Command(venv / "bin/v6-node", home, {**variables, "HOME": str(home)})


@contextmanager
def lone_server(cluster: Cluster, location: Location) -> Iterator[Federation]:
    """Start a vantage6 server without any station: ``v6-node`` makes the nodes."""
    made = Federation(cluster, location)
    made.remove()
    made.start_server(lambda text: print(text, file=sys.stderr))
    yield made
    made.remove()


@contextmanager
def asking_as_admin(server: Federation, collaboration: str) -> Iterator[Asking]:
    """Yield the poster of tasks for a collaboration."""
    client = server.world.client("admin")
    yield Asking(server, client, collaboration)
    client.close()


def new_node(server: Federation, name: str, key: Path) -> list[str]:
    """Return the arguments of ``new`` for a node, except its folders and databases.

    ``key`` is the file of the node's API key.
    """
    cluster = server.cluster
    return [
        *("new", "--name", name, "--api-key-file", str(key)),
        *("--server-url", f"http://{cluster.server_ip}", "--port", str(server.location.port)),
        *("--api-path", "/api", "--image", cluster.image("v6_node_poc")),
        *("--allow", cluster.image("v6_test_algorithm")),
    ]


@contextmanager
def node_file(
    server: Federation, command: Command, name: str, key: Path, *options: str
) -> Iterator[Path]:
    """Yield the file of a new node; remove the file and the node's namespace in the end.

    ``options``: those of ``new`` for folders and databases.
    """
    command.run(*new_node(server, name, key), *options)
    path = command.file(name)
    change(path, node_cpu_request="50m", walls={"self_test_hours": None})
    yield path
    server.cluster.delete_namespace(f"v6-{name}")
    path.unlink(missing_ok=True)


def change(path: Path, **values: object) -> None:
    """Change keys below ``kubernetes`` of a configuration file, as with an editor."""
    config = yaml.safe_load(path.read_text())
    config["kubernetes"] |= values
    path.write_text(yaml.safe_dump(config))
