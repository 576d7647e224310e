"""Vault: the bytes of evidence, kept in files beside the database, each once and under its SHA-256."""

import errno
import hashlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from state import sharing
from state.errors import StateError

_HEAD = 512
_CHUNK = 1024 * 1024
_LONGEST = 120
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


class TooLarge(StateError):
    """A file is larger than what is kept; nothing of it is."""


class Fault(StrEnum):
    """What is wrong with a file that should be kept."""

    MISSING = "missing"
    ALTERED = "altered"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it is kept, with its first bytes."""

    sha256: str
    size: int
    head: bytes


class Vault:
    """A folder of files that are named by what is in them.

    A file is whole under its name or not there: a crash leaves at most one that nothing names. None is ever deleted,
    and no link inside is followed. `largest` is in bytes. `crash` is called between the steps.
    """

    def __init__(self, folder: Path, *, largest: int, crash: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self._largest, self._crash = folder, largest, crash

    def path(self, sha256: str) -> Path:
        """Where the file with this hash is."""
        return self.folder / sha256[:2] / sha256

    def obstacle(self) -> str:
        """Why nothing could be kept, in words, if so: the folder is to be there and writable, or to be made."""
        there = next(each for each in (self.folder, *self.folder.parents) if os.path.lexists(each))
        if not there.is_dir():
            return f"evidence cannot be kept in {self.folder}: {there} is not a folder"
        may = os.access(there, os.W_OK | os.X_OK)
        return "" if may else f"evidence cannot be kept in {self.folder}: {there} cannot be written to"

    def keep(self, chunks: Iterable[bytes]) -> Kept:
        """Keep bytes, on the disk for good when this returns; raises `TooLarge`, or `StateError` if they cannot be."""
        try:
            sharing.make(self.folder)
            part = self.folder / f"{secrets.token_hex(8)}.part"
            try:
                kept = self._write(part, chunks)
                self._place(part, kept.sha256)
            except BaseException:
                with suppress(OSError):
                    part.unlink()
                raise
        except OSError as error:
            raise StateError(f"evidence cannot be kept in {self.folder}: {error.strerror}; nothing was added") from None
        return kept

    def fault(self, sha256: str) -> Fault | None:
        """What is wrong with the file that has this hash, if anything."""
        digest = hashlib.sha256()
        try:
            if self.path(sha256).parent.is_symlink():
                return Fault.ALTERED
            for chunk in contents(self.path(sha256), follow=False):
                digest.update(chunk)
        except FileNotFoundError:
            return Fault.MISSING
        except PermissionError:
            return Fault.UNREADABLE
        except OSError:
            return Fault.ALTERED
        return None if digest.hexdigest() == sha256 else Fault.ALTERED

    def unnamed(self, named: Collection[str]) -> list[str]:
        """The files in the folder that are not under one of these hashes, as a crash or somebody else left them."""
        known = {self.path(sha256) for sha256 in named}
        found = (
            Path(folder) / name
            for folder, inner, files in os.walk(self.folder)
            for name in _leaves(folder, inner, files)
        )
        return sorted(each.relative_to(self.folder).as_posix() for each in found if each not in known)

    def _write(self, part: Path, chunks: Iterable[bytes]) -> Kept:
        digest, size, head = hashlib.sha256(), 0, b""
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            self._crash("file.begun")
            for chunk in chunks:
                size += len(chunk)
                if size > self._largest:
                    raise TooLarge(
                        f"it is larger than {self._largest / 1024**2:g} MB, and that is all that is kept "
                        "(largest_mb under [evidence]); nothing was added"
                    )
                head = head or chunk[:_HEAD]
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            if sharing.is_shared(self.folder):
                part.chmod(0o440)
            os.fsync(file.fileno())
        self._crash("file.written")
        return Kept(digest.hexdigest(), size, head)

    def _place(self, part: Path, sha256: str) -> None:
        goal = self.path(sha256)
        if goal.parent.is_symlink():
            raise StateError(f"{goal.parent} is a link, and evidence is not kept behind one; nothing was added")
        sharing.make(goal.parent)
        part.replace(goal)
        self._crash("file.placed")
        _settle(goal.parent)
        _settle(self.folder)
        self._crash("file.kept")


def contents(path: Path, *, follow: bool = True) -> Iterator[bytes]:
    """The bytes of an ordinary file, in pieces; raises `OSError`, for anything else too, and waits for none."""
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | (0 if follow else _NO_FOLLOW))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        while chunk := os.read(descriptor, _CHUNK):
            yield chunk
    finally:
        os.close(descriptor)


def safe_name(text: str) -> str:
    """What somebody called a file, as text for people: no folder, nothing that a terminal obeys or that turns text."""
    last = re.split(r"[/\\]", text)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    name = " ".join(shown.split()).strip(".")
    stem, dot, ending = name.rpartition(".")
    short = f"{stem[: _LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) < _HEAD // 16 else name[:_LONGEST]
    return short or "unnamed"


def _leaves(folder: str, inner: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """The files of a folder, and the links in it to folders."""
    yield from files
    yield from (name for name in inner if (Path(folder) / name).is_symlink())


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk for good, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some shared folders know no such thing
            raise
    finally:
        os.close(descriptor)
