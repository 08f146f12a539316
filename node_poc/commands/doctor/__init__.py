"""``python -m node_poc doctor``: examines configuration, cluster, server and walls of a node."""
