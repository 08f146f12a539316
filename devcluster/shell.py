"""Run external programs, with a log and a clear error; Ctrl-C leaves no program running."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from devcluster.errors import CommandError, DevClusterError

#: Programs running now, also those of other threads, for `end_all`.
_running: "set[subprocess.Popen[str]]" = set()
#: Number of log lines shown for a failed program.
TAIL_LINES = 15


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the last ``lines`` lines of a file, or a note if there is no file."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def run(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end.

    Args:
        argv: program and arguments; no shell is involved.
        log: file for the program's output (appended); without a log the output is returned.
        env: variables added to this process's own.
        cwd: working folder.
        stdin: text given to the program.
        timeout: seconds after which the program and its children are killed.

    Returns:
        The program's standard output, or "" with a log.

    Raises:
        CommandError: the program did not start, failed, or took too long.
    """
    words = [str(word) for word in argv]
    with _output(log) as sink:
        process = _begin(words, sink, {**os.environ, **(env or {})}, cwd)
        _running.add(process)
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{words[0]} took longer than {timeout} s") from error
        finally:
            _end_group(process)
            _running.discard(process)
    if process.returncode != 0:
        raise CommandError(_failure(words, process.returncode, log, (err or "") + (out or "")))
    return out or ""


def _begin(
    words: Sequence[str], sink: IO[str] | int, env: Mapping[str, str], cwd: Path | None
) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            env=env,
            cwd=cwd,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"cannot run {words[0]}: {error}") from error


def end_all() -> None:
    """End every running program, as after Ctrl-C; a thread may be waiting for the program."""
    for process in list(_running):
        _end_group(process)


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Return whether a program can be run and exits with 0."""
    try:
        run(argv)
    except CommandError:
        return False
    return True


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, every: float = 0.05
) -> None:
    """Check ``condition`` every ``every`` seconds until the condition is true.

    Raises:
        DevClusterError: the condition was false for ``seconds``; the message contains ``what``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DevClusterError(f"{what}: not so after {seconds:.0f} s")
        time.sleep(every)


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[IO[str] | int]:
    if log is None:
        yield subprocess.PIPE
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        yield stream


def _end_group(process: "subprocess.Popen[str]") -> None:
    """End an interrupted or timed out program, with all its children."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _failure(words: Sequence[str], code: int, log: Path | None, output: str) -> str:
    shown = tail(log) if log is not None else "\n".join(output.splitlines()[-TAIL_LINES:])
    where = f"\nwhole log: {log}" if log is not None else ""
    return f"{' '.join(words[:4])} ended with {code}:\n{shown}{where}"
