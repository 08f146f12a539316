"""The kept log as a reader sees it."""

from node_poc.storage.run_log import RunLogReader

MEGABYTE = 2**20


def shown(folder):
    return RunLogReader(folder).tail(10 * MEGABYTE)[0]
