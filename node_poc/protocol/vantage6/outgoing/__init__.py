"""Statuses, logs and results on their way to the server."""
