"""``python -m bench.vantage6``: the node against a real vantage6 server."""
