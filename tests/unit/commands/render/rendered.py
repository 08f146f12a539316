"""Parts of rendered objects."""

from pathlib import Path

from tests.unit.crypto.conftest import VECTORS

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "tests/fakes/vantage6_node.yaml").read_text()
KEY = VECTORS["private_key"]


def only(objects, kind, suffix=""):
    found = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(suffix)]
    assert len(found) == 1, [o["metadata"]["name"] for o in found]
    return found[0]


def deployment(objects, part):
    (found,) = [
        o
        for o in objects
        if o["kind"] == "Deployment"
        and o["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == part
    ]
    return found


def pod_of(objects, part):
    return deployment(objects, part)["spec"]["template"]["spec"]
