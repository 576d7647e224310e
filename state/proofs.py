"""Evidence as rows: pieces in versions, reviews of them, and what their links were found to be."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, and_, func, insert, select, type_coerce, update

from state.audit import Ledger, reopened
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.naming import touched
from state.programme_tables import EvidenceRow, LinkCheckRow, ReviewRow
from state.proof import Evidence, EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict, latest_word
from state.series import chunks, next_numbers, number_in

EVIDENCE = EvidenceRow.__table__  # type: ignore[attr-defined]
REVIEW = ReviewRow.__table__  # type: ignore[attr-defined]
CHECK = LinkCheckRow.__table__  # type: ignore[attr-defined]

_Key = tuple[int, int]
_Id = tuple[str, str, str | None]


def ref_of(seq: int) -> str:
    """The ref of the piece with this number."""
    return f"EV-{seq:06d}"


def number(ref: str) -> int:
    """The number of the piece with this ref; raises `UnknownRef`."""
    return number_in(ref, "EV-")


def add(
    connection: Connection, ledger: Ledger, drafts: Sequence[tuple[EvidenceDraft, Because]]
) -> list[tuple[Evidence, bool]]:
    """Keep evidence, each piece once, and say of each whether it is new.

    What came from the same place under the same id is a new version if its bytes or its address are others, and else
    the one that is here. What has no id is the one that is here if it says and is the same. What a tracker tells of by
    itself is a new version of what somebody named by its address before.
    """
    known = _named_before(connection, [draft for draft, _ in drafts if draft.is_attested])
    known |= _by_ids(connection, [draft for draft, _ in drafts if draft.remote_id])
    numbers = _numbers(connection, {_id(draft) for draft, _ in drafts if draft.remote_id} - known.keys())
    stored: list[tuple[Evidence, bool]] = []
    waiting: dict[_Id, tuple[Evidence, Because]] = {}
    for draft, because in drafts:
        if (key := _id(draft)) in waiting:
            _put(connection, ledger, list(waiting.values()))
            waiting.clear()
        before = known.get(key) if draft.remote_id else _alike(connection, draft)
        if before is not None and (not draft.remote_id or _is_same(before.draft, draft)):
            known[key] = _arrive(connection, ledger, before, draft, because)
            stored.append((known[key], False))
        elif draft.remote_id:
            ref = before.ref if before else ref_of(next(numbers))
            known[key] = Evidence(ref, before.version + 1 if before else 1, draft)
            waiting[key] = known[key], because
            stored.append((known[key], True))
        else:
            new = Evidence(ref_of(next_numbers(connection, "evidence", 1)[0]), 1, draft)
            _put(connection, ledger, [(new, because)])
            stored.append((new, True))
    _put(connection, ledger, list(waiting.values()))
    return stored


def _numbers(connection: Connection, new: Collection[_Id]) -> Iterator[int]:
    return iter(next_numbers(connection, "evidence", len(new)) if new else ())


def add_version(
    connection: Connection, ledger: Ledger, ref: str, draft: EvidenceDraft, because: Because
) -> tuple[Evidence, bool]:
    """Keep the next version of a piece, unless it is what the newest one is; whether it is new. Raises `UnknownRef`.

    Where the hash alone of the newest was kept, the same bytes are no new version and are kept from now on, unless it
    was rejected: nobody can have looked at them.
    """
    newest = versions(connection, ref)[-1]
    unseen = draft.stored and not newest.draft.stored and newest.rejected
    if _said(newest.draft) == _said(draft) and newest.reopened_at is None and not unseen:
        return _arrive(connection, ledger, newest, draft, because), False
    new = Evidence(newest.ref, newest.version + 1, draft)
    _put(connection, ledger, [(new, because)])
    return new, True


def _put(connection: Connection, ledger: Ledger, new: Sequence[tuple[Evidence, Because]]) -> None:
    if any(each.draft.item is None and not each.draft.controls for each, _ in new):
        raise StateError("evidence supports an item or a control; name one")
    rows = [{"seq": number(each.ref), "version": each.version, **_columns(each.draft)} for each, _ in new]
    if rows:
        connection.execute(insert(EVIDENCE), rows)
    for each, because in new:
        _note(ledger, "evidence.added", each, because, after=provable(each))
    _touch(connection, [each for each, _ in new])


def _arrive(
    connection: Connection, ledger: Ledger, known: Evidence, draft: EvidenceDraft, because: Because
) -> Evidence:
    """What is known; its bytes are kept from now on if they were brought only now."""
    if known.draft.stored or not draft.stored or known.draft.sha256 != draft.sha256:
        return known
    this = and_(EVIDENCE.c.seq == number(known.ref), EVIDENCE.c.version == known.version)
    connection.execute(update(EVIDENCE).where(this).values(stored=1))
    _note(ledger, "evidence.stored", known, because, after=_named(known) | {"sha256": draft.sha256})
    return replace(known, draft=replace(known.draft, stored=True))


def _id(draft: EvidenceDraft) -> _Id:
    return draft.origin, draft.remote_id, draft.item


def _by_ids(connection: Connection, drafts: Sequence[EvidenceDraft]) -> dict[_Id, Evidence]:
    """The newest version of what came from the same places under the same ids."""
    wanted = {_id(draft) for draft in drafts}
    newest: dict[_Id, Row[Any]] = {}
    for some in chunks({draft.remote_id for draft in drafts}):
        for row in connection.execute(_ordered().where(EVIDENCE.c.remote_id.in_(some))):
            newest[row.origin, row.remote_id, row.item] = row
    here = [key for key in newest if key in wanted]
    return dict(zip(here, _read(connection, [newest[key] for key in here]), strict=True))


def _named_before(connection: Connection, drafts: Sequence[EvidenceDraft]) -> dict[_Id, Evidence]:
    """What somebody named for the same item by the address of one of the drafts."""
    wanted = {(draft.item, draft.url): _id(draft) for draft in drafts}
    found: dict[_Id, Evidence] = {}
    for some in chunks({draft.item for draft in drafts}):
        for each in _read(connection, connection.execute(_ordered().where(EVIDENCE.c.item.in_(some))).all()):
            key = wanted.get((each.draft.item, each.draft.url))
            if key and not (each.superseded or each.reopened_at or each.draft.is_attested):
                found[key] = each
    return found


def _alike(connection: Connection, draft: EvidenceDraft) -> Evidence | None:
    same = and_(EVIDENCE.c.origin == draft.origin, EVIDENCE.c.remote_id == "", _of(draft.item))
    found = _read(connection, connection.execute(_ordered().where(same)).all())
    standing = (e for e in found if not e.superseded and e.reopened_at is None)
    return next((e for e in standing if _said(e.draft) == _said(draft)), None)


def _of(item: str | None) -> Any:
    return EVIDENCE.c.item.is_(None) if item is None else EVIDENCE.c.item == item


def _is_same(known: EvidenceDraft, said: EvidenceDraft) -> bool:
    if known.is_attested is not said.is_attested:
        return False
    if known.sha256 is not None and said.sha256 is not None:
        return known.sha256 == said.sha256
    return (known.url, known.name, known.size) == (said.url, said.name, said.size)


def _said(draft: EvidenceDraft) -> tuple[object, ...]:
    """What a draft is and says, whoever brings it and whenever."""
    what = (draft.kind, draft.shows, draft.sha256, draft.url)
    return (*what, draft.item, draft.controls, draft.period_start, draft.period_end, draft.expires_on)


def review(connection: Connection, ledger: Ledger, evidence: Evidence, found: Review, because: Because) -> None:
    """Keep what a reviewer found of this version."""
    review_all(connection, ledger, [(evidence, found)], because)


def review_all(
    connection: Connection, ledger: Ledger, found: Sequence[tuple[Evidence, Review]], because: Because
) -> None:
    """Keep what was found of each of these versions."""
    if not found:
        return
    numbers = next_numbers(connection, "review", len(found))
    rows = [
        {"seq": seq, "evidence": number(evidence.ref), "version": evidence.version}
        | asdict(said)
        | {"verdict": said.verdict.value}
        for seq, (evidence, said) in zip(numbers, found, strict=True)
    ]
    connection.execute(insert(REVIEW), rows)
    for evidence, said in found:
        after = _named(evidence) | reviewed(said)
        _note(ledger, "evidence.reviewed", evidence, because, after=after)
    _touch(connection, [evidence for evidence, _ in found])


def reviewed(found: Review) -> dict[str, Any]:
    """A review as records hold it, beside the time that each of them has."""
    return {"verdict": found.verdict, "by": found.by, "reason": found.reason}


def check(connection: Connection, ledger: Ledger, evidence: Evidence, found: LinkCheck, because: Because) -> bool:
    """Keep what a link was found to be, if that is not what the last look found; whether it was kept."""
    looks = checks(connection, evidence.ref).get(evidence.version, [])
    before = looks[-1] if looks else None
    if before is not None and (before.health, before.sha256) == (found.health, found.sha256):
        return False
    [seq] = next_numbers(connection, "link_check", 1)
    values = asdict(found) | {"health": found.health.value}
    connection.execute(insert(CHECK).values(seq=seq, evidence=number(evidence.ref), version=evidence.version, **values))
    after = _named(evidence) | {"health": found.health, "sha256": found.sha256}
    _note(ledger, "evidence.checked", evidence, because, before=before and before.health, after=after)
    _touch(connection, [evidence])
    return True


def reviews(connection: Connection, ref: str) -> dict[int, list[Review]]:
    """What reviewers found of a piece, by version, oldest first."""
    found = _rows(connection, REVIEW, [number(ref)])
    return {version: [_review_of(row) for row in rows] for (_, version), rows in found.items()}


def checks(connection: Connection, ref: str) -> dict[int, list[LinkCheck]]:
    """What the link of a piece was found to be, by version, oldest first."""
    found = _rows(connection, CHECK, [number(ref)])
    return {version: [_check_of(row) for row in rows] for (_, version), rows in found.items()}


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, list[Evidence]]:
    """Every version of every piece that supports each of the items, oldest first."""
    found: dict[str, list[Evidence]] = {}
    for some in chunks(dict.fromkeys(items)):
        for each in _read(connection, connection.execute(_ordered().where(EVIDENCE.c.item.in_(some))).all()):
            found.setdefault(each.draft.item or "", []).append(each)
    return found


def of_controls(connection: Connection) -> list[Evidence]:
    """Every version of what supports controls that it names, beside those of its item if it has one."""
    naming = type_coerce(EVIDENCE.c.controls, Text) != "[]"
    return _read(connection, connection.execute(_ordered().where(naming)).all())


def versions(connection: Connection, ref: str) -> list[Evidence]:
    """Every version of a piece, oldest first; raises `UnknownRef`."""
    rows = connection.execute(_ordered().where(EVIDENCE.c.seq == number(ref))).all()
    if not rows:
        raise UnknownRef(ref)
    return _read(connection, rows)


def everything(connection: Connection) -> list[Evidence]:
    """Every version of every piece."""
    return _read(connection, connection.execute(_ordered()).all())


def newest(connection: Connection, numbers: Iterable[int]) -> dict[int, Evidence]:
    """The newest version of each of these pieces, by number."""
    found: dict[int, Evidence] = {}
    for some in chunks(numbers):
        for each in _read(connection, connection.execute(_ordered().where(EVIDENCE.c.seq.in_(some))).all()):
            found[number(each.ref)] = each
    return found


def ending(connection: Connection, before: date) -> list[Evidence]:
    """The newest versions that expire before a day."""
    rows = connection.execute(_ordered().where(EVIDENCE.c.expires_on < before)).all()
    return [each for each in _read(connection, rows) if not each.superseded]


def _ordered() -> Select[Any]:
    return select(EVIDENCE).order_by(EVIDENCE.c.seq, EVIDENCE.c.version)


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Evidence]:
    numbers = list(dict.fromkeys(row.seq for row in rows))
    reviewed = {key: _review_of(rows[-1]) for key, rows in _rows(connection, REVIEW, numbers).items()}
    looks = {key: latest_word(map(_check_of, rows)) for key, rows in _rows(connection, CHECK, numbers).items()}
    newest: dict[int, int] = {}
    for some in chunks(numbers):
        query = select(EVIDENCE.c.seq, func.max(EVIDENCE.c.version)).where(EVIDENCE.c.seq.in_(some))
        newest |= {row[0]: row[1] for row in connection.execute(query.group_by(EVIDENCE.c.seq))}
    again = reopened(connection, {row.item for row in rows if row.item})
    return [
        Evidence(
            ref_of(row.seq),
            row.version,
            _draft_of(row),
            reviewed.get((row.seq, row.version)),
            looks.get((row.seq, row.version)),
            superseded=row.version < newest[row.seq],
            reopened_at=at if (at := again.get(row.item)) and row.captured_at < at else None,
        )
        for row in rows
    ]


def _rows(connection: Connection, table: Any, numbers: Sequence[int]) -> dict[_Key, list[Row[Any]]]:
    """What is known about each version of some pieces, oldest first."""
    found: dict[_Key, list[Row[Any]]] = {}
    for some in chunks(numbers):
        for row in connection.execute(select(table).where(table.c.evidence.in_(some)).order_by(table.c.seq)):
            found.setdefault((row.evidence, row.version), []).append(row)
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


def _note(ledger: Ledger, action: str, evidence: Evidence, because: Because, *, before: Any = None, after: Any) -> None:
    """Record something under everything that the piece supports."""
    draft = evidence.draft
    for about in (*filter(None, [draft.item]), *draft.controls):
        ledger.note(action, about, because, before=before, after=after)


def _touch(connection: Connection, evidence: Sequence[Evidence]) -> None:
    """Keep that something happened to the controls that the pieces support."""
    drafts = [each.draft for each in evidence]
    touched(connection, [draft.item for draft in drafts if draft.item], {name for d in drafts for name in d.controls})


def _named(evidence: Evidence) -> dict[str, Any]:
    return {"id": evidence.ref, "version": evidence.version}


def provable(evidence: Evidence) -> dict[str, Any]:
    """A version of a piece but for its review and the looks at its link, as records hold it."""
    draft = evidence.draft
    what = ("kind", "url", "shows", "by", "origin", "remote_id", "sha256", "size", "stored")
    when = ("captured_at", "period_start", "period_end", "expires_on")
    return _named(evidence) | {name: getattr(draft, name) for name in (*what, *when)}
