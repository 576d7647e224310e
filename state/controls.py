"""Frameworks, controls and tests as rows, and how each control stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.model import TestOutcome
from state.programme_tables import ControlRow, FrameworkRow, TestRow
from state.register import Control, ControlDraft, ControlStatus, Exemption, Framework, Test
from state.series import chunks

FRAMEWORK = FrameworkRow.__table__  # type: ignore[attr-defined]
CONTROL = ControlRow.__table__  # type: ignore[attr-defined]
TEST = TestRow.__table__  # type: ignore[attr-defined]

_HEARD = update(TEST).where(TEST.c.fingerprint == bindparam("which"))


def add_framework(
    connection: Connection, ledger: Ledger, new: Framework, drafts: Sequence[ControlDraft], because: Because
) -> tuple[int, int]:
    """Keep a framework and its controls, or bring them up to date; how many controls are new, and how many changed.

    Controls that the file no longer names stay, and so does every control's status, exemption and answer.
    """
    known = {each.code: each for each in controls(connection, new.id)}
    stored = connection.execute(select(FRAMEWORK).where(FRAMEWORK.c.id == new.id)).first()
    if stored is None:
        connection.execute(insert(FRAMEWORK).values(**asdict(new)))
    elif stored.sha256 != new.sha256:
        connection.execute(update(FRAMEWORK).where(FRAMEWORK.c.id == new.id).values(**asdict(new)))
    if stored is None or stored.sha256 != new.sha256:
        ledger.note("framework.added", new.id, because, after=asdict(new) | {"controls": len(drafts)})
    fresh = [(place, d) for place, d in enumerate(drafts) if d.code not in known]
    if fresh:
        connection.execute(insert(CONTROL), [_new(new, place, draft) for place, draft in fresh])
    changed = [d for d in drafts if d.code in known and _differs(known[d.code], d)]
    for draft in changed:
        values = {"title": draft.title, "guidance": draft.guidance}
        values |= {"owner": draft.owner} if draft.owner else {}
        connection.execute(update(CONTROL).where(CONTROL.c.id == f"{new.id}:{draft.code}").values(**values))
        after = {"title": draft.title, "guidance_sha256": digest(draft.guidance), "owner": draft.owner}
        ledger.note("control.changed", f"{new.id}:{draft.code}", because, after=after)
    return len(fresh), len(changed)


def _differs(known: Control, draft: ControlDraft) -> bool:
    said = (draft.title, draft.guidance, draft.owner or known.owner)
    return (known.title, known.guidance, known.owner) != said


def _new(framework: Framework, place: int, draft: ControlDraft) -> dict[str, Any]:
    exempt = dict.fromkeys(("exempt_why", "exempt_by", "exempt_at", "answered_by"))
    first = {"status": ControlStatus.NOT_STARTED.value, "why": "no evidence", "since": framework.added_at}
    return {
        "id": f"{framework.id}:{draft.code}",
        "framework": framework.id,
        "place": place,
        **asdict(draft),
        **first,
        **exempt,
    }


def frameworks(connection: Connection) -> list[Framework]:
    """Every framework, by id."""
    names = Framework.__dataclass_fields__
    rows = connection.execute(select(FRAMEWORK).order_by(FRAMEWORK.c.added_at, FRAMEWORK.c.id))
    return [Framework(**{name: getattr(row, name) for name in names}) for row in rows]


def controls(connection: Connection, framework: str | None = None) -> list[Control]:
    """The controls of one framework or of all, in the order of their files."""
    query = select(CONTROL).order_by(CONTROL.c.framework, CONTROL.c.place)
    if framework is not None:
        query = query.where(CONTROL.c.framework == framework)
    return [_control_of(row) for row in connection.execute(query)]


def control(connection: Connection, name: str) -> Control:
    """The control with this id, or the only one with this code; raises `UnknownRef`, or `StateError` if it is not."""
    found = [each for each in controls(connection) if each.is_named(name)]
    exact = [each for each in found if each.id.casefold() == name.casefold()]
    match exact or found:
        case [one]:
            return one
        case []:
            raise UnknownRef(name)
        case many:
            raise StateError(f"{name} is a control of several frameworks: {', '.join(c.id for c in many)}; name one")


def answer(connection: Connection, ledger: Ledger, by: Mapping[str, str | None], because: Because) -> None:
    """Say which control answers which, both by id."""
    known = {each.id: each for each in controls(connection)}
    for id_, other in by.items():
        if id_ not in known or (other is not None and other not in known):
            raise UnknownRef(id_ if id_ not in known else str(other))
        if known[id_].answered_by != other:
            connection.execute(update(CONTROL).where(CONTROL.c.id == id_).values(answered_by=other))
            ledger.note("control.answered", id_, because, before=known[id_].answered_by, after=other)


def exempt(
    connection: Connection, ledger: Ledger, about: Control, exemption: Exemption | None, because: Because
) -> None:
    """Keep that a control does not apply, or that it does again."""
    names = ("exempt_why", "exempt_by", "exempt_at")
    values = (exemption.reason, exemption.by, exemption.at) if exemption else (None, None, None)
    changes = dict(zip(names, values, strict=True))
    connection.execute(update(CONTROL).where(CONTROL.c.id == about.id).values(**changes))
    after = {"by": exemption.by, "reason_sha256": digest(exemption.reason)} if exemption else None
    ledger.note("control.exempted", about.id, because, after=after)


def stand(
    connection: Connection,
    ledger: Ledger,
    now: datetime,
    found: Mapping[str, tuple[ControlStatus, str]],
    because: Because,
) -> list[Control]:
    """Record how controls stand, by id, with the reason; those whose status changed, as they were."""
    moved = [each for each in controls(connection) if each.id in found and found[each.id] != (each.status, each.why)]
    for each in moved:
        status, why = found[each.id]
        since = each.since if status is each.status else now
        values = {"status": status.value, "why": why, "since": since}
        connection.execute(update(CONTROL).where(CONTROL.c.id == each.id).values(**values))
        if status is not each.status:
            after = {"status": status, "why": why}
            ledger.note("control.status", each.id, because, field="status", before=each.status, after=after)
    return [each for each in moved if found[each.id][0] is not each.status]


def _control_of(row: Row[Any]) -> Control:
    exemption = None if row.exempt_by is None else Exemption(row.exempt_why, row.exempt_by, row.exempt_at)
    return Control(
        id=row.id,
        framework=row.framework,
        code=row.code,
        title=row.title,
        guidance=row.guidance,
        owner=row.owner,
        status=ControlStatus(row.status),
        why=row.why,
        since=row.since,
        answered_by=row.answered_by,
        exemption=exemption,
    )


def heard(connection: Connection, said: Iterable[Test]) -> None:
    """Keep the latest word of each test; an older one than that known changes nothing.

    What a test says without naming an item is about the item that it was about before.
    """
    for some in chunks({each.fingerprint: each for each in sorted(said, key=_when)}.values()):
        rows = connection.execute(select(TEST).where(TEST.c.fingerprint.in_([each.fingerprint for each in some])))
        known = {row.fingerprint: _test_of(row) for row in rows}
        if new := [_test_columns(each) for each in some if each.fingerprint not in known]:
            connection.execute(insert(TEST), new)
        pairs = [(known[each.fingerprint], each) for each in some if each.fingerprint in known]
        later = [replace(now, item=now.item or was.item) for was, now in pairs if was.observed_at <= now.observed_at]
        if moved := [each for each in later if each != known[each.fingerprint]]:
            connection.execute(_HEARD, [_test_columns(each) | {"which": each.fingerprint} for each in moved])


def _when(test: Test) -> datetime:
    return test.observed_at


def latest_words(connection: Connection, *, silent_since: datetime | None = None) -> list[Test]:
    """The latest word of every test, or of those that said nothing since a time; by title."""
    query = select(TEST).order_by(TEST.c.title, TEST.c.fingerprint)
    if silent_since is not None:
        query = query.where(TEST.c.observed_at < silent_since)
    return [_test_of(row) for row in connection.execute(query)]


def silent(connection: Connection, since: datetime) -> int:
    """How many tests have said nothing since a time."""
    return connection.execute(select(func.count()).select_from(TEST).where(TEST.c.observed_at < since)).scalar_one()


def _test_columns(each: Test) -> dict[str, Any]:
    return asdict(each) | {"outcome": each.outcome.value}


def _test_of(row: Row[Any]) -> Test:
    names = ("fingerprint", "title", "observed_at", "controls", "item", "source_ref", "report_sha256")
    return Test(outcome=TestOutcome(row.outcome), **{name: getattr(row, name) for name in names})
