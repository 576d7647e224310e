"""Items that stand otherwise than their records tell are found, each with what differs."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from state import agreement, items
from state.lease import Holder
from state.model import Accepted, Claim, ClaimKind, Status
from state.persons import Person
from tests.state.conftest import WHEN

if TYPE_CHECKING:
    from tests.state.conftest import Book


@pytest.fixture
def full(book: "Book") -> "Book":
    """Three items of which one has all that an item can have, one is accepted and one is untouched."""
    book.item("Enable MFA", description="For all", owner="mia@acme.example", controls=("CC6.1",), risks=("R-1",))
    book.item("Rotate the keys", origin={"scan": "a long text"}, external_ref="B-1", fingerprint="f-1")
    book.item("Close the port")
    said = Claim(ClaimKind.RESOLVED, "tom@acme.example", WHEN, "It is on")
    book.change("AI-000001", status=Status.IN_PROGRESS, claim=said, due_date=date(2027, 1, 1), part_of="AI-000003")
    with book.store.writing() as w:
        accepted = Accepted("RA-000001", date(2027, 3, 1), "abc")
        items.accept(w.connection, w.ledger, w.now, "AI-000002", accepted, book.because)
    return book


def found(book: "Book") -> list[tuple[str, str, Any, Any]]:
    return [(each.item, each.field, each.stands, each.told) for each in book.store.apart()]


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
    assert [(each.item, each.field) for each in full.store.apart()] == [("AI-000001", field)]


def test_an_acceptance_that_somebody_prolonged_is_named(full: "Book") -> None:
    full.raw("UPDATE item SET accepted_until = '2030-01-01' WHERE ref = 'AI-000002'")
    told = {"ref": "RA-000001", "until": "2027-03-01"}
    assert found(full) == [("AI-000002", "accepted", told | {"until": "2030-01-01"}, told)]


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
    assert found(book) == [(ref, "priority", "low", "high") for ref in ("AI-000001", "AI-000007")]
