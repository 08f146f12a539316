"""The arguments of ``v6-node export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from node_poc.manage.common_arguments import Commands, add, add_image_option, options_of
from node_poc.manage.export.command import (
    export_chart,
    export_kustomize,
    export_secrets,
    overlay_help,
)
from node_poc.manage.export.overlays import OVERLAYS


def add_export(commands: Commands) -> None:
    """Add ``export helm``, ``export kustomize`` and ``export secrets``."""
    group = commands.add_parser("export", help="write a node as a Helm chart or for kustomize")
    kinds = group.add_subparsers(required=True, metavar="helm|kustomize|secrets")
    chart = add(
        kinds,
        "helm",
        "write a Helm chart of a node, without secrets",
        "v6-node export helm --name hospital-a --out hospital-a-chart",
        lambda given: export_chart(options_of(given), given.out, _overlays(given)),
    )
    base = add(
        kinds,
        "kustomize",
        "write a base of kustomize and its overlays, without secrets",
        "v6-node export kustomize --name hospital-a --out hospital-a --overlay pvc",
        lambda given: export_kustomize(options_of(given), given.out, _overlays(given)),
    )
    secrets = add(
        kinds,
        "secrets",
        "print the Secrets that chart and base expect",
        "v6-node export secrets --name hospital-a | kubectl apply -f -",
        lambda given: export_secrets(options_of(given), _overlays(given)),
    )
    for each in (chart, base):
        each.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="to write into")
    for each in (chart, base, secrets):
        add_image_option(each)
        each.add_argument(
            "--overlay",
            action="append",
            choices=OVERLAYS,
            help=f"change the node for a kind of cluster; may be repeated. {overlay_help()}",
        )


def _overlays(given: argparse.Namespace) -> list[str]:
    return list(given.overlay or ())
