"""The error of this package."""


class SupplyError(Exception):
    """A file cannot be used; the text names the file, the fault and the remedy."""
