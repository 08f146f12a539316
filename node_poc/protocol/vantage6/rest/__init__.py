"""HTTP calls of the server, and what its answers mean."""
