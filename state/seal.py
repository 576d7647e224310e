"""Whether a file is as this program left it, told by the part of a second in the file's own time of change."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_SECOND = 1_000_000_000
_MICROSECOND = 1_000


def put(path: Path) -> None:
    """Seal a file: whoever writes to it afterwards moves its time of change, and so breaks the seal.

    Where the time cannot be set, or is kept too coarsely, the file counts as not sealed.
    """
    with suppress(OSError):
        there = path.stat()
        os.utime(path, ns=(there.st_atime_ns, _sealed(there)))


def tear(path: Path) -> None:
    """Have a file count as not sealed."""
    if holds(path):
        with suppress(OSError):
            os.utime(path)


def holds(path: Path) -> bool:
    """Whether nobody wrote to a file since it was sealed; what changes bits and not the time goes unnoticed here."""
    try:
        there = path.stat()
    except OSError:
        return False
    return there.st_mtime_ns == _sealed(there)


def _sealed(there: os.stat_result) -> int:
    """The time of change, with a fraction that follows from its second and the file's size."""
    second = there.st_mtime_ns // _SECOND
    named = hashlib.sha256(f"{second} {there.st_size}".encode()).digest()
    return second * _SECOND + int.from_bytes(named[:8]) % (_SECOND // _MICROSECOND) * _MICROSECOND
