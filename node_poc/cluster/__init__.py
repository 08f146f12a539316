"""The only folder that calls the Kubernetes API."""
