"""PURE: the NetworkPolicies around algorithm pods, and the Jobs that a node may create."""
