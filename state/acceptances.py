"""Acceptances as rows: what was asked for, who decided, and how it ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, or_, select, update

from state import items, waiting
from state.acceptance import (
    Acceptance,
    AcceptanceState,
    Channel,
    Decision,
    DecisionVerdict,
    Questioned,
    Terms,
    fingerprint,
)
from state.audit import Ledger
from state.comments import COMMENT
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.lifecycle import UNFINISHED
from state.model import Accepted, Comment, HoldKind
from state.programme_tables import AcceptanceRow, DecisionRow
from state.series import chunks, next_numbers, number_in

ACCEPTANCE = AcceptanceRow.__table__  # type: ignore[attr-defined]
DECISION = DecisionRow.__table__  # type: ignore[attr-defined]

STANDING = frozenset({AcceptanceState.REQUESTED, AcceptanceState.ACTIVE})
"""The states of acceptances that something may still become of."""


def number(ref: str) -> int:
    """The number of the acceptance with this ref; raises `UnknownRef`."""
    return number_in(ref, "RA-")


def request(connection: Connection, ledger: Ledger, asked: Acceptance, because: Because) -> Acceptance:
    """Keep a request under the next ref; raises `StateError` while the item has one already."""
    if asked_for(connection, asked.item) is not None:
        raise StateError(
            f"{asked.item}: an acceptance is asked for already; see `counterfoil accept show {asked.item}`"
        )
    [seq] = next_numbers(connection, "acceptance", 1)
    stored = replace(asked, ref=f"RA-{seq:06d}")
    connection.execute(insert(ACCEPTANCE).values(seq=seq, **_columns(stored)))
    ledger.note("acceptance.requested", stored.item, because, after=provable(stored))
    return stored


def put(
    connection: Connection, ledger: Ledger, now: datetime, before: Acceptance, after: Acceptance, because: Because
) -> Acceptance:
    """Keep what became of an acceptance: its state, its terms, and decisions that were added; the item goes with it.

    This is the one way in which an item's risk becomes accepted, and in which that ends. Raises `StateError` where the
    acceptance is no longer as it was `before`, or binds to what the item no longer is. Earlier terms stay in the ledger
    and in `before`'s decisions, which are never changed. The holds of a request that ended are over.
    """
    if get(connection, before.ref) != before:
        raise StateError(
            f"{before.ref} was changed meanwhile; look at it again: `counterfoil accept show {before.ref}`"
        )
    for decision in after.decisions[len(before.decisions) :]:
        _decide(connection, ledger, after, decision, because)
    seq = number(before.ref)
    connection.execute(update(ACCEPTANCE).where(ACCEPTANCE.c.seq == seq).values(**_columns(after)))
    if before.state is not after.state or _asked(before) != _asked(after):
        action = f"acceptance.{after.state.value}" if before.state is not after.state else "acceptance.amended"
        ledger.note(action, after.item, because, before=provable(before), after=provable(after))
    elif before.warned_at != after.warned_at:
        ledger.note("acceptance.warned", after.item, because, after={"ref": after.ref, "until": after.terms.until})
    _carry(connection, ledger, now, before, after, because)
    return after


def overtake(connection: Connection, ledger: Ledger, now: datetime, done: Mapping[str, Because]) -> None:
    """End the requests for items that are resolved by now: there is no risk to accept any more."""
    for ref, some in of_items(connection, done).items():
        because = replace(done[ref], reason=f"{ref} is resolved")
        for each in some:
            if each.state is AcceptanceState.REQUESTED:
                why = because.reason
                over = replace(each, state=AcceptanceState.WITHDRAWN, ended_at=now, ended_why=why)
                put(connection, ledger, now, each, over, because)


def _asked(each: Acceptance) -> tuple[Terms, tuple[str, ...]]:
    return each.terms, each.editors


def _carry(
    connection: Connection, ledger: Ledger, now: datetime, before: Acceptance, after: Acceptance, because: Because
) -> None:
    """Bring the item to where its acceptance is, and end what waited for the decision."""
    if after.state is before.state:
        return
    if before.state is AcceptanceState.REQUESTED:
        asked = [h for h in waiting.holds(connection, after.item) if h.kind is HoldKind.ACCEPTANCE_REQUESTED]
        waiting.release(connection, ledger, now, {h.id: because for h in asked}, {})
    if after.state is AcceptanceState.ACTIVE:
        items.accept(connection, ledger, now, after.item, _binding(connection, before, after), because)
    elif before.state is AcceptanceState.ACTIVE and after.state is not AcceptanceState.RENEWED:
        items.accept(connection, ledger, now, after.item, None, because)


def _binding(connection: Connection, before: Acceptance, after: Acceptance) -> Accepted:
    """What binds the item to its acceptance; refuses one that nobody approved, or that is about something else."""
    item = items.one(connection, after.item)
    if before.state is not AcceptanceState.REQUESTED or not after.approvals or after.terms.until is None:
        raise StateError(f"{after.ref} is not approved by anybody with an end, so {item.ref} is not accepted")
    if fingerprint(item) != after.fingerprint:
        raise StateError(
            f"{item.ref} is not what {after.ref} was asked for: its text, rating, controls or risks have changed. "
            f"Ask anew: `counterfoil accept request {item.ref}`"
        )
    if item.status not in UNFINISHED and item.accepted is None:
        raise StateError(f"{item.ref} is {item.status.value}, so there is no risk to accept")
    return Accepted(after.ref, after.terms.until, after.fingerprint)


def _decide(connection: Connection, ledger: Ledger, about: Acceptance, decision: Decision, because: Because) -> None:
    [seq] = next_numbers(connection, "decision", 1)
    values = asdict(decision) | {"verdict": decision.verdict.value, "channel": decision.channel.value}
    connection.execute(insert(DECISION).values(seq=seq, acceptance=number(about.ref), **values))
    after = {"ref": about.ref, "until": about.terms.until, **decided(decision)}
    ledger.note("acceptance.decided", about.item, because, after=after)


def decided(decision: Decision) -> dict[str, Any]:
    """A decision as records hold it, beside the time that each of them has."""
    return {name: value for name, value in asdict(decision).items() if name != "at"}


def note_comments(connection: Connection, ledger: Ledger, revised: Sequence[tuple[Comment, Because]]) -> None:
    """Record under their items which decisions were taken in comments that say something else now, or are gone."""
    why = {each.remote_id: because for each, because in revised}
    for each in questioned(connection, {each.item for each, _ in revised}):
        if each.event in why:
            after = {"ref": each.ref, "by": each.by, "event": each.event, "comment": each.became}
            ledger.note("acceptance.questioned", each.item, why[each.event], after=after)


def questioned(connection: Connection, some: Iterable[str] | None = None) -> list[Questioned]:
    """The decisions on items, or on all that is asked for or active, whose comment was changed or deleted since."""
    same = and_(COMMENT.c.item == ACCEPTANCE.c.item, COMMENT.c.remote_id == DECISION.c.event)
    revised = or_(COMMENT.c.edited_at.is_not(None), COMMENT.c.deleted_at.is_not(None))
    query = select(DECISION, ACCEPTANCE.c.item, COMMENT.c.edited_at, COMMENT.c.deleted_at)
    query = query.join(ACCEPTANCE, ACCEPTANCE.c.seq == DECISION.c.acceptance).join(COMMENT, same)
    query = query.where(DECISION.c.channel == Channel.COMMENT.value, revised).order_by(DECISION.c.seq)
    standing = ACCEPTANCE.c.state.in_(sorted(state.value for state in STANDING))
    query = query.where(standing if some is None else ACCEPTANCE.c.item.in_(sorted(some)))
    return [_questioned(row) for row in connection.execute(query)]


def _questioned(row: Row[Any]) -> Questioned:
    became = "edited" if row.deleted_at is None else "deleted"
    at, ref = row.deleted_at or row.edited_at, f"RA-{row.acceptance:06d}"
    return Questioned(ref, row.item, DecisionVerdict(row.verdict), row.by, row.event, became, at)


def asked_for(connection: Connection, item: str) -> Acceptance | None:
    """The request of an item that nobody has decided yet."""
    return _only(connection, item, AcceptanceState.REQUESTED)


def active(connection: Connection, item: str) -> Acceptance | None:
    """The acceptance that an item's risk is lived with, whether or not it has lapsed by now."""
    return _only(connection, item, AcceptanceState.ACTIVE)


def _only(connection: Connection, item: str, state: AcceptanceState) -> Acceptance | None:
    query = _ordered().where(ACCEPTANCE.c.item == item, ACCEPTANCE.c.state == state.value)
    return next(iter(_read(connection, connection.execute(query).all())), None)


def get(connection: Connection, ref: str) -> Acceptance:
    """The acceptance with this ref; raises `UnknownRef`."""
    row = connection.execute(select(ACCEPTANCE).where(ACCEPTANCE.c.seq == number(ref))).first()
    if row is None:
        raise UnknownRef(ref)
    return _read(connection, [row])[0]


def every(connection: Connection) -> list[Acceptance]:
    """All that were ever asked for, oldest first."""
    return _read(connection, connection.execute(_ordered()).all())


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, list[Acceptance]]:
    """Every acceptance that each of the items had or has, oldest first."""
    found: dict[str, list[Acceptance]] = {}
    for some in chunks(dict.fromkeys(items)):
        for each in _read(connection, connection.execute(_ordered().where(ACCEPTANCE.c.item.in_(some))).all()):
            found.setdefault(each.item, []).append(each)
    return found


def standing(connection: Connection) -> list[Acceptance]:
    """Those that are asked for or active, oldest first."""
    states = sorted(state.value for state in STANDING)
    return _read(connection, connection.execute(_ordered().where(ACCEPTANCE.c.state.in_(states))).all())


def ending(connection: Connection, today: date, days: int) -> list[Acceptance]:
    """The active ones that are not over yet, and whose last day is within so many days, oldest first."""
    soon = ACCEPTANCE.c.until.between(today, today + timedelta(days=days))
    over = and_(ACCEPTANCE.c.state == AcceptanceState.ACTIVE.value, soon)
    return _read(connection, connection.execute(_ordered().where(over)).all())


def _ordered() -> Select[Any]:
    return select(ACCEPTANCE).order_by(ACCEPTANCE.c.seq)


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Acceptance]:
    decisions: dict[int, list[Decision]] = {}
    for some in chunks(row.seq for row in rows):
        query = select(DECISION).where(DECISION.c.acceptance.in_(some)).order_by(DECISION.c.seq)
        for row in connection.execute(query):
            decisions.setdefault(row.acceptance, []).append(_decision_of(row))
    return [_acceptance_of(row, tuple(decisions.get(row.seq, ()))) for row in rows]


def _decision_of(row: Row[Any]) -> Decision:
    verdict, channel = DecisionVerdict(row.verdict), Channel(row.channel)
    return Decision(verdict, row.by, row.at, row.reason, row.authority, channel, row.typed_by, row.event, row.snapshot)


def _acceptance_of(row: Row[Any], decisions: tuple[Decision, ...]) -> Acceptance:
    terms = Terms(row.justification, row.until, row.compensating, row.likelihood, row.impact, row.conditions)
    return Acceptance(
        ref=f"RA-{row.seq:06d}",
        item=row.item,
        state=AcceptanceState(row.state),
        terms=terms,
        requester=row.requester,
        requested_at=row.requested_at,
        fingerprint=row.fingerprint,
        editors=row.editors,
        system=row.system,
        event=row.event,
        decisions=decisions,
        renewal_of=row.renewal_of,
        active_from=row.active_from,
        warned_at=row.warned_at,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
    )


def _columns(each: Acceptance) -> dict[str, Any]:
    names = ("item", "requester", "requested_at", "fingerprint", "editors", "system", "event", "renewal_of")
    times = ("active_from", "warned_at", "ended_at", "ended_why")
    values = {name: getattr(each, name) for name in (*names, *times)}
    return {"state": each.state.value, **asdict(each.terms), **values}


def provable(each: Acceptance) -> dict[str, Any]:
    """An acceptance but for its decisions, as records hold it."""
    terms = each.terms
    return {
        "ref": each.ref,
        "state": each.state,
        "requester": each.requester,
        "until": terms.until,
        "likelihood": terms.likelihood,
        "impact": terms.impact,
        "justification": terms.justification,
        "compensating": terms.compensating,
        "conditions": terms.conditions,
        "fingerprint": each.fingerprint,
        "editors": each.editors,
        "renewal_of": each.renewal_of,
        "why": each.ended_why,
    }
