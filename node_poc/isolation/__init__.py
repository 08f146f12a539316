"""PURE: the network walls around algorithm pods."""
