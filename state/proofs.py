"""Evidence as rows: pieces in versions, reviews of them, and what their links were found to be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, select

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.programme_tables import EvidenceRow, LinkCheckRow, ReviewRow
from state.proof import Evidence, EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict
from state.series import chunks, next_numbers

EVIDENCE = EvidenceRow.__table__  # type: ignore[attr-defined]
REVIEW = ReviewRow.__table__  # type: ignore[attr-defined]
CHECK = LinkCheckRow.__table__  # type: ignore[attr-defined]

_Key = tuple[int, int]


def ref_of(seq: int) -> str:
    """The ref of the piece with this number."""
    return f"EV-{seq:06d}"


def number(ref: str) -> int:
    """The number of the piece with this ref; raises `UnknownRef`."""
    digits = ref.upper().removeprefix("EV-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise UnknownRef(ref)
    return int(digits)


def add(
    connection: Connection, ledger: Ledger, drafts: Sequence[tuple[EvidenceDraft, Because]]
) -> list[tuple[Evidence, bool]]:
    """Keep evidence, each piece once, and say of each whether it is new.

    What came from the same place under the same id is a new version if its bytes or its address are others, and else
    the one that is here.
    """
    stored: list[tuple[Evidence, bool]] = []
    for draft, because in drafts:
        if draft.item is None and not draft.controls:
            raise StateError("evidence supports an item or a control; name one")
        latest = _latest(connection, draft)
        if latest is not None and _is_same(latest.draft, draft):
            stored.append((latest, False))
            continue
        seq = number(latest.ref) if latest else next_numbers(connection, "evidence", 1)[0]
        evidence = Evidence(ref_of(seq), latest.version + 1 if latest else 1, draft)
        connection.execute(insert(EVIDENCE).values(seq=seq, version=evidence.version, **_columns(draft)))
        after = _shown(evidence)
        for about in _objects(draft):
            ledger.note("evidence.added", about, because, after=after)
        stored.append((evidence, True))
    return stored


def _latest(connection: Connection, draft: EvidenceDraft) -> Evidence | None:
    if not draft.remote_id:
        return None
    same = and_(EVIDENCE.c.origin == draft.origin, EVIDENCE.c.remote_id == draft.remote_id)
    about = EVIDENCE.c.item.is_(None) if draft.item is None else EVIDENCE.c.item == draft.item
    row = connection.execute(select(EVIDENCE).where(same, about).order_by(EVIDENCE.c.version.desc()).limit(1)).first()
    return _read(connection, [row])[0] if row is not None else None


def _is_same(known: EvidenceDraft, said: EvidenceDraft) -> bool:
    if known.sha256 is not None and said.sha256 is not None:
        return known.sha256 == said.sha256
    return (known.url, known.name, known.size) == (said.url, said.name, said.size)


def review(connection: Connection, ledger: Ledger, evidence: Evidence, found: Review, because: Because) -> None:
    """Keep what a reviewer found of this version."""
    values = asdict(found) | {"verdict": found.verdict.value}
    [seq] = next_numbers(connection, "review", 1)
    connection.execute(
        insert(REVIEW).values(seq=seq, evidence=number(evidence.ref), version=evidence.version, **values)
    )
    after = {"evidence": evidence.ref, "version": evidence.version, "verdict": found.verdict, "by": found.by}
    for about in _objects(evidence.draft):
        ledger.note("evidence.reviewed", about, because, after=after)


def check(connection: Connection, ledger: Ledger, evidence: Evidence, found: LinkCheck, because: Because) -> bool:
    """Keep what a link was found to be, if that is news; whether it was."""
    before = evidence.check
    if before is not None and (before.health, before.sha256) == (found.health, found.sha256):
        return False
    [seq] = next_numbers(connection, "link_check", 1)
    values = asdict(found) | {"health": found.health.value}
    connection.execute(insert(CHECK).values(seq=seq, evidence=number(evidence.ref), version=evidence.version, **values))
    after = {"evidence": evidence.ref, "version": evidence.version, "health": found.health, "sha256": found.sha256}
    for about in _objects(evidence.draft):
        ledger.note("evidence.checked", about, because, before=before and before.health, after=after)
    return True


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, list[Evidence]]:
    """Every version of every piece that supports each of the items, oldest first."""
    found: dict[str, list[Evidence]] = {}
    for some in chunks(dict.fromkeys(items)):
        for each in _read(connection, connection.execute(_ordered().where(EVIDENCE.c.item.in_(some))).all()):
            found.setdefault(each.draft.item or "", []).append(each)
    return found


def of_controls(connection: Connection) -> list[Evidence]:
    """Every version of what supports controls by itself, and not through an item."""
    return _read(connection, connection.execute(_ordered().where(EVIDENCE.c.item.is_(None))).all())


def versions(connection: Connection, ref: str) -> list[Evidence]:
    """Every version of a piece, oldest first; raises `UnknownRef`."""
    rows = connection.execute(_ordered().where(EVIDENCE.c.seq == number(ref))).all()
    if not rows:
        raise UnknownRef(ref)
    return _read(connection, rows)


def everything(connection: Connection) -> list[Evidence]:
    """Every version of every piece."""
    return _read(connection, connection.execute(_ordered()).all())


def ending(connection: Connection, before: date) -> list[Evidence]:
    """The newest versions that expire before a day."""
    rows = connection.execute(_ordered().where(EVIDENCE.c.expires_on < before)).all()
    return [each for each in _read(connection, rows) if not each.superseded]


def _ordered() -> Select[Any]:
    return select(EVIDENCE).order_by(EVIDENCE.c.seq, EVIDENCE.c.version)


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Evidence]:
    numbers = list(dict.fromkeys(row.seq for row in rows))
    reviews = {key: _review_of(row) for key, row in _last(connection, REVIEW, numbers).items()}
    checks = {key: _check_of(row) for key, row in _last(connection, CHECK, numbers).items()}
    newest: dict[int, int] = {}
    for some in chunks(numbers):
        query = select(EVIDENCE.c.seq, func.max(EVIDENCE.c.version)).where(EVIDENCE.c.seq.in_(some))
        newest |= {row[0]: row[1] for row in connection.execute(query.group_by(EVIDENCE.c.seq))}
    return [
        Evidence(
            ref_of(row.seq),
            row.version,
            _draft_of(row),
            reviews.get((row.seq, row.version)),
            checks.get((row.seq, row.version)),
            superseded=row.version < newest[row.seq],
        )
        for row in rows
    ]


def _last(connection: Connection, table: Any, numbers: Sequence[int]) -> Mapping[_Key, Row[Any]]:
    """The last row about each version."""
    found: dict[_Key, Row[Any]] = {}
    for some in chunks(numbers):
        for row in connection.execute(select(table).where(table.c.evidence.in_(some)).order_by(table.c.seq)):
            found[row.evidence, row.version] = row
    return found


def _review_of(row: Row[Any]) -> Review:
    return Review(Verdict(row.verdict), row.by, row.at, row.reason)


def _check_of(row: Row[Any]) -> LinkCheck:
    return LinkCheck(LinkHealth(row.health), row.at, row.sha256, row.detail)


def _draft_of(row: Row[Any]) -> EvidenceDraft:
    given = {name: getattr(row, name) for name in EvidenceDraft.__dataclass_fields__}
    return EvidenceDraft(**given | {"kind": EvidenceKind(row.kind), "stored": bool(row.stored)})


def _columns(draft: EvidenceDraft) -> dict[str, Any]:
    return asdict(draft) | {"kind": draft.kind.value, "stored": int(draft.stored)}


def _objects(draft: EvidenceDraft) -> tuple[str, ...]:
    """What a piece is recorded under."""
    return (draft.item,) if draft.item else draft.controls


def _shown(evidence: Evidence) -> dict[str, Any]:
    draft = evidence.draft
    names = ("kind", "by", "origin", "remote_id", "sha256", "size", "period_start", "period_end", "expires_on")
    shown = {name: getattr(draft, name) for name in names}
    texts = {"url_sha256": digest(draft.url), "shows_sha256": digest(draft.shows)}
    return {"ref": evidence.ref, "version": evidence.version, "captured_at": draft.captured_at, **shown, **texts}
