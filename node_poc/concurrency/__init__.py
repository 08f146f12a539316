"""Pools of threads, and pauses between retries."""
