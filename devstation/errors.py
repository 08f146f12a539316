"""The error of everything that deploys a station."""


class StationError(Exception):
    """A step failed, or a condition did not come in time. The text has reason and remedy."""
