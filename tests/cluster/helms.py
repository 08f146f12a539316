"""Real Helm, built from Go modules."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.parts import HELM3
from devstation import Cluster

PARTS = {"helm3": HELM3}


@dataclass(frozen=True)
class Helm:
    """One version of Helm, with a folder for its own files."""

    name: str
    program: Path
    home: Path
    cluster: Cluster

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run Helm; return its output, and its errors, too, if Helm shall fail."""
        output, errors = self.streams(*arguments, expect=expect)
        return output + errors if expect else output

    def streams(self, *arguments: str, expect: int = 0) -> tuple[str, str]:
        """Run Helm; return output and errors."""
        settings = self.cluster.settings
        variables = {key: settings[key] for key in ("KUBECONFIG",) if key in settings}
        context = ("--kube-context", self.cluster.context) if self.cluster.context else ()
        done = subprocess.run(
            [self.program, *context, *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode != 0) == bool(expect), done.stdout + done.stderr
        return done.stdout, done.stderr

    def objects(self, chart: Path, namespace: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of a chart, without its tests."""
        given = ("template", "a-release", str(chart), "--namespace", namespace, "--skip-tests")
        text = self.run(*given, *arguments)
        return [each for each in yaml.safe_load_all(text) if each]
