"""Tokens like the server's, with a signature for the server alone to check."""

import base64
import json


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token_of(subject):
    return f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': subject})}.c2lnbmF0dXJl"


def container_token(task_id=3):
    return token_of(
        {
            "client_type": "container",
            "node_id": 1,
            "organization_id": 2,
            "collaboration_id": 4,
            "study_id": None,
            "store_id": None,
            "task_id": task_id,
            "image": "registry/algorithm:1",
            "databases": [{"label": "default", "query": "SELECT * FROM größe"}],
        }
    )


NODE_TOKEN = token_of(1)
USER_TOKEN = token_of({"client_type": "user", "id": 5})
