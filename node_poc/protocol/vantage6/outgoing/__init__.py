"""Sends statuses, logs and results to the server."""
