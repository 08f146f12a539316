"""The outcome of each attack."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

Attack = Callable[[], Any]


def attempt(attack: Attack) -> dict[str, Any]:
    """Return whether an attack succeeded, with its evidence or the reason of its failure.

    A wall shows itself as an OSError. Any other error is a fault of the attack itself, which proves
    nothing: ``succeeded`` is then None.
    """
    try:
        return {"succeeded": True, "told": str(attack())[:200]}
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return {"succeeded": False, "told": f"{name}: {error.strerror or error}"[:200]}
    except Exception as error:
        return {"succeeded": None, "told": f"{type(error).__name__}: {error}"[:200]}


def apart(attack: Attack) -> Attack:
    """Return the attack, made in a child process: it may change or end its process."""

    def in_a_child() -> str:
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reads)
            os.write(writes, _line_of(attack))
            os._exit(0)
        os.close(writes)
        with os.fdopen(reads, "rb") as told:
            word, _, text = told.read().decode().partition(" ")
        os.waitpid(child, 0)
        if word == "done":
            return text
        if word.isdigit():
            raise OSError(int(word), text)
        raise RuntimeError(f"the attack's process ended without a word: {word} {text}")

    return in_a_child


def _line_of(attack: Attack) -> bytes:
    try:
        return f"done {attack()}".encode()
    except OSError as error:
        return f"{error.errno or errno.EIO} {error.strerror or error}".encode()
    except Exception as error:
        return f"broken {type(error).__name__} {error}".encode()
