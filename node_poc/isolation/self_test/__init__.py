"""PURE: the self-test of the walls: which ways are tried, by which pods, and what follows."""
