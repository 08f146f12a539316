"""``v6-node set-api-key``: changes one key of a configuration file, and leaves its comments."""

from __future__ import annotations

import re
from pathlib import Path

from node_poc.config.load import read_text
from node_poc.manage.session import WELL, WRONG, CommandError, Options, tell
from node_poc.manage.yaml_edit import with_value
from node_poc.storage.whole_files import written_beside

_KEY = re.compile(r"[0-9A-Za-z-]{8,100}")


def set_api_key(options: Options, key: str) -> int:
    """Write the key into the file. Returns the exit code. Raises CommandError, ConfigError."""
    if not _KEY.fullmatch(key):
        raise CommandError(
            "the API key must be letters, digits and `-`, as the server shows it once", WRONG
        )
    path = options.file()
    replace_text(path, with_value(read_text(path), "api_key", key))
    tell(f"{path}: api_key set; `v6-node start --name {path.stem}` brings the key to the cluster")
    return WELL


def replace_text(path: Path, text: str) -> None:
    """Replace a file at once, with the rights of the former file. Raises CommandError."""
    try:
        mode = path.stat().st_mode & 0o777
        with written_beside(path, text.encode(), mode) as beside:
            beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({error.strerror})") from error
