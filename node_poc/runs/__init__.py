"""PURE: what a run is, what its states are, what happens next and how failures are named."""
