"""Threads and pauses."""
