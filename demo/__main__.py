"""``python -m demo up|down|vantage6|vantage6-down``: the commands of ``make demo`` and others.

Exit codes: 0 all checks passed; 1 a check or a step failed; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from demo import federated
from demo.errors import DemoError
from demo.report import average_of, isolation_lines, judge, timeline
from demo.station import DemoStation
from demo.steps import make_cluster, make_images, step, tell
from demo.story import Story, tell_story
from devstation import ROOT, Cluster, StationError

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
    except (DemoError, StationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; `make demo` goes on where it was, `make demo-down` takes it away")
        return 130


def up() -> int:
    """Set up the missing parts, run the average, and check result and isolation."""
    cluster = Cluster(tell)
    make_cluster(cluster)
    address, image = cluster.server_ip, cluster.image("v6_average_algorithm")
    make_images()
    station = DemoStation(cluster)
    with step("the data"):
        station.make_folders()
        tell(f"in {station.data}")
    with step("the dummy server"):
        server = station.background
        server.start()
        tell(f"on {address}:{server.port}, process {server.pid()}, log {server.log}")
    with step("the node and the proxy"):
        station.deploy()
    with step("one run"):
        story = tell_story(server.url, image)
    return _report(station, story)


def _report(station: DemoStation, story: Story) -> int:
    result = story.result
    print("\nTimeline")
    for line in timeline(result, story.posted_at, story.result_at):
        print(f"    {line}")
    print("\nIsolation, as the algorithm saw it")
    for line in isolation_lines(result["log"]):
        print(f"    {line}")
    outbound = station.proxy_outbound()
    print(f"    the proxy itself: {outbound}")
    folder = station.tasks / str(story.run_id) / "output"
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
    with step("the dummy server, the node, the proxy and their folders"):
        DemoStation(Cluster(tell)).remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
