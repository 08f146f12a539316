"""The demo's own errors."""


class DemoError(Exception):
    """The demo cannot continue. The text has reason and remedy."""
