"""The errors that end the bench early."""


class BenchError(Exception):
    """A measurement failed. The text has the reason, and the remedy if known."""
