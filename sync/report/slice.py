"""What of a pack is proof: each record as it was hashed, the texts beside them, what was signed, the evidence.

The ledger is always given whole, from its first record: its chain and its checkpoints can then be checked with nothing
else at hand. A period only says which part of it is shown.
"""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from connectors.anchors.directory import file_name
from state import audit, checkpoints, salted
from state.audit import AuditRecord, Told
from state.checkpoint import NoCheckpoint, unchecked
from state.errors import StateError
from state.vault import Vault, contents
from sync.report.members import Member, document

VERIFIER = Path(__file__).with_name("verify.py")
"""The program that checks a pack by itself."""
_LINES = 500
_LONGEST = 255
_ADDED, _STORED = "evidence.added", "evidence.stored"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where the ledger goes: so many records, the hash of the last, and the root over all (hex)."""

    records: int
    head: str
    root: str


def proofs(connection: Connection, position: Position, stamp: Callable[[str], bytes | None]) -> Iterator[Member]:
    """The ledger, its personal texts and its checkpoints up to a position, and the program that checks them.

    `stamp` gives what a time-stamp authority said of the checkpoint whose file has this name, if one did.
    """
    yield Member("ledger.jsonl", _lines(islice(audit.bodies(connection), position.records)))
    texts = ({"hash": hash_, "salt": salt, "text": text} for hash_, salt, text in salted.every(connection))
    yield Member("texts.jsonl", _lines(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in texts))
    for size, note in checkpoints.notes(connection):
        if size <= position.records and (name := _file_name(size, note)):
            yield Member(f"checkpoints/{name}", [note.encode()])
            if (found := stamp(name)) is not None:
                yield Member(f"checkpoints/{Path(name).with_suffix('.tsr')}", [found])
    yield Member(VERIFIER.name, [VERIFIER.read_bytes()])


def _file_name(size: int, note: str) -> str:
    """What the file of a checkpoint is called, empty for what is none over so many records."""
    with suppress(NoCheckpoint):
        head = unchecked(note)
        name = file_name(head)
        return name if head.size == size and len(name) <= _LONGEST else ""
    return ""


@dataclass(slots=True)
class Exhibits:
    """The files that the ledger names as evidence, by hash, with the pieces that each is; fed with its records.

    `missing` says of those that a pack has not why not, once its members were made.
    """

    pieces: dict[str, dict[tuple[str, str], dict[str, object]]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)

    def hear(self, told: Told) -> None:
        """One more record; what it says in another way than the program writes it is passed over."""
        after = told.get("after")
        if told.get("action") not in (_ADDED, _STORED) or not isinstance(after, Mapping):
            return
        sha256 = after.get("sha256")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            return
        pieces = self.pieces.setdefault(sha256, {})
        if told["action"] == _STORED or after.get("stored") is True:
            self.kept.add(sha256)
        if told["action"] == _ADDED:
            names = ("id", "version", "kind", "size", "captured_at", "origin")
            piece = {name: after.get(name) for name in names} | {"supports": [], "record": told["seq"]}
            known = pieces.setdefault((str(after.get("id")), str(after.get("version"))), piece)
            known["supports"] = [*known["supports"], told["object"]]  # type: ignore[misc]

    def members(self, vault: Vault, shown: Container[str] | None) -> Iterator[Member]:
        """Those of the `shown` files, or of all, that are as recorded, and a list that says why others are not here."""
        for sha256 in sorted(self.pieces):
            if why := self._why_not(sha256, vault, shown):
                self.missing[sha256] = why
            else:
                yield Member(f"evidence/{sha256}", _bytes(vault.path(sha256)))
        told = {sha256: list(pieces.values()) for sha256, pieces in sorted(self.pieces.items())}
        yield document("evidence.json", {"files": told, "missing": self.missing})

    def _why_not(self, sha256: str, vault: Vault, shown: Container[str] | None) -> str:
        if sha256 not in self.kept:
            return "its bytes were never kept, only their hash"
        if shown is not None and sha256 not in shown:
            return "it supports nothing that was asked for"
        fault = vault.fault(sha256)
        return "" if fault is None else f"the file is {fault.value}"


@dataclass(slots=True)
class Redactions:
    """The personal texts that are gone, each with the records that stand for it; fed with pages of records."""

    gone: dict[str, list[int]] = field(default_factory=dict)

    def hear(self, connection: Connection, page: Sequence[AuditRecord]) -> None:
        """A page of records."""
        named = dict.fromkeys((each.seq, hash_) for each in page for hash_ in salted.named_in(each.body))
        here = salted.held(connection, {hash_ for _, hash_ in named})
        for seq, hash_ in named:
            if hash_ not in here:
                self.gone.setdefault(hash_, []).append(seq)

    def member(self) -> Member:
        """The list of them."""
        return document(
            "redactions.json", [{"hash": each, "records": seqs} for each, seqs in sorted(self.gone.items())]
        )


def _bytes(file: Path) -> Iterator[bytes]:
    """The bytes of a file that goes into a pack; raises `StateError`, which is not to be taken for one of the pack."""
    try:
        yield from contents(file, follow=False)
    except OSError as error:
        raise StateError(f"{file} cannot be read: {error.strerror or error}") from None


def _lines(texts: Iterable[str]) -> Iterator[bytes]:
    source = iter(texts)
    while some := list(islice(source, _LINES)):
        yield "".join(f"{text}\n" for text in some).encode()
