"""Read the plan, attack, and print the report as a line of JSON.

The plan is the only argument: ``{"bomb": name, ...}`` or the addresses and paths of the attacks.
With a vantage6 server, the plan is the only argument of the task's function.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from evil_algorithm import bombs, files, kernel, kubernetes_api, network
from evil_algorithm.report import attempt


def main() -> None:
    """Carry out the plan."""
    plan = json.loads(sys.argv[1]) if len(sys.argv) > 1 else _vantage6_plan()
    match plan.get("bomb"):
        case "memory":
            bombs.memory()
        case "log":
            bombs.log(plan["megabytes"])
        case "disk":
            bombs.disk(Path(plan["folder"]), plan["megabytes"])
        case "processor":
            bombs.processor(plan["seconds"])
        case "deaf":
            sys.stdout.write("deaf\n")
            bombs.deaf(plan["seconds"])
        case _:
            _tell(_report(plan))


def _report(plan: dict[str, Any]) -> dict[str, Any]:
    # The network comes first, because walls may come up late.
    groups = [network.attacks(plan)] if "tcp" in plan else []
    groups += [network.through_the_proxy(_with_token(plan))] if "proxy" in plan else []
    if "given" in plan:
        groups += [kubernetes_api.attacks(plan["api"]), files.attacks(plan)]
        groups += [kernel.attacks(plan["given"]["the database"])]
    report = {name: attempt(attack) for group in groups for name, attack in group}
    if "output" in plan:
        files.leave_traps(Path(plan["output"]), plan["trap"])
    return report


def _with_token(plan: dict[str, Any]) -> dict[str, Any]:
    return plan | {"token": Path(plan["token_file"]).read_text().strip()}


def _vantage6_plan() -> dict[str, Any]:
    asked = json.loads(Path(_given("INPUT_FILE")).read_text())["kwargs"]
    host, port = _given("HOST").removeprefix("http://"), _given("PORT")
    plan: dict[str, Any] = {"proxy": f"{host}:{port}", "token_file": _given("TOKEN_FILE")}
    return plan | asked["plan"]


def _given(name: str) -> str:
    """Return a variable as vantage6 encodes it."""
    return base64.b32decode(os.environ[name].replace("!", "=")).decode()


def _tell(report: dict[str, Any]) -> None:
    text = json.dumps(report)
    sys.stdout.write(f"{text}\n")
    if "OUTPUT_FILE" in os.environ:
        Path(_given("OUTPUT_FILE")).write_text(text)


main()
