"""The errors of the dev cluster, each with the command line's exit code."""


class DevClusterError(Exception):
    """A step failed; the message names the step and where to look."""

    exit_code = 1


class UsageError(DevClusterError):
    """The command's arguments make no sense; nothing was done."""

    exit_code = 2


class PrecheckError(DevClusterError):
    """The machine lacks something; nothing was changed. The message contains the remedy."""

    exit_code = 3


class CommandError(DevClusterError):
    """An external program failed; the message has the end of its log and the log's path."""


class ApiError(DevClusterError):
    """The Kubernetes API or the registry returned an error, or did not respond.

    Args:
        message: the request and the response.
        status: the HTTP status; 0 without a response.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
