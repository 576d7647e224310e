"""A ledger as a pack holds it, to be checked in place of the one in the database."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zipfile import Path as Inside

from connectors.anchors.base import Kept
from state import audit, salted, stored
from state.checkpoint import PublicKey
from state.checkpoints import LEDGER
from state.errors import StateError
from state.stored import PAGE, Stored
from state.verifying import check
from sync.proving import Books, Finding, concluded

_SALT = re.compile(r"[0-9a-f]{32}")
_LEDGER, _TEXTS, _NOTES = "ledger.jsonl", "texts.jsonl", "checkpoints"
_UNREADABLE = (OSError, BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError)


class Exported:
    """The records, personal texts and checkpoints in a pack (a zip or its folder), or beside a `ledger.jsonl`.

    Raises `StateError` where there are none that can be read.
    """

    def __init__(self, place: Path) -> None:
        try:
            self._place: Path | Inside = place.parent if place.name == _LEDGER else place
            if place.is_file() and place.name != _LEDGER:
                self._place = Inside(ZipFile(place))
            self._texts: dict[str, bool] = {}
            for hash_, whole in self._read_texts():
                self._texts[hash_] = whole and self._texts.get(hash_, True)
            self.count = sum(1 for _ in self._lines())
        except _UNREADABLE as error:
            raise StateError(f"{place} is no pack, nor the {_LEDGER} of one: {error}") from None

    def pages(self, after: int) -> Iterator[list[Stored]]:
        """The records after a number, each as it would be stored."""
        lines = islice(enumerate(self._lines(), 1), after, None)
        while page := [_stored(number, line) for number, line in islice(lines, PAGE)]:
            yield page

    def held(self, wanted: Iterable[str]) -> dict[str, bool]:
        """Those of the hashes whose text is here, and whether each was made of it."""
        return {each: self._texts[each] for each in wanted if each in self._texts}

    def erased(self) -> Iterator[tuple[str, int]]:
        """The hashes of the personal texts that records say were erased, each with the number of the record."""
        return stored.erased(self.told_of(salted.PERSON))

    def told_of(self, about: str) -> list[Mapping[str, Any]]:
        """What the records of one object say, in their order, as far as they can be read."""
        such = (line for line in self._lines() if f'"object":"{about}"'.encode() in line)
        found = (audit.said(line) for line in such)
        return [body for body in found if body.get("object") == about]

    def notes(self) -> list[Kept]:
        """The checkpoints in it."""
        folder = self._place / _NOTES
        found: list[Path | Inside] = [*folder.iterdir()] if folder.is_dir() else []
        files = sorted(found, key=lambda file: file.name)
        return [Kept(file.read_text("utf-8", "replace"), file.name) for file in files if file.name.endswith(".note")]

    def _lines(self) -> Iterator[bytes]:
        with (self._place / _LEDGER).open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")

    def _read_texts(self) -> Iterator[tuple[str, bool]]:
        with (self._place / _TEXTS).open("rb") as file:
            for line in file:
                told = audit.said(line)
                yield str(told.get("hash")), _is_whole(told)


def conclude(pack: Exported, kept: Sequence[Kept], known: Sequence[PublicKey], known_epoch: int = 1) -> Finding:
    """What to conclude about the ledger in a pack: its own checkpoints are in it, others `kept` elsewhere.

    Of those, the ones signed after the pack was made say that the ledger went on, and not that any of it is lost.
    """
    books = Books(
        pack.told_of(LEDGER),
        pack.count,
        pack.notes(),
        pack,
        lambda points, standing: check(pack, points, standing=standing),
        may_be_old=True,
    )
    return concluded(books, kept, known, known_epoch)


def _stored(number: int, line: bytes) -> Stored:
    """A record as it would be stored; what cannot be read is none, under the number of its line."""
    body, text = audit.said(line), line.decode("utf-8", "surrogateescape")
    seq, prev, about = body.get("seq"), body.get("prev"), body.get("object")
    return Stored(seq if isinstance(seq, int) else number, str(prev), audit.leaf(line), str(about), text)


def _is_whole(told: Mapping[str, Any]) -> bool:
    """Whether a text is what its hash was made of."""
    try:
        whole = _SALT.fullmatch(told["salt"]) is not None
        return whole and salted.commitment(told["salt"], told["text"]) == told["hash"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
