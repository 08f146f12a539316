"""A node's file for ``v6-node export``, and the command in this process."""

import contextlib
import io
from pathlib import Path

import certifi
import structlog
import yaml

from node_poc.manage.cli import main

CERTIFICATE = "-----BEGIN" + Path(certifi.where()).read_text().split("-----BEGIN")[1]
API_KEY = "0a0b21aa-66f0-40b2-ac04-3714d6f19ba7"
FILE = {
    "api_key": API_KEY,
    "server_url": "https://server.example",
    "task_dir": "/srv/v6-tasks",
    "databases": [{"label": "default", "uri": "/srv/v6/employees.csv", "type": "csv"}],
    "kubernetes": {
        "node_name": "hospital-a",
        "namespace": "v6-hospital-a",
        "node_image": "registry.example/node:1",
    },
}


def write(folder, **changed):
    """Write a configuration file, and return its path."""
    path = folder / "hospital-a.yaml"
    section = FILE["kubernetes"] | changed.pop("kubernetes", {})
    path.write_text(yaml.safe_dump(FILE | changed | {"kubernetes": section}))
    return path


def export(*arguments, expect=0):
    """Call ``v6-node export``, and return its output."""
    before = structlog.get_config()
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = main(["export", *arguments])
    finally:
        structlog.configure(**before)
    assert code == expect
    return out.getvalue()


def texts(folder):
    """Return all files below a folder, by their path."""
    found = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): each.read_text() for each in found}
