"""The errors of the dev server, each with the command line's exit code."""


class DevServerError(Exception):
    """A step failed; the message names the step and where to look."""

    exit_code = 1


class MissingError(DevServerError):
    """The machine lacks something; the message contains the remedy."""

    exit_code = 3
