"""Carry out faults, each after the other, and return their rows."""

from __future__ import annotations

import time
from pathlib import Path
from subprocess import CalledProcessError

from devcluster.console import Console
from devstation import StationError
from tests.faults.catalogue import Fault
from tests.faults.matrix import Row, RunSeen, Verdict
from tests.faults.scene import DidNotStrikeError, Scene
from tests.faults.station import FaultStation
from tests.faults.watching import PodWatch

_NOT_SHOWN = (DidNotStrikeError, AssertionError, StationError, OSError, CalledProcessError)


class MatrixRun:
    """A station for a sequence of faults. Use the station as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Write logs and records to ``folder``."""
        self.station = FaultStation(folder)
        self._pods = PodWatch(self.station)
        self._right: list[tuple[Row, RunSeen]] = []

    def __enter__(self) -> MatrixRun:
        try:
            self.station.prepare(Console())
            self.station.set_up()
        except BaseException:
            self.station.remove()
            raise
        self._pods.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pods.stop()
        self.station.remove()

    def strike(self, fault: Fault, runs: int, *, hurry: bool = False) -> Row:
        """Carry out a fault, and return the row with its runs' outcomes."""
        if self.station.was_restarted():
            self.station.renew_node()
        began = time.monotonic()
        with Scene(self.station, self._pods, runs, hurry=hurry) as scene:
            try:
                struck, trouble = fault.inject(scene), []
            except _NOT_SHOWN as error:
                struck, trouble = "", [f"it could not be shown: {error}"]
            scene.await_results()
            row = Row(fault.title, struck, time.monotonic() - began, trouble=trouble)
            try:
                for run, verdict in scene.verdicts():
                    row.add(run, verdict)
                    if verdict is Verdict.RIGHT:
                        self._right.append((row, run))
            finally:
                for put_right in scene.afterwards:
                    put_right()
        return row

    def look_back(self) -> None:
        """Look again at all runs that ended right, for a later result or container."""
        delivered = self.station.server.delivered()
        for row, run in self._right:
            run.delivered = delivered.get(run.run_id, [])
            run.pods = self._pods.started(run.run_id)
            if run.is_doubled:
                row.revise(run, Verdict.RIGHT, Verdict.DOUBLED)
