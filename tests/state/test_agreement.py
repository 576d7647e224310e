"""Items that stand otherwise than their records tell are found, each with what differs."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from state import agreement, items
from state.lease import Holder
from state.model import Claim, ClaimKind, Status
from state.persons import Person
from state.proof import Verdict
from tests.state.conftest import WHEN
from tests.state.test_acceptances import approved, asked, put
from tests.state.test_proofs import DRAFT, add, judge, newest

if TYPE_CHECKING:
    from tests.state.conftest import Book


TWO = ("CC6.1", "CC7.1")


@pytest.fixture
def full(book: "Book") -> "Book":
    """Three items of which one has all that an item can have, one is accepted and one is untouched; and evidence of
    an item in two versions, and of controls alone.
    """
    book.item("Enable MFA", description="For all", owner="mia@acme.example", controls=("CC6.1",), risks=("R-1",))
    book.item("Rotate the keys", origin={"scan": "a long text"}, external_ref="B-1", fingerprint="f-1")
    book.item("Close the port")
    said = Claim(ClaimKind.RESOLVED, "tom@acme.example", WHEN, "It is on")
    book.change("AI-000001", status=Status.IN_PROGRESS, claim=said, due_date=date(2027, 1, 1), part_of="AI-000003")
    active = approved(book, asked(book, book.store.item("AI-000002")))
    put(book, active, replace(active, warned_at=WHEN))
    revised = replace(DRAFT, origin="eng", remote_id="77", controls=("CC6.1",))
    [(piece, _), _, _] = add(book, revised, replace(revised, sha256="b" * 64), replace(DRAFT, item=None, controls=TWO))
    judge(book, piece, Verdict.REJECTED, "the log of another day")
    judge(book, piece, Verdict.ACCEPTED)
    judge(book, newest(book, "EV-2"), Verdict.ACCEPTED, "read")
    return book


def found(book: "Book") -> list[tuple[str, str, str, str]]:
    return [(each.name, each.field, each.stands, each.told) for each in book.store.apart()]


def test_what_was_done_by_the_program_stands_as_recorded(full: "Book") -> None:
    assert found(full) == []


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("title", "Enable it", "title"),
        ("description", "For some", "description"),
        ("priority", "low", "priority"),
        ("status", "resolved", "status"),
        ("owner", "eve@acme.example", "owner"),
        ("due_date", "2028-01-01", "due_date"),
        ("controls", '["CC7.1"]', "controls"),
        ("risks", "[]", "risks"),
        ("source_kind", "assessment", "source_kind"),
        ("external_ref", "B-2", "external_ref"),
        ("fingerprint", "f-2", "fingerprint"),
        ("predecessor", "AI-000003", "predecessor"),
        ("part_of", None, "part_of"),
        ("claim_by", "eve@acme.example", "claim"),
    ],
)
def test_each_value_that_somebody_else_wrote_is_named(full: "Book", column: str, value: Any, field: str) -> None:
    full.raw((f"UPDATE item SET {column} = ? WHERE ref = 'AI-000001'", (value,)))  # noqa: S608
    assert [(each.name, each.field) for each in full.store.apart()] == [("AI-000001", field)]


@pytest.mark.parametrize(
    ("table", "column", "value", "name", "field"),
    [
        ("acceptance", "state", "revoked", "RA-000001", "state"),
        ("acceptance", "until", "2030-01-01", "RA-000001", "until"),
        ("acceptance", "requester", "eve", "RA-000001", "requester"),
        ("acceptance", "justification", "it is fine", "RA-000001", "justification"),
        ("acceptance", "editors", "[]", "RA-000001", "editors"),
        ("decision", "by", "eve@acme.example", "RA-000001", "decisions"),
        ("decision", "verdict", "reject", "RA-000001", "decisions"),
        ("evidence", "sha256", "c" * 64, "EV-000001 in version 1", "sha256"),
        ("evidence", "by", "eve@acme.example", "EV-000001 in version 1", "by"),
        ("evidence", "stored", 1, "EV-000001 in version 1", "stored"),
        ("review", "verdict", "rejected", "EV-000001 in version 1", "review"),
    ],
)
def test_what_somebody_wrote_to_acceptances_and_evidence_is_named(
    full: "Book", table: str, column: str, value: Any, name: str, field: str
) -> None:
    full.raw((f'UPDATE {table} SET "{column}" = ?', (value,)))  # noqa: S608
    assert (name, field) in [(each.name, each.field) for each in full.store.apart()]


def test_evidence_of_controls_alone_is_looked_at_too(full: "Book") -> None:
    full.raw("UPDATE evidence SET sha256 = NULL WHERE item IS NULL")
    assert found(full) == [("EV-000002 in version 1", "sha256", "None", repr("a" * 64))]
    full.raw("DELETE FROM evidence WHERE item IS NULL")
    gone = [(f"EV-000002 in version 1 of {control}", "", "nowhere", "there") for control in TWO]
    assert found(full) == gone


@pytest.mark.parametrize("table", ["evidence", "acceptance"])
def test_what_somebody_moved_to_another_item_is_named_under_both(full: "Book", table: str) -> None:
    full.raw(f"UPDATE {table} SET item = 'AI-000003' WHERE item IS NOT NULL")  # noqa: S608
    named = {(name.partition(" of ")[2], stands) for name, field, stands, _ in found(full) if not field}
    assert named >= {("AI-000003", "there"), ("AI-000001" if table == "evidence" else "AI-000002", "nowhere")}


def test_evidence_that_somebody_had_support_another_control_is_named_under_both(full: "Book") -> None:
    full.raw("""UPDATE evidence SET controls = '["CC9.9"]' WHERE item IS NULL""")
    assert [(name, stands) for name, _, stands, _ in found(full)] == [
        ("EV-000002 in version 1 of CC9.9", "there"),
        ("EV-000002 in version 1 of CC6.1", "nowhere"),
        ("EV-000002 in version 1 of CC7.1", "nowhere"),
    ]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE item SET origin = '[1]' WHERE ref = 'AI-000002'", "AI-000002"),
        ("UPDATE item SET controls = '7' WHERE ref = 'AI-000002'", "AI-000002"),
        ("UPDATE item SET status = 'done' WHERE ref = 'AI-000002'", "AI-000002"),
        ("UPDATE acceptance SET state = 'accepted'", "AI-000002"),
        ("UPDATE decision SET verdict = 'yes'", "AI-000002"),
        ("UPDATE evidence SET kind = 'x' WHERE version = 2", "AI-000001"),
        ("UPDATE evidence SET controls = '7' WHERE item IS NULL", "evidence of controls"),
    ],
)
def test_what_cannot_be_read_is_named_and_hides_nothing_else(full: "Book", statement: str, name: str) -> None:
    full.raw(statement, "UPDATE item SET priority = 'low' WHERE ref = 'AI-000003'")
    assert {(each, field, stands) for each, field, stands, _ in found(full)} >= {
        (name, "", "not to be read"),
        ("AI-000003", "priority", "'low'"),
    }


def test_nothing_else_with_the_name_of_an_item_is_taken_for_one(book: "Book") -> None:
    with book.store.writing() as w:
        w.ledger.note("risk.added", "AI-000001", book.because, after={"owner": "ruth"})
        w.ledger.note("tracker.read", "ai-team", book.because, after={"id": "AI-7"})
    assert found(book) == []


@pytest.mark.parametrize(
    "after", [{"ref": "RA-000009", "decisions": 5}, {"decisions": None}, {"ref": ["x"]}, {"state": 7}, 3]
)
def test_records_that_the_program_does_not_write_stop_nothing(full: "Book", after: Any) -> None:
    with full.store.writing() as w:
        for action in ("requested", "amended", "decided", "warned"):
            w.ledger.note(f"acceptance.{action}", "AI-000002", full.because, after=after)
        for action in ("added", "stored", "reviewed"):
            w.ledger.note(f"evidence.{action}", "AI-000001", full.because, after=after)
    full.raw("UPDATE item SET priority = 'low' WHERE ref = 'AI-000003'")
    assert ("AI-000003", "priority", "'low'", "'high'") in found(full)


def test_all_that_a_change_may_name_is_looked_at() -> None:
    assert {*agreement._NAMES} >= items.CHANGEABLE


def test_an_acceptance_that_somebody_prolonged_with_its_item_is_named_twice(full: "Book") -> None:
    full.raw("UPDATE item SET accepted_until = '2030-01-01' WHERE ref = 'AI-000002'")
    full.raw("UPDATE acceptance SET until = '2030-01-01'")
    assert [(name, field) for name, field, _, _ in found(full)] == [("AI-000002", "accepted"), ("RA-000001", "until")]


def test_evidence_and_decisions_that_nobody_recorded_and_those_that_are_gone_are_named(full: "Book") -> None:
    full.raw(
        "UPDATE review SET version = 2",
        "UPDATE decision SET acceptance = 9",
        "UPDATE acceptance SET seq = 9",
        "UPDATE evidence SET version = 3 WHERE version = 2",
    )
    assert {(name, field, stands) for name, field, stands, _ in found(full)} >= {
        ("RA-000009 of AI-000002", "", "there"),
        ("RA-000001 of AI-000002", "", "nowhere"),
        ("EV-000001 in version 3 of AI-000001", "", "there"),
        ("EV-000001 in version 2 of AI-000001", "", "nowhere"),
    }


def test_items_without_a_record_and_records_without_an_item_are_named(full: "Book") -> None:
    full.raw(
        "CREATE TABLE aside AS SELECT * FROM item WHERE ref = 'AI-000003'",
        "DELETE FROM item WHERE ref = 'AI-000003'",
        "UPDATE aside SET ref = 'AI-000009', seq = 9",
        "INSERT INTO item SELECT * FROM aside",
    )
    assert found(full) == [("AI-000009", "", "there", "nowhere"), ("AI-000003", "", "nowhere", "there")]


def test_of_a_text_that_was_erased_nobody_can_tell(full: "Book") -> None:
    full.change("AI-000001", claim=None, status=Status.RESOLVED)
    full.store.erase_person(Person(["mia@acme.example"]), Holder("h1", 1), full.because, words=True)
    assert "mia@acme.example" not in str(full.records())
    assert found(full) == []


def test_many_items_are_looked_at_page_by_page(book: "Book", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PAGE", 3)
    for number in range(7):
        book.item(f"Rotate key {number}")
    book.raw("UPDATE item SET priority = 'low' WHERE seq IN (1, 7)")
    assert found(book) == [(ref, "priority", "'low'", "'high'") for ref in ("AI-000001", "AI-000007")]
