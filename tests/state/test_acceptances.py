"""Acceptances as they are kept, in both databases."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from state import acceptances
from state.acceptance import (
    Acceptance,
    AcceptanceState,
    Decision,
    DecisionVerdict,
    Terms,
    fingerprint,
)
from state.effects import Effects, ItemChange
from state.errors import StateError, UnknownRef
from state.items import Wanted
from state.model import Hold, HoldKind, Status

END = date(2027, 2, 1)


def asked(book: Any, item: Any, **other: Any) -> Acceptance:
    terms = Terms("switched off in March", END, "an alert", 2, 3, "no new data")
    fresh = Acceptance(
        "", item.ref, AcceptanceState.REQUESTED, terms, "hub:tom", book.clock(), fingerprint(item), ("hub:ada",), "eng"
    )
    with book.store.writing() as w:
        stored: Acceptance = acceptances.request(w.connection, w.ledger, replace(fresh, **other), book.because)
        return stored


def approval(book: Any, by: str = "ruth@acme.example") -> Decision:
    return Decision(DecisionVerdict.APPROVE, by, book.clock(), "we can bear it", "risk owner for high")


def approved(book: Any, before: Acceptance) -> Acceptance:
    after = replace(before, state=AcceptanceState.ACTIVE, decisions=(approval(book),), active_from=book.clock())
    put(book, before, after)
    return after


def put(book: Any, before: Acceptance, after: Acceptance) -> None:
    book.store.commit(None, Effects(acceptances=[(before, after, book.because)]))


def actions(book: Any) -> list[str]:
    return [record["action"] for record in book.records()]


def test_an_acceptance_is_kept_as_it_was_given(book: Any) -> None:
    stored = asked(book, book.item())
    assert stored.ref == "RA-000001"
    assert book.store.ask(acceptances.get, "ra-1") == stored
    after = approved(book, stored)
    assert book.store.ask(acceptances.get, stored.ref) == after


def test_an_item_is_asked_about_once_at_a_time(book: Any) -> None:
    item = book.item()
    first = asked(book, item)
    with pytest.raises(StateError, match="is asked for already"):
        asked(book, item)
    put(book, first, replace(first, state=AcceptanceState.WITHDRAWN))
    assert asked(book, item).ref == "RA-000002"


def test_an_item_is_accepted_by_an_approval_and_goes_back_with_its_end(book: Any) -> None:
    item = book.item()
    active = approved(book, asked(book, item))
    stored = book.store.item(item.ref)
    assert (stored.status, stored.accepted.ref, stored.accepted.until) == (Status.ACCEPTED_AS_RISK, active.ref, END)
    put(book, active, replace(active, state=AcceptanceState.REVOKED, ended_why="no more"))
    stored = book.store.item(item.ref)
    assert (stored.status, stored.accepted) == (Status.OPEN, None)
    assert actions(book).count("acceptance.active") == actions(book).count("acceptance.revoked") == 1


@pytest.mark.parametrize("lack", ["approval", "end", "request"])
def test_nothing_is_accepted_that_nobody_approved_with_an_end(book: Any, lack: str) -> None:
    item = book.item()
    before = asked(book, item, terms=Terms("why", None if lack == "end" else END))
    if lack == "request":
        put(book, before, replace(before, state=AcceptanceState.REJECTED))
        before = book.store.ask(acceptances.get, before.ref)
    decisions = () if lack == "approval" else (approval(book),)
    with pytest.raises(StateError, match="is not approved by anybody"):
        put(book, before, replace(before, state=AcceptanceState.ACTIVE, decisions=decisions))
    assert book.store.item(item.ref).status is Status.OPEN
    assert "acceptance.decided" not in actions(book)


def test_nothing_is_accepted_that_is_not_what_was_asked_about(book: Any) -> None:
    item = book.item()
    before = asked(book, item)
    book.change(item.ref, description="Another risk")
    with pytest.raises(StateError, match="is not what RA-000001 was asked for"):
        approved(book, before)
    assert book.store.item(item.ref).accepted is None


def test_nothing_is_accepted_that_is_resolved(book: Any) -> None:
    item = book.item()
    book.change(item.ref, status="resolved")
    before = asked(book, item)
    with pytest.raises(StateError, match="no risk to accept"):
        approved(book, before)


def test_no_change_of_status_goes_past_the_decision(book: Any) -> None:
    item = book.item()
    approved(book, asked(book, item))
    for status in ("open", "in_progress", "resolved"):
        with pytest.raises(StateError, match="a risk owner revokes it"):
            book.change(item.ref, status=status)
    assert book.store.item(item.ref).status is Status.ACCEPTED_AS_RISK
    with pytest.raises(StateError, match="cannot be changed"):
        book.store.commit(None, Effects(changes=[ItemChange(item.ref, {"accepted": None}, book.because)]))


def test_a_decision_on_what_is_no_longer_so_is_refused_as_a_whole(book: Any) -> None:
    before = asked(book, book.item())
    put(book, before, replace(before, terms=replace(before.terms, conditions="weekly")))
    with pytest.raises(StateError, match="was changed meanwhile"):
        approved(book, before)
    assert book.store.ask(acceptances.get, before.ref).decisions == ()


def test_a_renewal_takes_the_place_of_the_old_one(book: Any) -> None:
    item = book.item()
    old = approved(book, asked(book, item))
    new = asked(book, item, renewal_of=old.ref, terms=replace(old.terms, until=date(2027, 5, 1)))
    after = replace(new, state=AcceptanceState.ACTIVE, decisions=(approval(book),), active_from=book.clock())
    renewed = replace(old, state=AcceptanceState.RENEWED)
    book.store.commit(None, Effects(acceptances=[(old, renewed, book.because), (new, after, book.because)]))
    assert book.store.item(item.ref).accepted.until == date(2027, 5, 1)
    assert [each.state for each in book.store.ask(acceptances.of_items, [item.ref])[item.ref]] == ["renewed", "active"]


def test_the_holds_of_a_request_are_over_with_it(book: Any) -> None:
    item = book.item()
    before = asked(book, item)
    holds = [
        Hold(HoldKind.ACCEPTANCE_REQUESTED, item.ref, "", "Tom asks"),
        Hold(HoldKind.DUE_CHANGE, item.ref, "eng", "asks for time"),
    ]
    book.store.commit(None, Effects(held=[(hold, book.because) for hold in holds]))
    put(book, before, replace(before, state=AcceptanceState.REJECTED))
    assert [hold.kind for hold in book.store.holds(item.ref)] == [HoldKind.DUE_CHANGE]


def test_a_request_is_over_once_its_item_is_resolved_and_nothing_asks_any_more(book: Any) -> None:
    item, other = book.item(), book.item()
    request, stands = asked(book, item), asked(book, other)
    hold = Hold(HoldKind.ACCEPTANCE_REQUESTED, item.ref, "", "it asks")
    book.store.commit(None, Effects(held=[(hold, book.because), (replace(hold, item=other.ref), book.because)]))
    book.change(item.ref, status=Status.IN_PROGRESS)
    assert book.store.ask(acceptances.get, request.ref) == request
    book.change(item.ref, status=Status.RESOLVED)
    over = book.store.ask(acceptances.get, request.ref)
    assert (over.state, over.ended_why) == (AcceptanceState.WITHDRAWN, f"{item.ref} is resolved")
    assert [each.item for each in book.store.holds()] == [other.ref]
    assert book.store.ask(acceptances.get, stands.ref) == stands
    assert actions(book).count("acceptance.withdrawn") == 1


def test_what_stands_and_what_ends_is_found(book: Any) -> None:
    items = [book.item(), book.item(), book.item()]
    active, waits = approved(book, asked(book, items[0])), asked(book, items[1])
    gone = asked(book, items[2])
    put(book, gone, replace(gone, state=AcceptanceState.WITHDRAWN))
    assert [each.ref for each in book.store.ask(acceptances.standing)] == [active.ref, waits.ref]
    for day, refs in ((date(2027, 1, 26), []), (date(2027, 1, 27), [active.ref]), (END, [active.ref])):
        assert [each.ref for each in book.store.ask(acceptances.ending, day, 5)] == refs
    assert book.store.ask(acceptances.ending, date(2027, 2, 2), 5) == []
    with pytest.raises(UnknownRef):
        book.store.ask(acceptances.get, "RA-9")


@pytest.mark.parametrize(("on", "status"), [(END, "accepted_as_risk"), (date(2027, 2, 2), "open")])
def test_a_list_of_a_day_shows_what_holds_on_it(book: Any, on: date, status: str) -> None:
    item = book.item()
    approved(book, asked(book, item))
    for wanted in ("open", "accepted_as_risk"):
        found = list(book.store.list_items(Wanted(status=frozenset({Status(wanted)}), on=on)))
        assert [each.ref for each in found] == ([item.ref] if wanted == status else [])
    overdue = list(book.store.list_items(Wanted(overdue_on=on, on=on)))
    assert [each.ref for each in overdue] == ([item.ref] if status == "open" else [])
