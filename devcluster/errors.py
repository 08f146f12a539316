"""What can go wrong, each kind with the exit code that the command line gives it."""


class DevClusterError(Exception):
    """Something did not work; the message tells what and where to look."""

    exit_code = 1


class UsageError(DevClusterError):
    """The command was called in a way that makes no sense; nothing was done."""

    exit_code = 2


class PrecheckError(DevClusterError):
    """The machine lacks something; nothing was changed. The message holds the remedy."""

    exit_code = 3


class CommandError(DevClusterError):
    """An external program failed; the message holds the end of its log and the log's path."""


class ApiError(DevClusterError):
    """The Kubernetes API or the registry answered with an error, or not at all.

    Args:
        message: what was asked and what came back.
        status: the HTTP status, 0 when there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
