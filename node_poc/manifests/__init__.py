"""PURE: a run becomes Kubernetes objects (plain dicts in the API's own JSON form)."""
