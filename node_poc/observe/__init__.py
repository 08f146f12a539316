"""The node's own logs and health."""
