"""Post runs to the dummy server and look after them: `python command_emitter.py [COMMAND] ...`.

commands (each has its own --help):
  post                       post a run and show what becomes of it; meant where no command is given
  list                       the node's runs, the newest first
  status RUN                 all about one run
  logs RUN [-f]              what the run logged; -f: until it ends
  kill RUN... | --all        kill runs
  result RUN -o DIR          the result, the log and the output files, as files below DIR

exit codes:
  0    completed; accepted with --no-wait; asked and answered; killed or already ended
  1    the run ended otherwise; kill: a run is unknown; result: an output file is missing
  2    usage, a bad payload file, files that cannot be written
  3    refused
  4    server unreachable
  5    timed out
  6    no such run, or the node said error
  130  stopped by Ctrl-C, or --all was not confirmed
  141  what reads the output has gone
  143  stopped by SIGTERM (129: by SIGHUP)
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emitter_client import (
    NoAnswerError,
    PayloadTooLargeError,
    RunRefusedError,
    ServerUnreachableError,
)
from emitter_common import (
    NODE_SAID_NO,
    READER_GONE,
    REFUSED,
    STOPPED,
    TIMED_OUT,
    UNREACHABLE,
    USAGE,
    NodeSaidError,
    UsageError,
    add_common_options,
)
from emitter_logs import add_logs_options, run_logs
from emitter_post import add_post_options, run_post
from emitter_results import add_result_options, run_result
from emitter_runs import (
    add_kill_options,
    add_list_options,
    add_status_options,
    run_kill,
    run_list,
    run_status,
)
from emitter_view import clean
from output_files import FilesError
from server_settings import SettingsError

EXAMPLES = """examples:
  python command_emitter.py                      post the example and wait for its result
  python command_emitter.py --arg /app/input/csv/default --arg Salary --arg /app/output/avg.txt
  python command_emitter.py --database default --no-wait
  python command_emitter.py --payload my_run.json --json --timeout 60
  python command_emitter.py list
  python command_emitter.py logs 1764000000000000 -f
  python command_emitter.py kill 7 8
  python command_emitter.py result 1764000000000000 -o my_result
"""


@dataclass(frozen=True)
class Subcommand:
    """The meaning of a command name after the script's name.

    Attributes:
        add_options: adds the command's options to a parser.
        run: runs the command and returns the exit code.
        late: message after the time limit.
        stopped: message after Ctrl-C.
    """

    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    late: str = "ask again"
    stopped: str = "stopped"


# the first command is the default
COMMANDS: dict[str, Subcommand] = {
    "post": Subcommand(
        add_post_options,
        run_post,
        "the run may go on: ask again with the same --run-id",
        "stopped; a run that was accepted goes on",
    ),
    "list": Subcommand(add_list_options, run_list),
    "status": Subcommand(add_status_options, run_status),
    "logs": Subcommand(add_logs_options, run_logs),
    "kill": Subcommand(
        add_kill_options,
        run_kill,
        "it may have happened: look with `list`, or kill again (harmless when repeated)",
        "stopped; what was asked for may still happen",
    ),
    "result": Subcommand(add_result_options, run_result),
}


def parse(
    argv: Sequence[str],
) -> tuple[Callable[[argparse.Namespace], int], argparse.Namespace]:
    """Split the command line into the function to run and its options.

    argparse exits on usage errors.
    """
    name, rest = split(argv)
    command = COMMANDS[name or next(iter(COMMANDS))]
    parser = argparse.ArgumentParser(
        prog=f"command_emitter.py{f' {name}' if name else ''}",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(late=command.late, stopped=command.stopped)
    add_common_options(parser)
    command.add_options(parser)
    return command.run, parser.parse_args(rest)


def split(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the command's name, None for a command line without a name, and the rest.

    The name may follow the options that all commands share: `--server URL list`.
    """
    place = 0
    while place < len(argv) and argv[place].startswith("--"):
        option, equals, _ = argv[place].partition("=")
        if option not in ("--server", "--timeout", "--json"):
            break
        place += 1 if equals or option == "--json" else 2
    if place < len(argv) and argv[place] in COMMANDS:
        return argv[place], [*argv[:place], *argv[place + 1 :]]
    return None, list(argv)


class Stopped(BaseException):
    """A signal asked this script to end; unfinished work is undone on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the script like Ctrl-C; a second signal changes nothing."""

    def stop(number: int, _: object) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Stopped(number)

    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(each) is not signal.SIG_IGN:  # nohup stays in effect
            signal.signal(each, stop)


ERRORS: dict[type[Exception], int] = {
    UsageError: USAGE,
    SettingsError: USAGE,
    PayloadTooLargeError: USAGE,
    FilesError: USAGE,
    ServerUnreachableError: UNREACHABLE,
    NodeSaidError: NODE_SAID_NO,
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    run, options = parse(argv)
    try:
        return run(options)
    except NoAnswerError as error:
        return fail(f"{error}; {options.late}", TIMED_OUT)
    except KeyboardInterrupt:
        # A coroutine may never have been awaited: the user needs no warning from Python.
        warnings.simplefilter("ignore", RuntimeWarning)
        return fail(options.stopped, STOPPED)
    except Stopped as stopped:
        return fail(options.stopped, 128 + stopped.signal)
    except BrokenPipeError:
        # buffered output must not raise once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except RunRefusedError as error:
        return fail(f"refused: {error}", REFUSED)
    except tuple(ERRORS) as error:
        return fail(error, next(code for kind, code in ERRORS.items() if isinstance(error, kind)))


def fail(why: object, code: int) -> int:
    """Write one line to stderr and return the exit code."""
    sys.stderr.write(f"error: {clean(why)}\n")
    return code


if __name__ == "__main__":
    stop_on_signals()
    sys.exit(main(sys.argv[1:]))
