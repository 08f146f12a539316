"""What can go wrong, each kind with the exit code that the command line gives it."""


class DevServerError(Exception):
    """Something did not work; the message tells what and where to look."""

    exit_code = 1


class MissingError(DevServerError):
    """The machine lacks something; the message holds the remedy."""

    exit_code = 3
