"""A pack as one file, byte for byte the same from the same members."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sync.report.members import Member, document

MANIFEST = "manifest.json"
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
    out: Path, members: Iterable[Member], about: Mapping[str, Any], progress: Callable[[int, int], None]
) -> Written:
    """Write a pack: its members by name, and last a list of them with their hashes, headed by what it is `about`.

    It stands there whole or not at all; `progress` is told how many members are done, and of how many. Raises
    `OSError`, and `ValueError` where two members have one name.
    """
    ordered = sorted(members, key=lambda each: each.name)
    names = [each.name for each in ordered]
    if len({*names, MANIFEST}) <= len(names):
        raise ValueError("two members of a pack have one name")
    part = out.with_name(f".{out.name}.part")
    files: dict[str, Any] = {}
    try:
        with ZipFile(part, "w") as pack:
            for done, each in enumerate(ordered, 1):
                files[each.name] = _put(pack, each)
                progress(done, len(ordered))
            _put(pack, document(MANIFEST, {**about, "files": files}))
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = part.stat().st_size
        part.replace(out)
    finally:
        with suppress(OSError):
            part.unlink()
    return Written(digest, size, (*names, MANIFEST))


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
