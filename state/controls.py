"""Frameworks, controls and tests as rows, with the status of each control as it was last recorded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, insert, literal_column, or_, select, update

from state import naming
from state.audit import Ledger, digest
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.model import TestOutcome
from state.programme_tables import ControlRow, FrameworkRow, TestRow
from state.register import Control, ControlDraft, ControlStatus, Exemption, Framework, Test, folded
from state.series import chunks

FRAMEWORK = FrameworkRow.__table__  # type: ignore[attr-defined]
CONTROL = ControlRow.__table__  # type: ignore[attr-defined]
TEST = TestRow.__table__  # type: ignore[attr-defined]

_IS_STALE = literal_column("control.stale") == literal_column("1")
_HEARD = update(TEST).where(TEST.c.fingerprint == bindparam("which"))


class Added(NamedTuple):
    """How many controls of a file were new, how many changed, and which it no longer names."""

    new: int
    changed: int
    unnamed: tuple[str, ...]


def add_framework(
    connection: Connection, ledger: Ledger, new: Framework, drafts: Sequence[ControlDraft], because: Because
) -> Added:
    """Keep a framework and its controls, or bring them up to date.

    Controls that the file no longer names stay, and so does every control's status, exemption and answer. Of two codes
    that are compared as one, `StateError` is raised.
    """
    codes = {folded(draft.code): draft.code for draft in drafts}
    if len(codes) < len(drafts):
        twice = next(d.code for d in drafts if codes[folded(d.code)] != d.code or drafts.count(d) > 1)
        raise StateError(f"the code {twice} is there twice; a control is named by its code")
    known = {folded(each.code): each for each in controls(connection, new.id)}
    _keep_framework(connection, ledger, new, len(drafts), because)
    fresh = [(place, d) for place, d in enumerate(drafts) if folded(d.code) not in known]
    if fresh:
        connection.execute(insert(CONTROL), [_new(new, place, draft) for place, draft in fresh])
        naming.found_by_all(connection, controls=True)
    changed = [(known[key], d) for d in drafts if (key := folded(d.code)) in known and _differs(known[key], d)]
    for before, draft in changed:
        after = replace(before, title=draft.title, guidance=draft.guidance, owner=draft.owner or before.owner)
        values = {name: getattr(after, name) for name in ("title", "guidance", "owner")}
        connection.execute(update(CONTROL).where(CONTROL.c.id == before.id).values(**values))
        ledger.note("control.changed", before.id, because, after=worded(after))
    unnamed = tuple(each.code for key, each in known.items() if key not in codes)
    return Added(len(fresh), len(changed), unnamed)


def worded(control: Control) -> dict[str, Any]:
    """The texts of a control as records hold them."""
    return {"title": control.title, "guidance_sha256": digest(control.guidance), "owner": control.owner}


def _keep_framework(connection: Connection, ledger: Ledger, new: Framework, count: int, because: Because) -> None:
    before = next((each for each in frameworks(connection) if each.id == new.id), None)
    if before is not None and (before.title, before.version, before.sha256) == (new.title, new.version, new.sha256):
        return
    if before is None:
        connection.execute(insert(FRAMEWORK).values(**asdict(new)))
    else:
        connection.execute(update(FRAMEWORK).where(FRAMEWORK.c.id == new.id).values(**asdict(new)))
    ledger.note("framework.added", new.id, because, after=asdict(new) | {"controls": count})


def _differs(known: Control, draft: ControlDraft) -> bool:
    said = (draft.title, draft.guidance, draft.owner or known.owner)
    return (known.title, known.guidance, known.owner) != said


def _new(framework: Framework, place: int, draft: ControlDraft) -> dict[str, Any]:
    exempt = dict.fromkeys(("exempt_why", "exempt_by", "exempt_at", "answered_by"))
    first = {"status": ControlStatus.NOT_STARTED.value, "why": "no evidence", "since": framework.added_at}
    id_ = f"{framework.id}:{draft.code}"
    keys = {"id_key": folded(id_), "code_key": folded(draft.code)}
    return {
        "id": id_,
        "framework": framework.id,
        "place": place,
        "stale": 1,
        **keys,
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


def counts(connection: Connection) -> dict[str, dict[ControlStatus, int]]:
    """How many controls of each framework have which status."""
    found: dict[str, dict[ControlStatus, int]] = {}
    query = select(CONTROL.c.framework, CONTROL.c.status, func.count().label("n"))
    for row in connection.execute(query.group_by(CONTROL.c.framework, CONTROL.c.status)):
        found.setdefault(row.framework, {})[ControlStatus(row.status)] = row.n
    return found


def get(connection: Connection, ids: Iterable[str]) -> dict[str, Control]:
    """The controls that have these ids; unknown ones are left out."""
    found: dict[str, Control] = {}
    for some in chunks(dict.fromkeys(ids)):
        rows = connection.execute(select(CONTROL).where(CONTROL.c.id.in_(some)).order_by(CONTROL.c.id))
        found |= {row.id: _control_of(row) for row in rows}
    return found


def control(connection: Connection, name: str) -> Control:
    """The control with this id, or the only one with this code; raises `UnknownRef`, or `StateError` if it is not."""
    key = folded(name)
    query = select(CONTROL).where(or_(CONTROL.c.id_key == key, CONTROL.c.code_key == key)).order_by(CONTROL.c.id)
    found = [_control_of(row) for row in connection.execute(query)]
    exact = [each for each in found if folded(each.id) == key]
    match exact or found:
        case [one]:
            return one
        case []:
            raise UnknownRef(name, "controls list")
        case many:
            raise StateError(f"{name} is a control of several frameworks: {', '.join(c.id for c in many)}; name one")


def answer(connection: Connection, ledger: Ledger, by: Mapping[str, str | None], because: Because) -> list[str]:
    """Say which control answers which, both by id; those for which that is news.

    Raises `StateError` where one that answers others would be answered itself.
    """
    known = {each.id: each for each in controls(connection)}
    for id_ in (*by, *filter(None, by.values())):
        if id_ not in known:
            raise UnknownRef(id_, "controls list")
    after = {each.id: by.get(each.id, each.answered_by) for each in known.values()}
    answers = {other: id_ for id_, other in after.items() if other is not None}
    for id_, other in by.items():
        if other is not None and (why := _no_answer(id_, other, after[other], answers.get(id_))):
            raise StateError(f"{id_} cannot be answered by {other}: {why}")
    news = [id_ for id_, other in by.items() if known[id_].answered_by != other]
    for id_ in news:
        connection.execute(update(CONTROL).where(CONTROL.c.id == id_).values(answered_by=by[id_], stale=1))
        ledger.note("control.answered", id_, because, before=known[id_].answered_by, after=by[id_])
    return news


def _no_answer(id_: str, other: str, further: str | None, answered: str | None) -> str:
    if id_ == other:
        return "that is the same control"
    if further is not None:
        return f"that is answered by {further} itself; name that one"
    return f"it answers {answered}; say what that is answered by instead" if answered is not None else ""


def exempt(
    connection: Connection, ledger: Ledger, about: Control, exemption: Exemption | None, because: Because
) -> None:
    """Keep that a control does not apply, or that it does again."""
    names = ("exempt_why", "exempt_by", "exempt_at")
    values = (exemption.reason, exemption.by, exemption.at) if exemption else (None, None, None)
    changes = dict(zip(names, values, strict=True))
    connection.execute(update(CONTROL).where(CONTROL.c.id == about.id).values(**changes, stale=1))
    ledger.note("control.exempted", about.id, because, after=exempted(exemption))


def exempted(exemption: Exemption | None) -> dict[str, Any] | None:
    """An exemption as records hold it."""
    return None if exemption is None else {"by": exemption.by, "reason": exemption.reason}


def stale(connection: Connection, most: int) -> list[str]:
    """The ids of controls whose status may be another by now, at most so many."""
    query = select(CONTROL.c.id).where(_IS_STALE).order_by(CONTROL.c.id).limit(most)
    return list(connection.execute(query).scalars())


def stand(
    connection: Connection,
    ledger: Ledger,
    now: datetime,
    found: Mapping[str, tuple[ControlStatus, str]],
    because: Because,
) -> list[Control]:
    """Record how controls stand, by id, with the reason; those whose status changed, as they are now."""
    known = get(connection, found)
    after = [_standing_as(each, *found[id_], now) for id_, each in known.items()]
    for each in after:
        before = known[each.id]
        if each != before:
            values = {"status": each.status.value, "why": each.why, "since": each.since}
            connection.execute(update(CONTROL).where(CONTROL.c.id == each.id).values(**values))
        if each.status is not before.status:
            said = {"status": each.status, "why": each.why}
            told = replace(because, reason=each.why)
            ledger.note("control.status", each.id, told, field="status", before=before.status, after=said)
    for some in chunks(found):
        connection.execute(update(CONTROL).where(_IS_STALE, CONTROL.c.id.in_(some)).values(stale=0))
    return [each for each in after if each.status is not known[each.id].status]


def _standing_as(each: Control, status: ControlStatus, why: str, now: datetime) -> Control:
    return replace(each, status=status, why=why, since=each.since if status is each.status else now)


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
        known = last_words(connection, [each.fingerprint for each in some])
        new = [each for each in some if each.fingerprint not in known]
        if new:
            connection.execute(insert(TEST), [_test_columns(each) for each in new])
        pairs = [(known[each.fingerprint], each) for each in some if each.fingerprint in known]
        later = [replace(now, item=now.item or was.item) for was, now in pairs if _when(was) <= _when(now)]
        moved = [each for each in later if each != known[each.fingerprint]]
        if moved:
            connection.execute(_HEARD, [_test_columns(each) | {"which": each.fingerprint} for each in moved])
        renamed = [each for each in moved if each.controls != known[each.fingerprint].controls]
        naming.heard(connection, [*new, *moved], [*new, *renamed])


def _when(test: Test) -> tuple[datetime, bool]:
    """What makes one word later than another; of two at one time, the failure."""
    return test.observed_at, test.outcome is TestOutcome.FAIL


def last_words(connection: Connection, fingerprints: Iterable[str]) -> dict[str, Test]:
    """The latest word of each of these tests that has said anything, by its fingerprint."""
    queries = (select(TEST).where(TEST.c.fingerprint.in_(some)) for some in chunks(fingerprints))
    return {row.fingerprint: _test_of(row) for query in queries for row in connection.execute(query)}


def latest_words(connection: Connection, *, silent_since: datetime | None = None) -> list[Test]:
    """The latest word of every test, or of those that said nothing since a time; by title."""
    query = select(TEST).order_by(TEST.c.title, TEST.c.fingerprint)
    if silent_since is not None:
        query = query.where(TEST.c.observed_at < silent_since)
    return [_test_of(row) for row in connection.execute(query)]


def tests_of(connection: Connection, ids: Sequence[str]) -> list[Test]:
    """The latest word of the tests that name one of the controls, by title."""
    named = select(naming.TEST_CONTROL.c.test).where(naming.TEST_CONTROL.c.control.in_(ids))
    query = select(TEST).where(TEST.c.fingerprint.in_(named)).order_by(TEST.c.title, TEST.c.fingerprint)
    return [_test_of(row) for row in connection.execute(query)]


def silent(connection: Connection, since: datetime) -> int:
    """How many tests have said nothing since a time."""
    return connection.execute(select(func.count()).select_from(TEST).where(TEST.c.observed_at < since)).scalar_one()


def _test_columns(each: Test) -> dict[str, Any]:
    return asdict(each) | {"outcome": each.outcome.value}


def _test_of(row: Row[Any]) -> Test:
    names = ("fingerprint", "title", "observed_at", "controls", "item", "source_ref", "report_sha256")
    return Test(outcome=TestOutcome(row.outcome), **{name: getattr(row, name) for name in names})
