"""PURE: NetworkPolicies around algorithm pods, and rules for the Jobs of a node."""
