"""PURE: the NetworkPolicies around algorithm pods."""
