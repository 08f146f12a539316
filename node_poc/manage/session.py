"""What the commands share: the options, the cluster, the output, exit codes and their errors.

Exit codes: 0 well; 1 failed; 2 wrong usage or configuration; 3 not online; 4 no cluster that
answers; 130 ended by Ctrl-C.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from node_poc.cluster.applying import NodeObjects
from node_poc.cluster.connect import connect
from node_poc.manage.files import Place, find_file, place
from node_poc.manage.station_file import Chosen, choose
from node_poc.manage.view import NodeView

WELL, FAILED, WRONG, OFFLINE, NO_CLUSTER, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = """\
exit codes:
  0    done
  1    failed; the text above names the cause and the next step
  2    wrong option or configuration: nothing was changed
  3    the node is not online (status)
  4    no cluster that answers, or the cluster refuses
  130  ended by Ctrl-C
"""


class CommandError(Exception):
    """A command cannot do its work. The text names cause and next step."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        """``code`` is the exit code."""
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Options:
    """The options that all commands have in common.

    Attributes:
        name: the node's name, by which its file is found.
        config: the configuration file, instead of a name.
        is_system: whether files of the machine are meant, and not those of the user.
        context: kubeconfig context; None for the current context.
        namespace: overrides the file's namespace.
        image: overrides the file's image.
    """

    name: str | None = None
    config: Path | None = None
    is_system: bool = False
    context: str | None = None
    namespace: str | None = None
    image: str | None = None

    @property
    def place(self) -> Place:
        """The folder of the configuration files."""
        return place(is_system=self.is_system)

    def file(self) -> Path:
        """Return the configuration file. Raises NoSuchNodeError."""
        return find_file(self.name, self.config, self.place)

    def chosen(self) -> Chosen:
        """Read the configuration file. Raises NoSuchNodeError, ConfigError."""
        return choose(self.file(), namespace=self.namespace, image=self.image)

    def objects(self) -> NodeObjects:
        """Connect to the cluster. Raises NoClusterError."""
        return NodeObjects(connect(self.context))


def view_of(objects: NodeObjects, chosen: Chosen) -> NodeView:
    """Return the view of a chosen node."""
    return NodeView(objects, chosen.namespace, chosen.identity.node_label)


def tell(text: str) -> None:
    """Show a line of progress, on stderr: the output may be read by a program."""
    print(text, file=sys.stderr, flush=True)


def ask(question: str, option: str, default: str | None = None) -> str:
    """Ask a person; without a terminal return the default. Raises CommandError without one."""
    if sys.stdin.isatty():
        shown = f" [{default}]" if default else ""
        print(f"{question}{shown}: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip()
        if answer:
            return answer
    if default is None:
        raise CommandError(f"{question}: give {option}", WRONG)
    return default


def agreed(question: str) -> bool:
    """Ask a person; without a terminal nobody agrees."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
