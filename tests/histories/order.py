"""What must be true of a history once the weather is over."""

from collections import Counter
from collections.abc import Sequence

from connectors.base import MARK
from connectors.sandbox.far_side import OURS
from mapping.read import observe
from mapping.render import desired
from state import acceptances, audit
from state.acceptance import AcceptanceState, as_of
from state.lifecycle import UNFINISHED
from state.model import Authority, Field, Hold, HoldKind, Link, Status
from state.ticket import ActivityKind
from tests.histories.history import History, around
from tests.histories.signing import beyond

_APART = frozenset({HoldKind.REJECTED, HoldKind.CONFLICT, HoldKind.NO_WAY, HoldKind.ARCHIVED})


def comes_to_rest(h: History, runs: int = 2) -> None:
    """Once faults stop, so many runs later everything is in order and the next run does nothing."""
    for far in h.world.fars.values():
        far.calm()
    h.world.clock.sleep(600)
    for number in range(runs):
        h.world.clock.sleep(600)
        assert h.sync(full=h.unseen and number == 0) is not None
    in_order(h)
    h.books.balance()
    _quiet(h, reads=("changes", "fetch", "activity"))
    _quiet(h, reads=("changes",))
    h.unseen = False


def _quiet(h: History, reads: Sequence[str]) -> None:
    """A run that writes nothing anywhere; what our last write left unclear is read once more by the first one."""
    store, fars = h.world.store, h.world.fars.values()
    h.world.clock.sleep(600)
    records, tickets = store.ask(audit.head)[0], [far.tickets() for far in fars]
    for far in fars:
        far.asked.clear()
    report = h.sync()
    assert report is not None
    assert report.plan.operations == ()
    assert beyond(store, records) == []
    assert [far.tickets() for far in fars] == tickets
    asked = {call for far in fars for call in far.asked}
    allowed = {*reads, *({"activity"} if store.open_intents(None) else ())}
    looks_on = any(hold.kind in _APART for hold in store.holds(None))
    assert asked <= allowed or (looks_on and asked <= {"changes", "fetch", "activity"}), asked


def in_order(h: History) -> None:
    """One ticket per item, both sides agreed or held, and nothing of either side lost."""
    store = h.world.store
    assert h.world.safe.vouches_for(store)
    assert [each.words for each in store.apart()] == []
    held: dict[str, list[Hold]] = {}
    for hold in store.holds(None):
        held.setdefault(hold.item, []).append(hold)
    gone = {item for item, holds in held.items() if any(each.kind is HoldKind.GONE for each in holds)}
    assert {intent.item for intent in store.open_intents(None)} <= gone
    for name, far in h.world.fars.items():
        live = [s for s in far.everything() if s.gone is None and s.marker is not None and s.marker_by == OURS]
        doubled = [key for key, n in Counter(s.marker for s in live if s.marker).items() if n > 1]
        assert doubled == [], name
    links = {link.item: link for link in h.world.linked()}
    standing = store.ask(acceptances.standing)
    active = {each.item for each in standing if each.state is AcceptanceState.ACTIVE}
    for item in store.list_items():
        holds = held.get(item.ref, [])
        if (link := links.get(item.ref)) is None:
            assert holds or item.status not in UNFINISHED, f"{item.ref} has no ticket"
        elif h.far(link.ref).gone(link.ref) is not None:
            assert any(each.kind is HoldKind.GONE for each in holds), f"{item.ref} is gone and nobody was told"
        elif not any(each.kind is HoldKind.ARCHIVED for each in holds):
            _agreed(h, link, holds)
            _talked(h, link, holds)
            _kept(h, link, holds)
        assert (item.status is Status.ACCEPTED_AS_RISK) is (item.ref in active), item.ref
        assert as_of(item, h.world.clock().date()) == item, f"{item.ref}: its acceptance is over, and it stands"
        for name, value in h.said.get(item.ref, {}).items():
            if not any(each.field is not None and each.field.value == name for each in holds):
                assert getattr(item, name) == value, f"{item.ref}: {name} was {value!r} and nobody changed it"


def _agreed(h: History, link: Link, holds: Sequence[Hold]) -> None:
    rules, item, tracker = h.world.rules(), h.world.store.item(link.item), link.ref.tracker
    wanted = desired(item, rules, tracker, link.marker)
    there = observe(h.far(link.ref).ticket(link.ref), rules, tracker, baseline=link.baseline, desired=wanted).values
    explained = {hold.field for hold in holds}
    for name, theirs in there.items():
        base, ours = link.baseline.get(name), wanted.values.get(name)
        if name in explained:
            continue
        assert base is not None or name not in wanted.values, (link.item, name)
        if base is None:
            continue
        assert base.theirs == theirs, (link.item, name, base, theirs)
        if name in wanted.values:
            assert base.ours == ours, (link.item, name, base, ours)
            assert ours == theirs or _may_differ(h, link, name, theirs), (link.item, name, ours, theirs)


def _may_differ(h: History, link: Link, name: Field, theirs: str | None) -> bool:
    """Whether a field stays apart by rule: a block taken out, a person we do not know or whom the tracker did not
    let be assigned, a date taken away while the ticket had a say over it, or work that counts as begun for as long as
    somebody is assigned.
    """
    authority, far = h.world.authority(link.ref.tracker, name), h.far(link.ref)
    match name:
        case Field.BODY:
            return theirs is None
        case Field.DUE_DATE:
            return theirs is None and (authority is not Authority.ITEM or name in h.once_shared)
        case Field.STATUS:
            return far.kind.starts_work and theirs == Status.IN_PROGRESS
        case Field.ASSIGNEE:
            return theirs is None or theirs.startswith("account:") or far.choosy
        case _:
            return False


def _talked(h: History, link: Link, holds: Sequence[Hold]) -> None:
    log = [a for a in h.far(link.ref).activity(link.ref) if a.kind is ActivityKind.COMMENT]
    stored = h.world.store.comments(link.item)
    heard = h.world.store.known_comments(link.ref.tracker, [act.id for act in log])
    for act in log:
        assert act.by.ours or act.at < link.linked_at or act.id in heard, (link.item, act.text)
    keys = Counter(a.marker_key for a in log if a.by.ours)
    assert set(keys.values()) <= {1}, (link.item, keys)
    refused = any(hold.kind is HoldKind.COMMENT_REFUSED for hold in holds)
    for ours in (c for c in stored if not c.inbound and c.tracker in ("", link.ref.tracker)):
        assert ours.remote_id or refused, (link.item, ours.text)


def _kept(h: History, link: Link, holds: Sequence[Hold]) -> None:
    far = h.far(link.ref)
    ticket, outside = far.ticket(link.ref), h.outside.get(link.ref)
    assert outside is None or around(ticket.body) == outside or far.kind.coarse
    assert h.theirs.get(link.ref, set()) <= ticket.labels
    assert MARK in ticket.labels or any(hold.field is Field.LABELS for hold in holds)
