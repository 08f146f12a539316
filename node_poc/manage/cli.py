"""``v6-node``: arguments in, exit codes out. ``session.EXIT_CODES`` lists the exit codes."""

from __future__ import annotations

import os
import sys

import structlog

from node_poc.cluster.connect import NoClusterError
from node_poc.cluster.errors import ClusterError
from node_poc.config.errors import ConfigError
from node_poc.manage.arguments import make_parser
from node_poc.manage.completion import answer_the_shell
from node_poc.manage.files import NoSuchNodeError
from node_poc.manage.session import FAILED, INTERRUPTED, NO_CLUSTER, WRONG, CommandError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = make_parser()
    answer_the_shell(parser)
    given = parser.parse_args(arguments)
    structlog.configure(  # libraries of the node log to stdout, which belongs to the command
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
    )
    try:
        code: int = given.run(given)
        return code
    except CommandError as error:
        return _fail(error.code, str(error))
    except (ConfigError, NoSuchNodeError) as error:
        return _fail(WRONG, str(error))
    except NoClusterError as error:
        return _fail(NO_CLUSTER, f"{error}, or give --context")
    except ClusterError as error:
        return _fail(NO_CLUSTER, _explain(error))
    except BrokenPipeError:  # nobody reads the output any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "ended by Ctrl-C; `v6-node status` shows the node")


def _fail(code: int, text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code


def _explain(error: ClusterError) -> str:
    if error.status in {401, 403}:
        return (
            f"the cluster refuses: {error}; ask its administrator for the right (the role `admin` "
            "in the node's namespace is enough), or give another --context"
        )
    if not error.status:
        return f"the cluster does not answer: {error}; is the context right?"
    return str(error)
