"""The answer of the newest node of a station to the kubelet's question whether it is ready."""

import requests

from tests.fakes.station import Station


def readyz(station: Station) -> str:
    """Return the status, 200 or 503, and the text for people."""
    answer = requests.get(f"http://127.0.0.1:{station._nodes[-1]._health.port}/readyz", timeout=10)
    return f"{answer.status_code} {answer.text}"
