"""Calls to the Kubernetes API; no other folder makes them."""
