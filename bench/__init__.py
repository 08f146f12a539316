"""The measured comparisons: this node against a bare Kubernetes client, on one real cluster."""
