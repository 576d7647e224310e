"""Items: added, found, changed, and compared again when they changed."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from state.effects import Because, Effects, ItemChange
from state.items import dirty_query
from state.model import Actor, Agent, Claim, ClaimKind, ItemDraft, Priority, SourceKind, Status, TestOutcome
from state.store import Batch, Moved, Result, StateError, UnknownRef, Wanted

if TYPE_CHECKING:
    from tests.state.conftest import Book

DUE = date(2026, 12, 20)


def test_an_item_is_read_back_as_it_was_given(book: "Book") -> None:
    draft = ItemDraft(
        title="Enable MFA",
        description="For all\nadmins — всем",
        owner="kim@acme.example",
        controls=("CC6.1", "A.8.5"),
        risks=("R-1",),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref="scan 7",
        external_ref="ext-1",
        fingerprint="f" * 64,
    )
    [added] = book.store.add_items([(draft, DUE, Priority.CRITICAL)], book.because)
    assert book.store.item(added.ref) == added
    assert (added.ref, added.status, added.revision) == ("AI-000001", Status.OPEN, 1)
    assert (added.priority, added.original_priority) == (Priority.CRITICAL, Priority.CRITICAL)
    assert (added.due_date, added.original_due_date) == (DUE, DUE)
    assert added.controls == ("CC6.1", "A.8.5")
    assert added.description == draft.description
    assert added.created_at == added.updated_at == book.clock()


def test_refs_are_given_out_in_order_and_never_twice(book: "Book") -> None:
    refs = [book.item().ref for _ in range(3)]
    book.raw("DELETE FROM item WHERE ref = 'AI-000003'")
    assert [*refs, book.item().ref] == ["AI-000001", "AI-000002", "AI-000003", "AI-000004"]


def test_an_external_ref_or_fingerprint_is_used_once_and_a_clash_adds_nothing(book: "Book") -> None:
    book.item(external_ref="ext-1")
    twice = [ItemDraft("New"), ItemDraft("Other", external_ref="ext-1")]
    with pytest.raises(StateError, match="exists already"):
        book.store.add_items([(draft, DUE, Priority.LOW) for draft in twice], book.because)
    assert [item.ref for item in book.store.list_items()] == ["AI-000001"]
    assert book.actions() == ["item.created"]
    assert book.item().ref == "AI-000002"


def test_unknown_refs_are_named(book: "Book") -> None:
    with pytest.raises(UnknownRef, match=r"AI-000009.*item list"):
        book.store.item("AI-000009")
    with pytest.raises(UnknownRef):
        book.change("AI-000009", title="x")
    assert book.store.items(["AI-000009"]) == {}


def test_a_change_writes_one_record_per_field_and_one_revision(book: "Book") -> None:
    item = book.item(owner="kim@acme.example")
    book.clock.forward(60)
    book.change(item.ref, title="Enable MFA", owner=None, priority="low", due_date=DUE)
    changed = book.store.item(item.ref)
    assert (changed.title, changed.owner, changed.priority, changed.revision) == ("Enable MFA", None, Priority.LOW, 2)
    assert (changed.original_priority, changed.updated_at) == (Priority.HIGH, book.clock())
    records = book.records(since=1)
    assert [(r["action"], r["field"], r["before"], r["after"]) for r in records] == [
        ("item.changed", "owner", "kim@acme.example", None),
        ("item.changed", "priority", "high", "low"),
        ("item.changed", "title", "Enable MFA for admins", "Enable MFA"),
    ]


def test_a_change_to_what_is_so_already_changes_nothing(book: "Book") -> None:
    item = book.linked(book.item()).item
    before = book.store.item(item)
    book.clock.forward(60)
    book.change(item, title=before.title, status=Status.OPEN, controls=[], priority=Priority.HIGH)
    assert book.store.item(item) == before
    assert len(list(book.store.dirty_items())) == 0
    assert book.actions() == ["item.created", "ticket.linked"]


def test_several_changes_of_one_item_build_on_each_other(book: "Book") -> None:
    item = book.item()
    changes = [ItemChange(item.ref, {"title": title}, book.because, seen=n + 1) for n, title in enumerate("abb")]
    book.store.commit(None, Effects(changes=changes[:2]))
    assert (book.store.item(item.ref).title, book.store.item(item.ref).revision) == ("b", 3)
    book.store.commit(None, Effects(changes=changes[2:]))
    assert book.store.item(item.ref).revision == 3


def test_a_change_made_for_another_revision_is_refused_whole(book: "Book") -> None:
    first, second = book.item(), book.item()
    book.change(second.ref, title="Edited by a person")
    changes = [ItemChange(each.ref, {"title": "Pulled"}, book.because, seen=1) for each in (first, second)]
    with pytest.raises(Moved, match="AI-000002 is at revision 2"):
        book.store.commit(None, Effects(changes=changes))
    assert book.store.item(first.ref) == first


@pytest.mark.parametrize(
    "name", ["ref", "revision", "original_due_date", "original_priority", "created_at", "nonsense"]
)
def test_what_is_not_to_be_changed_cannot_be(book: "Book", name: str) -> None:
    item = book.item()
    with pytest.raises(StateError, match=name):
        book.change(item.ref, **{name: "x"})
    assert book.store.item(item.ref) == item


def test_resolving_and_reopening_keep_when(book: "Book") -> None:
    item = book.item()
    closed = datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
    because = Because(Agent(Actor.HUMAN, "eng", "account-1"), at=closed)
    book.store.commit(None, Effects(changes=[ItemChange(item.ref, {"status": "resolved"}, because)]))
    assert book.store.item(item.ref).resolved_at == closed
    book.change(item.ref, title="Other")
    assert book.store.item(item.ref).resolved_at == closed
    book.change(item.ref, status=Status.OPEN)
    assert book.store.item(item.ref).resolved_at is None


def test_no_change_accepts_a_risk(book: "Book") -> None:
    item = book.item()
    with pytest.raises(StateError, match="AI-000001 cannot become accepted_as_risk: only a named approver"):
        book.change(item.ref, status="accepted_as_risk", title="x")
    assert book.store.item(item.ref) == item


def test_a_claim_comes_and_goes_and_its_words_stay_out_of_the_ledger(book: "Book") -> None:
    item = book.item()
    claim = Claim(ClaimKind.ACCEPTANCE_REQUESTED, "account-1", book.clock(), "we live with it")
    book.change(item.ref, claim=claim)
    assert book.store.item(item.ref).claim == claim
    book.change(item.ref, claim=None)
    assert book.store.item(item.ref).claim is None
    assert "live with it" not in book.bodies()
    assert book.records()[1]["after"]["kind"] == "acceptance_requested"


def test_a_description_is_in_the_ledger_as_a_digest_only(book: "Book") -> None:
    item = book.item(description="a secret matter")
    book.change(item.ref, description="another matter")
    assert "matter" not in str(book.records())
    assert book.records()[1]["after"]["characters"] == 14


def test_items_are_found_by_what_their_source_calls_them(book: "Book") -> None:
    one, two = book.item(external_ref="x"), book.item(fingerprint="x")
    many = [f"none-{number}" for number in range(1_200)]
    found = book.store.existing(external_refs=[*many, "x"], fingerprints=["x", "y"])
    assert found == {("external_ref", "x"): one, ("fingerprint", "x"): two}


@pytest.mark.parametrize(
    ("wanted", "refs"),
    [
        (Wanted(), [1, 2, 3]),
        (Wanted(status=frozenset({Status.RESOLVED})), [2]),
        (Wanted(priority=frozenset({Priority.LOW, Priority.CRITICAL})), [2, 3]),
        (Wanted(owner="KIM@acme.example"), [1]),
        (Wanted(control="CC6.*"), [1, 3]),
        (Wanted(control="CC6.1"), [1]),
        (Wanted(control="CC?"), []),
        (Wanted(overdue_on=date(2026, 12, 2)), [1]),
    ],
)
def test_items_can_be_asked_for(book: "Book", wanted: Wanted, refs: list[int]) -> None:
    book.item(owner="Kim@acme.example", controls=("CC6.1",), due=date(2026, 12, 1))
    done = book.item("MEHR ÄRGER", priority=Priority.LOW, due=date(2026, 12, 1))
    book.item(description="100% of keys", priority=Priority.CRITICAL, controls=("A.1", "CC6.2"), due=date(2026, 12, 2))
    book.change(done.ref, status="resolved")
    assert [int(item.ref[3:]) for item in book.store.list_items(wanted)] == refs


def _many(book: "Book", count: int) -> None:
    drafts = [(ItemDraft(f"Rotate key {n}"), DUE + timedelta(n % 7), list(Priority)[n % 4]) for n in range(count)]
    book.store.add_items(drafts, book.because)


def test_dirty_items_come_by_need_and_may_be_cleaned_on_the_way(book: "Book") -> None:
    _many(book, 1_200)
    seen = []
    for number, item in enumerate(book.store.dirty_items()):
        seen.append(item)
        if number % 100 == 0:
            link = book.link(item, id_=str(number))
            book.store.commit(None, Effects(linked=[(link, book.because)]))
    order = [(list(Priority).index(item.priority), item.due_date, item.ref) for item in seen]
    assert order == sorted(order)
    assert len(seen) == 1_200
    assert len(list(book.store.dirty_items())) == 1_200 - 12


def test_the_question_for_dirty_items_costs_what_changed_and_not_what_exists(book: "Book") -> None:
    _many(book, 10_000)
    book.raw("UPDATE item SET dirty = 0 WHERE seq > 10")
    with book.store.reading() as connection:
        statement = dirty_query().compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if book.kind == "sqlite" else "EXPLAIN"
        plan = str(connection.exec_driver_sql(f"{explain} {statement}").all())
    assert "item_by_need" in plan
    assert "TEMP B-TREE" not in plan
    assert len(list(book.store.dirty_items())) == 10


def test_a_test_result_is_recorded_once(book: "Book") -> None:
    item = book.item()
    now = book.clock()
    said = [
        (item.ref, TestOutcome.PASS, now, "scan 1"),
        (item.ref, TestOutcome.PASS, now, "scan 1 again"),
        (item.ref, TestOutcome.PASS, now + timedelta(days=1), "scan 2"),
    ]
    assert book.store.take_in(Batch(results=said), book.because).results == [Result(*said[0]), Result(*said[2])]
    assert book.store.take_in(Batch(results=said), book.because).results == []
    assert book.actions(since=1) == ["test.recorded", "test.recorded"]


def test_an_intake_is_one_transaction(book: "Book") -> None:
    item = book.item()
    good: dict[str, Any] = {
        "added": [(ItemDraft("New"), DUE, Priority.LOW)],
        "changes": [ItemChange(item.ref, {"title": "Changed"}, book.because)],
    }
    bad = [("AI-999999", TestOutcome.PASS, book.clock(), "")]
    with pytest.raises(StateError):
        book.store.take_in(Batch(**good, results=bad), book.because)
    assert book.actions() == ["item.created"]
    [added], _ = book.store.take_in(
        Batch(**good, results=[(item.ref, TestOutcome.PASS, book.clock(), "")]), book.because
    )
    assert added.title == "New"
    assert book.actions(since=1) == ["item.changed", "item.created", "test.recorded"]


def test_half_a_character_is_refused_and_nothing_is_kept(book: "Book") -> None:
    with pytest.raises(StateError):
        book.item("half \ud800")
    assert list(book.store.list_items()) == []
    assert book.records() == []
