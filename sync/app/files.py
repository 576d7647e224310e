"""Files that stand there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sync.app.failures import Mistaken

OWNER, UMASK = 0o600, 0o666
"""Who may read and write a file: its owner alone, or whoever the umask lets."""


@contextmanager
def whole(out: Path, mode: int = UMASK) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of `out` once it is on disk; raises `Mistaken` where it cannot."""
    part = out.with_name(f".{os.urandom(6).hex()}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise Mistaken(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink()
