"""What ends the bench early."""


class BenchError(Exception):
    """Something could not be measured. The text tells what, and what to do if that is known."""
