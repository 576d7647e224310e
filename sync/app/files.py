"""Files that are read, and files that stand there whole or not at all."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom, FileIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import gettempdir
from typing import IO, TYPE_CHECKING

from sync.app.failures import Mistaken

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OWNER, UMASK = 0o600, 0o666
"""Who may read and write a file: its owner alone, or whoever the umask lets."""


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """For as long as a file is read, maybe several times; raises `Mistaken` where that fails or no ordinary file can.

    A pipe gives what it has but once.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Mistaken(f"{file} is no ordinary file; write to one what is to be read, and name that")
        yield
    except OSError as error:
        raise Mistaken(f"{file} cannot be read: {error.strerror or error}") from None


@contextmanager
def whole(out: Path, mode: int = UMASK) -> Iterator[IO[bytes]]:
    """A file to write to and read, which takes the place of `out` once it is on disk.

    A device, a pipe or an open descriptor stays what it is, and is given all of it at the end. Raises `Mistaken` where
    `out` cannot be written, and for no other failure.
    """
    with _writing(out):
        stays = is_kept(out)
        part = (Path(gettempdir()) if stays else out.parent) / f".{os.urandom(6).hex()}.part"
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER if stays else mode)
    try:
        with BufferedRandom(_Part(descriptor, out)) as file:
            yield file
            file.flush()
            with _writing(out):
                _hand_on(file, out) if stays else os.fsync(descriptor)
        if not stays:
            with _writing(out):
                part.replace(out)
    finally:
        with suppress(OSError):
            part.unlink()


class _Part(FileIO):
    """What is written before it stands under its name."""

    def __init__(self, descriptor: int, out: Path) -> None:
        super().__init__(descriptor, "r+b")
        self._out = out

    def write(self, data: "ReadableBuffer", /) -> int:
        with _writing(self._out):
            return super().write(data)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Mistaken(f"{out} cannot be written: {error.strerror or error}") from None


def is_kept(out: Path) -> bool:
    """Whether what is there is no file to replace; a link is, but for those by which a system names what is open."""
    try:
        mode = out.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(mode):
        folder = out.parent.resolve()
        return folder == Path("/dev") or folder.is_relative_to("/proc")
    return not stat.S_ISREG(mode)


def _hand_on(file: IO[bytes], out: Path) -> None:
    file.seek(0)
    with out.open("ab") as there:
        copyfileobj(file, there)
