"""A folder that checkpoints are kept in, one file each: a mounted share, a disk that somebody takes home."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from connectors.anchors.base import AnchorError
from state.checkpoint import Head

_ODD = re.compile(r"[^A-Za-z0-9._-]")
SUFFIX = ".note"
_NAMED = re.compile(r"(?:_epoch-([0-9]{1,9}))?\.[0-9]{12}\.note$")


class Directory:
    """The folder at `path`, which must exist, so that a share that is not mounted is noticed."""

    spacing = timedelta(0)

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def keep(self, head: Head, note: str) -> None:
        """Write the checkpoint to a file of its own and have it on the disk; raises `AnchorError`.

        A file that says something else under the same name is never written over.
        """
        file = self._path / file_name(head)
        part = self._path / f".{file.name}.part"
        try:
            _write(part, note)
            try:
                os.link(part, file)
            except FileExistsError:
                self._must_say(file, note)
            _sync(self._path)
        except (OSError, UnicodeDecodeError) as error:
            raise AnchorError(f"{file} cannot be written: {error}") from error
        finally:
            with suppress(OSError):
                part.unlink()

    def notes(self, name: str) -> Iterator[str]:
        """Yield what files hold that are named as this ledger's checkpoints, the newest first; raises `AnchorError`."""
        try:
            files = [file for file in self._path.iterdir() if file.name.endswith(SUFFIX)]
            for file in sorted(files, key=_age, reverse=True):
                if file.name.startswith(_plain(name)):
                    yield file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise AnchorError(f"{self._path} cannot be read: {error}") from error

    def _must_say(self, file: Path, note: str) -> None:
        if file.read_text(encoding="utf-8") != note:
            raise AnchorError(
                f"{file} holds another checkpoint over as many records: compare both with `counterfoil audit verify`"
            )


def file_name(head: Head) -> str:
    """What the file of a checkpoint is called: names that are sorted stand in the order of their sizes."""
    return f"{_plain(head.origin)}.{head.size:012d}{SUFFIX}"


def _age(file: Path) -> tuple[int, str]:
    """Names of later epochs come after earlier ones, and within one those over more records."""
    found = _NAMED.search(file.name)
    return (int(found[1]) if found and found[1] else 1), file.name


def _plain(origin: str) -> str:
    return _ODD.sub("_", origin)


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
