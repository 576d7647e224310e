"""A folder that checkpoints are kept in, one file each: a mounted share, a disk that somebody takes home."""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from connectors.anchors.base import AnchorError, Kept
from state.checkpoint import LONGEST, Head
from state.vault import contents

_ODD = re.compile(r"[^A-Za-z0-9.-]")
_LONGEST = 1_000_000
"""So many bytes of a file are looked at: no stamp is longer."""
SUFFIX = ".note"

Named = TypeVar("Named")


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
        if not put(file, note.encode()) and self._read(file) != note:
            raise AnchorError(
                f"{file} holds another checkpoint over as many records: compare both with `counterfoil audit verify`"
            )

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of this ledger and of what it was begun anew as, the newest first; raises `AnchorError`."""
        return (note for _, note in self.of(name))

    def of(self, name: str) -> Iterator[tuple[Path, str]]:
        """The same, each with its file; what cannot be read is passed over, so that it hides nothing."""
        for file in newest_first(self._listed(), name, lambda file: file.name):
            try:
                note = self._read(file)
            except AnchorError:
                continue
            yield file, note

    def every(self) -> Iterator[Kept]:
        """Every checkpoint in the folder and in those within it; raises `AnchorError`.

        What cannot be read reads empty, which is no checkpoint, so that it hides nothing.
        """
        self._listed()
        for file in sorted(self._path.rglob(f"*{SUFFIX}")):
            try:
                yield Kept(self._read(file), str(file))
            except AnchorError:
                yield Kept("", str(file))

    def _listed(self) -> list[Path]:
        try:
            return list(self._path.iterdir())
        except OSError as error:
            raise AnchorError(f"{self._path} cannot be read: {error.strerror}") from error

    def _read(self, file: Path) -> str:
        try:
            return read(file, LONGEST).decode("utf-8", "replace")
        except OSError as error:
            raise AnchorError(f"{file} cannot be read: {error.strerror}") from error


def read(file: Path, longest: int = _LONGEST) -> bytes:
    """What an ordinary file holds, up to a length that nothing of its kind has; nothing else is followed or waited for.

    Raises `OSError`.
    """
    found = b""
    for chunk in contents(file, follow=False):
        found += chunk
        if len(found) > longest:
            raise OSError(errno.EFBIG, "it is too long for what is kept here")
    return found


def put(file: Path, content: bytes) -> bool:
    """Have a file on the disk, whole or not at all; `False` where one is there, which is left alone.

    It is written beside its place under a name that nobody has: where a folder lets nothing go, that name stays, and
    is never written to again. Raises `AnchorError`.
    """
    if os.path.lexists(file):
        return False
    part = file.with_name(f".{file.name}.{os.urandom(6).hex()}.part")
    try:
        _write(part, content)
        try:
            os.link(part, file)
        except FileExistsError:
            return False
        _sync(file.parent)
    except OSError as error:
        raise AnchorError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return True


def file_name(head: Head) -> str:
    """What the file of a checkpoint is called: names that are sorted stand in the order of their sizes."""
    return f"{plain(head.origin)}.{head.size:012d}{SUFFIX}"


def newest_first(files: Iterable[Named], name: str, called: Callable[[Named], str]) -> list[Named]:
    """Those of the files that by what they are `called` hold checkpoints of this ledger, the newest first."""
    found = [(age, file) for file in files if (age := age_by(called(file), name))]
    found.sort(key=lambda each: each[0], reverse=True)
    return [file for _, file in found]


def age_by(file: str, name: str) -> tuple[int, int] | None:
    """By what a file is called, how new a checkpoint of this ledger it holds; `None` for another file."""
    pattern = rf"{re.escape(plain(name))}(?:_epoch-([0-9]{{1,9}}))?\.([0-9]{{12}}){re.escape(SUFFIX)}"
    told = re.fullmatch(pattern, file)
    return (int(told[1] or 1), int(told[2])) if told else None


def plain(origin: str) -> str:
    """How files spell the name of a ledger: each in its own way, with an underscore for a slash."""
    return _ODD.sub(_spelled, origin)


def _spelled(odd: re.Match[str]) -> str:
    return "_" if odd[0] == "/" else "".join(f"~{byte:02x}" for byte in odd[0].encode("utf-8", "replace"))


def _write(file: Path, content: bytes) -> None:
    with file.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
