"""Post one run with the emitter and follow the run to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from demo.errors import DemoError
from devstation import ROOT

_SECONDS = "300"


@dataclass(frozen=True)
class Story:
    """One run as observed by the emitter."""

    run_id: int
    posted_at: datetime
    result_at: datetime
    result: dict[str, Any]


def tell_story(server: str, image: str) -> Story:
    """Run ``command_emitter.py --wait`` and print each state at once. Raise DemoError."""
    command = [sys.executable, "command_emitter.py", "--server", server, "--image", image]
    command += ["--wait", "--json", "--timeout", _SECONDS]
    shown = " ".join(["python", *command[1:]])
    print(f"    $ cd dummy_socketio_server && {shown}", flush=True)
    process = subprocess.Popen(
        command, cwd=ROOT / "dummy_socketio_server", stdout=subprocess.PIPE, text=True
    )
    events = []
    assert process.stdout is not None  # noqa: S101  a pipe was asked for
    for line in process.stdout:
        event = json.loads(line)
        events.append(event)
        _show(event)
    code = process.wait()
    results = [event for event in events if event["event"] == "result"]
    if not results:
        raise DemoError(f"no result came; command_emitter.py ended with exit code {code}")
    return Story(
        run_id=results[0]["run_id"],
        posted_at=_moment(events[0]) - timedelta(seconds=events[0]["elapsed_s"]),
        result_at=_moment(results[0]),
        result=results[0]["data"],
    )


def _moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


def _show(event: dict[str, Any]) -> None:
    data = event["data"]
    what = data.get("status") or data.get("state") or data.get("reason") or ""
    cause = f" ({data['cause']}: {data['detail']})" if data.get("cause") else ""
    print(f"    {event['elapsed_s']:7.2f} s  {event['event']}: {what}{cause}", flush=True)
