"""PURE: build the Kubernetes objects of a run (plain dicts in the API's JSON form)."""
