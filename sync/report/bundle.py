"""A pack as one file, byte for byte the same from the same members."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from state.checkpoint import SigningKey
from sync.report.members import Member, document

MANIFEST, SIGNED = "manifest.json", "manifest.sig"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16
_UNIX = 3
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """A pack that was written: its hash, its size in bytes, and what is in it."""

    sha256: str
    size: int
    names: tuple[str, ...]


def write(
    file: IO[bytes],
    members: Iterable[Member],
    about: Mapping[str, Any],
    key: SigningKey | None,
    progress: Callable[[int, int], None],
) -> Written:
    """Write a pack: its members by name, and last a list of them with their hashes, headed by what it is `about`.

    Whose `key` it is signs that list. `file` is written and read; `progress` is told how many members are done, and of
    how many. Raises `ValueError` where two members have one name.
    """
    names = _fill(file, sorted(members, key=lambda each: each.name), about, key, progress)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return Written(hashlib.file_digest(file, "sha256").hexdigest(), size, names)  # type: ignore[arg-type]


def _fill(
    file: IO[bytes],
    members: Sequence[Member],
    about: Mapping[str, Any],
    key: SigningKey | None,
    progress: Callable[[int, int], None],
) -> tuple[str, ...]:
    """Put everything in, and tell the names."""
    if len({*(each.name for each in members), MANIFEST, SIGNED}) < len(members) + 2:
        raise ValueError("two members of a pack have one name")
    files: dict[str, Any] = {}
    with ZipFile(file, "w") as pack:
        for done, each in enumerate(members, 1):
            files[each.name] = _put(pack, each)
            progress(done, len(members))
        listed = _put(pack, document(MANIFEST, {**about, "files": files}))
        if key is not None:
            _put(pack, Member(SIGNED, [_signature(key, listed["sha256"])]))
        return tuple(pack.namelist())


def _signature(key: SigningKey, sha256: str) -> bytes:
    """The note by which a key vouches for a manifest, and so for all that it lists (https://c2sp.org/signed-note)."""
    text = f"counterfoil audit pack\n{MANIFEST} {sha256}\n"
    return f"{text}\n{key.line(text)}".encode()


def _put(pack: ZipFile, member: Member) -> dict[str, Any]:
    """Add a member, and tell its hash and its size."""
    info = ZipInfo(member.name, _LONG_AGO)
    info.compress_type = ZIP_DEFLATED
    info.create_system, info.external_attr = _UNIX, _MODE
    digest, size = hashlib.sha256(), 0
    with pack.open(info, "w", force_zip64=True) as file:
        for piece in member.content:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    return {"sha256": digest.hexdigest(), "size": size}
