"""``python -m demo up|down|vantage6|vantage6-down``: the commands of ``make demo`` and others.

Exit codes: 0 all checks passed; 1 a check or a step failed; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from demo import federated, station
from demo.report import average_of, isolation_lines, judge, timeline
from demo.story import Story, tell
from demo.tools import (
    ROOT,
    DemoError,
    cluster_settings,
    devcluster,
    existing_context,
    run,
    step,
)

_COLUMN = "Age"
_OUTPUT = "avg.txt"


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands: dict[str, Callable[[], int]] = {
        "up": up,
        "down": down,
        "vantage6": federated.up,
        "vantage6-down": federated.down,
    }
    parser.add_argument("what", choices=list(commands))
    try:
        return commands[parser.parse_args().what]()
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; `make demo` goes on where it was, `make demo-down` takes it away")
        return 130


def up() -> int:
    """Set up the missing parts, run the average, and check result and isolation."""
    if existing_context() is None:
        with step("the dev cluster"):
            run(devcluster("up", "--nodes", os.environ.get("NODES", "1")))
    settings = cluster_settings()
    registry, server = settings["IMAGE_REGISTRY"], settings.get("SERVER_IP")
    if not server:
        raise DemoError("SERVER_IP is not set: give this machine's address as pods reach it")
    with step("the images"):
        run(devcluster("images"))
    with step("the data"):
        station.place_data()
    with step("the dummy server"):
        station.start_server(server)
    with step("the node and the proxy"):
        station.deploy(registry, server)
    with step("one run"):
        story = tell(f"http://{server}:{station.PORT}", f"{registry}/v6_average_algorithm")
    return _report(story)


def _report(story: Story) -> int:
    result = story.result
    print("\nTimeline")
    for line in timeline(result, story.posted_at, story.result_at):
        print(f"    {line}")
    print("\nIsolation, as the algorithm saw it")
    for line in isolation_lines(result["log"]):
        print(f"    {line}")
    outbound = station.proxy_outbound()
    print(f"    the proxy itself: {outbound}")
    folder = station.TASKS / str(story.run_id) / "output"
    path = folder / _OUTPUT
    output = path.read_text(encoding="utf-8") if path.exists() else None
    text = (ROOT / "csv" / "employees.csv").read_text(encoding="utf-8")
    checks = judge(result, average_of(text, _COLUMN), output, outbound)
    print("\nChecks")
    for check in checks:
        print(f"    {'ok   ' if check.passed else 'WRONG'}  {check.what}: {check.seen}")
    _show_more(story, str(path))
    return 0 if all(check.passed for check in checks) else 1


def _show_more(story: Story, path: str) -> None:
    kubectl = 'make kubectl ARGS="-n v6-jobs {}"'.format
    selector = f"-l vantage6.ai/run-id={story.run_id}"
    print(f"\nOutput file     {path}")
    print("Look further")
    print(f"    {kubectl(f'get jobs,pods {selector}')}")
    print(f"    {kubectl(f'logs {selector}')}")
    print(f"    {kubectl('logs deployment/v6-node')}")
    print("    make dashboard                 the same in a browser")
    print("    cd dummy_socketio_server && ../.venv/bin/python command_emitter.py   another run")
    print("    make demo-down                 take the demo away (make cluster-down: the cluster)")


def down() -> int:
    """Remove everything that ``up`` made, except for the cluster and the images."""
    with step("the dummy server"):
        station.stop_server()
    with step("the node, the proxy and their folders"):
        station.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
