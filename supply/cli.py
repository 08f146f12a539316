"""``python -m supply``: arguments in, exit codes out. 0 fine, 1 something was found, 2 an error."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement

from supply import advisories, audit, licences, locks, sbom
from supply.errors import SupplyError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    bill = commands.add_parser("sbom", help="write the node's bill of materials (CycloneDX 1.6)")
    bill.add_argument("--out", type=Path, required=True, help="file to write")
    bill.add_argument("--version", required=True, help="the node's version")
    bill.add_argument("--wheel", type=Path, help="the node's wheel, for its hash")
    bill.add_argument("--image", help="the node's image, as NAME@sha256:DIGEST")
    bill.set_defaults(run=_sbom)
    terms = commands.add_parser(
        "licences", help="list licences; exit code 1 for others than allowed"
    )
    terms.add_argument("--lock", type=Path, default=locks.NODE, help="default: the node's lock")
    terms.set_defaults(run=_licences)
    known = commands.add_parser(
        "audit", help="compare locks with advisories; exit code 1 for a match"
    )
    known.add_argument("advisories", type=_place, help="JSON file, folder or zip of OSV")
    known.add_argument("--lock", type=Path, action="append", help="default: the node's lock")
    known.add_argument("--ignore", action="append", default=[], help="name of a judged advisory")
    known.add_argument("--most-days", type=int, default=30, help="age of the newest advisory")
    known.set_defaults(run=_audit)
    return parser


def _place(text: str) -> Path:
    if not text:  # make audit without ADVISORIES; an empty path would be the current folder
        raise argparse.ArgumentTypeError("no file given: make audit ADVISORIES=<file>")
    return Path(text)


def _sbom(arguments: argparse.Namespace) -> int:
    lines = (locks.NODE.parent / "requirements.txt").read_text().splitlines()
    required = tuple(Requirement(line) for line in lines if line and not line.startswith("#"))
    product = sbom.Product(arguments.version, required, arguments.wheel, arguments.image or None)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    packages = locks.read(locks.NODE)
    text = sbom.make(product, packages, epoch)
    found = sbom.problems(text)
    if found:
        raise SupplyError(f"the bill breaks CycloneDX's schema: {found}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)
    print(f"{arguments.out}: {len(packages)} packages")
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    files = arguments.lock or [locks.NODE]
    packages = {(one.name, one.version): one for file in files for one in locks.read(file)}
    known = advisories.read(arguments.advisories, datetime.now(UTC), arguments.most_days)
    found = audit.compare(packages.values(), known, set(arguments.ignore))
    if found:
        print(audit.table(found))
    print(f"{len(packages)} packages, {len(known)} advisories about PyPI, {len(found)} matches")
    return 1 if found else 0


def _licences(arguments: argparse.Namespace) -> int:
    packages = locks.read(arguments.lock)
    wrong = licences.not_allowed(packages)
    for package in packages:
        if not wrong and (package.marker is None or package.marker.evaluate()):
            print(f"{package.name:28} {package.version!s:16} {licences.of(package)}")
    for text in wrong:
        print(text, file=sys.stderr)
    return 1 if wrong else 0
