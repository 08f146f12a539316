"""The output for the user: one line per step, with progress, and the elapsed time at the end."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: Seconds between two progress lines if the output is a file, in which no line can be redrawn.
QUIET_PERIOD = 30.0


class Console:
    """Prints steps to ``stream``, by default standard error, to keep other output clean."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()

    def note(self, text: str) -> None:
        """Print one line of information."""
        print(f"  {text}", file=self._stream, flush=True)

    def warn(self, text: str) -> None:
        """Print one warning."""
        print(f"! {text}", file=self._stream, flush=True)

    def done(self, text: str) -> None:
        """Print a line for finished or unneeded work."""
        print(f"✔ {text}", file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str, detail: Callable[[], str] | None = None) -> Iterator[None]:
        """Print ``title``, show elapsed seconds while the block runs, then its outcome.

        Args:
            title: the work of the block.
            detail: returns the progress of the work; called in the console's own thread.
        """
        started = time.monotonic()
        finished = threading.Event()
        if not self._live:
            print(f"… {title}", file=self._stream, flush=True)
        ticker = threading.Thread(
            target=self._tick, args=(title, detail, started, finished), daemon=True
        )
        ticker.start()
        mark = "✘"
        try:
            yield
            mark = "✔"
        finally:
            finished.set()
            ticker.join()
            lead = "\r\033[K" if self._live else ""
            elapsed = time.monotonic() - started
            print(f"{lead}{mark} {title} ({elapsed:.1f} s)", file=self._stream, flush=True)

    def _tick(
        self,
        title: str,
        detail: Callable[[], str] | None,
        started: float,
        finished: threading.Event,
    ) -> None:
        while not finished.wait(1.0 if self._live else QUIET_PERIOD):
            elapsed = time.monotonic() - started
            progress = f", {detail()}" if detail else ""
            if self._live:
                line = f"\r\033[K… {title} ({elapsed:.0f} s{progress})"
                print(line, end="", file=self._stream, flush=True)
            else:
                print(f"… {title}: {elapsed:.0f} s{progress}", file=self._stream, flush=True)
