"""Items that stand otherwise than their records tell are found, each with what differs."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from state import agreement, controls, items, risks
from state.acceptance import DueChange
from state.effects import Effects
from state.lease import Holder
from state.model import Claim, ClaimKind, Comment, Hold, HoldKind, Status
from state.persons import Person
from state.proof import Verdict
from state.register import ControlStatus, Exemption, Score, ScoreKind
from tests.databases import on_sqlite
from tests.state.conftest import WHEN
from tests.state.test_acceptances import approved, asked, put
from tests.state.test_controls import DRAFTS, SOC2
from tests.state.test_proofs import DRAFT, add, judge, newest
from tests.state.test_risks import RISK

if TYPE_CHECKING:
    from tests.state.conftest import Book


TWO = ("CC6.1", "CC7.1")


@pytest.fixture
def full(book: "Book") -> "Book":
    """Four items of which one has all that an item can have, one is accepted and two are untouched, with tickets;
    evidence of an item in two versions, and of controls alone; and controls and risks.
    """
    book.item("Enable MFA", description="For all", owner="mia@acme.example", controls=("CC6.1",), risks=("R-1",))
    book.item("Rotate the keys", origin={"scan": "a long text"}, external_ref="B-1", fingerprint="f-1")
    book.item("Close the port")
    book.item("Sweep the floor")
    said = Claim(ClaimKind.RESOLVED, "tom@acme.example", WHEN, "It is on")
    book.change("AI-000001", status=Status.IN_PROGRESS, claim=said, due_date=date(2027, 1, 1), part_of="AI-000003")
    active = approved(book, asked(book, book.store.item("AI-000002")))
    put(book, active, replace(active, warned_at=WHEN))
    revised = replace(DRAFT, origin="eng", remote_id="77", controls=("CC6.1",))
    [(piece, _), _, _] = add(book, revised, replace(revised, sha256="b" * 64), replace(DRAFT, item=None, controls=TWO))
    add(book, replace(revised, sha256="b" * 64, stored=True))
    judge(book, piece, Verdict.REJECTED, "the log of another day")
    judge(book, piece, Verdict.ACCEPTED)
    judge(book, newest(book, "EV-2"), Verdict.ACCEPTED, "read")
    with_tickets(book)
    programme(book)
    talk(book)
    wait(book)
    return book


def with_tickets(book: "Book") -> None:
    """Two items are linked, one has a ticket no more, and of one a later due date was asked for three times."""
    first, second, third = map(book.store.item, ("AI-000001", "AI-000002", "AI-000004"))
    link = book.linked(first)
    moved = replace(link, ref=replace(link.ref, key="OPS-1"), url="https://tracker.example/OPS-1")
    book.store.commit(None, Effects(touched=[moved]))
    away = book.linked(second, "10002")
    book.store.commit(None, Effects(touched=[replace(away, archived=True, missing_since=WHEN)]))
    book.linked(third, "10003")
    book.store.unlink(third.ref, book.because)
    asked_for = DueChange(
        first.ref, first.due_date, date(2027, 5, 1), "hub:tom", WHEN, "eng", "e1", "the vendor is late"
    )
    refused = replace(
        asked_for, after=date(2027, 6, 1), verdict="rejected", decided_by="ruth@acme.example", decided_at=WHEN
    )
    for change in (asked_for, replace(asked_for, after=date(2027, 6, 1)), refused, asked_for):
        book.store.commit(None, Effects(later=[(change, book.because)]))


def wait(book: "Book") -> None:
    """A hold on an item waits, one was settled, and one is on a ticket whose item is not here."""
    kinds = (HoldKind.CONFLICT, "AI-000001"), (HoldKind.GONE, "AI-000002"), (HoldKind.UNKNOWN_TICKET, "AI-000099")
    holds = [(Hold(kind, item, "eng", "look at it"), book.because) for kind, item in kinds]
    _, gone, _ = book.store.commit(None, Effects(held=holds)).holds
    book.store.commit(None, Effects(released={gone.id: book.because}))


def talk(book: "Book") -> None:
    """Of an item one comment of ours waits, one is sent, and one about a topic was reworded on its way; one of theirs
    was edited and deleted, and another is as it came.
    """
    item = book.store.item("AI-000001").ref

    def put(*some: Comment) -> tuple[Comment, ...]:
        return book.store.commit(None, Effects(comments=[(each, book.because) for each in some])).comments

    book.store.add_comment(item, "kim@acme.example", "Any news?", book.because)
    sent = book.store.add_comment(item, "kim@acme.example", "Done on both hosts?", book.because)
    put(replace(sent, tracker="eng", remote_id="r1"))
    [told] = put(
        Comment("", item, "", "Two pieces are missing.", WHEN, inbound=False, tracker="eng", topic="missing evidence")
    )
    put(replace(told, id="", text="One piece is missing."))
    put(replace(told, remote_id="r2"))
    theirs = Comment("", item, "Ada", "On it.", WHEN, inbound=True, tracker="eng", remote_id="r7")
    first, _ = put(theirs, replace(theirs, text="Me too.", remote_id="r8"))
    for changed in (
        replace(first, text="On it now.", edited_at=WHEN),
        replace(first, text="On it now.", deleted_at=WHEN),
    ):
        book.store.commit(None, Effects(revised=[(changed, book.because)]))


def programme(book: "Book") -> None:
    """Three controls, one with all that one can have, and two risks, of which one was scored and changed."""
    with book.store.writing() as w:
        drafts = [*DRAFTS, replace(DRAFTS[1], code="CC8.1")]
        controls.add_framework(w.connection, w.ledger, SOC2, drafts, book.because)
        newer = [replace(DRAFTS[0], title="Logical access")]
        controls.add_framework(w.connection, w.ledger, replace(SOC2, version="2022"), newer, book.because)
        controls.answer(w.connection, w.ledger, {"soc2:CC6.1": "soc2:CC8.1"}, book.because)
        about = controls.control(w.connection, "soc2:CC6.1")
        controls.exempt(w.connection, w.ledger, about, Exemption("no hosts", "kim@acme.example", WHEN), book.because)
        stood = {about.id: (ControlStatus.NOT_APPLICABLE, "no hosts")}
        controls.stand(w.connection, w.ledger, WHEN, stood, book.because)
        risks.add(w.connection, w.ledger, [RISK, replace(RISK, id="R-0002", scores=())], book.because)
        risks.change(w.connection, w.ledger, WHEN, "R-0001", {"owner": "mia@acme.example", "gap": "none"}, book.because)
        risks.make_due(w.connection, w.ledger, WHEN, dict.fromkeys(["R-0001", "R-0002"], "it has ended"), book.because)
        residual = Score(ScoreKind.CURRENT, 2, 2, "kim@acme.example", WHEN, "MFA is on")
        risks.score(w.connection, w.ledger, "R-0001", [residual], book.because)


def found(book: "Book") -> list[tuple[str, str, str, str]]:
    with book.store.moment() as now:
        return [(each.name, each.field, each.stands, each.told) for each in now.apart()]


def test_what_was_done_by_the_program_stands_as_recorded(full: "Book") -> None:
    assert found(full) == []


@on_sqlite
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


@on_sqlite
@pytest.mark.parametrize(
    ("table", "column", "value", "name", "field"),
    [
        ("acceptance", "state", "revoked", "RA-000001 of AI-000002", "state"),
        ("acceptance", "until", "2030-01-01", "RA-000001 of AI-000002", "until"),
        ("acceptance", "requester", "eve", "RA-000001 of AI-000002", "requester"),
        ("acceptance", "justification", "it is fine", "RA-000001 of AI-000002", "justification"),
        ("acceptance", "editors", "[]", "RA-000001 of AI-000002", "editors"),
        ("decision", "by", "eve@acme.example", "RA-000001 of AI-000002", "decisions"),
        ("decision", "verdict", "reject", "RA-000001 of AI-000002", "decisions"),
        ("evidence", "sha256", "c" * 64, "EV-000001 in version 1 of AI-000001", "sha256"),
        ("evidence", "by", "eve@acme.example", "EV-000001 in version 1 of AI-000001", "by"),
        ("evidence", "stored", 1, "EV-000001 in version 1 of AI-000001", "stored"),
        ("evidence", "stored", 0, "EV-000001 in version 2 of AI-000001", "stored"),
        ("review", "verdict", "rejected", "EV-000001 in version 1 of AI-000001", "review"),
    ],
)
def test_what_somebody_wrote_to_acceptances_and_evidence_is_named(
    full: "Book", table: str, column: str, value: Any, name: str, field: str
) -> None:
    full.raw((f'UPDATE {table} SET "{column}" = ?', (value,)))  # noqa: S608
    assert (name, field) in [(each.name, each.field) for each in full.store.apart()]


@on_sqlite
@pytest.mark.parametrize(
    ("table", "column", "value", "name", "field"),
    [
        ("link WHERE item = 'AI-000001'", "ticket_id", "10009", "the ticket of AI-000001", "id"),
        ("link WHERE item = 'AI-000001'", "ticket_key", "SEC-9", "the ticket of AI-000001", "key"),
        ("link WHERE item = 'AI-000002'", "url", "https://else.example", "the ticket of AI-000002", "url"),
        ("due_change WHERE verdict = ''", "after", "2027-12-24", "later due dates of AI-000001", "requests"),
        ("due_change WHERE verdict = ''", "requester", "eve", "later due dates of AI-000001", "requests"),
        ("due_change WHERE verdict = ''", "before", "2026-01-01", "later due dates of AI-000001", "requests"),
        (
            "due_change WHERE verdict = ''",
            "decided_at",
            "2026-11-22 12:00:00",
            "later due dates of AI-000001",
            "requests",
        ),
        ("link WHERE item = 'AI-000002'", "archived", False, "the ticket of AI-000002", "archived"),
        ("link WHERE item = 'AI-000002'", "missing_since", None, "the ticket of AI-000002", "missing"),
        ("risk WHERE id = 'R-0002'", "due_since", None, "risk R-0002", "due"),
        ("risk WHERE id = 'R-0001'", "due_since", "2026-11-22 12:00:00", "risk R-0001", "due"),
        ("comment WHERE seq = 1", "text", "(erased)", "C-000001 of AI-000001", "text"),
        ("due_change WHERE verdict <> ''", "verdict", "approved", "later due dates of AI-000001", "requests"),
        ("due_change WHERE verdict <> ''", "decided_by", "eve", "later due dates of AI-000001", "requests"),
        ("comment WHERE seq = 1", "text", "Tell nobody", "C-000001 of AI-000001", "text"),
        ("hold WHERE seq = 1", "closed_at", "2026-11-22 12:00:00", "H-1 of AI-000001", "open"),
        ("hold WHERE seq = 1", "kind", "rejected", "H-1 of AI-000001", "kind"),
        ("hold WHERE seq = 2", "closed_at", None, "H-2 of AI-000002", "open"),
        ("hold WHERE seq = 3", "tracker", "web", "H-3 of AI-000099", "tracker"),
        ("hold WHERE seq = 3", "closed_at", "2026-11-22 12:00:00", "H-3 of AI-000099", "open"),
        ("comment WHERE seq = 1", "author", "eve", "C-000001 of AI-000001", "author"),
        ("comment WHERE seq = 2", "remote_id", "r9", "C-000002 of AI-000001", "remote_id"),
        ("comment WHERE seq = 2", "tracker", "web", "C-000002 of AI-000001", "tracker"),
        ("comment WHERE seq = 3", "text", "Nothing is missing.", "C-000003 of AI-000001", "text"),
        ("comment WHERE seq = 4", "text", "On it.", "C-000004 of AI-000001", "text"),
        ("comment WHERE seq = 5", "text", "/approve", "C-000005 of AI-000001", "text"),
        ("control WHERE code = 'CC6.1'", "status", "implemented", "control soc2:CC6.1", "status"),
        ("control WHERE code = 'CC7.2'", "status", "implemented", "control soc2:CC7.2", "status"),
        ("control WHERE code = 'CC6.1'", "answered_by", "soc2:CC7.2", "control soc2:CC6.1", "answered_by"),
        ("control WHERE code = 'CC7.2'", "answered_by", "soc2:CC6.1", "control soc2:CC7.2", "answered_by"),
        ("control WHERE code = 'CC6.1'", "exempt_by", "eve", "control soc2:CC6.1", "exemption"),
        ("control WHERE code = 'CC6.1'", "exempt_why", "so", "control soc2:CC6.1", "exemption"),
        ("control WHERE code = 'CC6.1'", "title", "Access", "control soc2:CC6.1", "title"),
        ("control WHERE code = 'CC6.1'", "guidance", "Do it", "control soc2:CC6.1", "guidance_sha256"),
        ("control WHERE code = 'CC6.1'", "owner", "eve@acme.example", "control soc2:CC6.1", "owner"),
        ("risk WHERE id = 'R-0001'", "owner", "eve@acme.example", "risk R-0001", "owner"),
        ("risk WHERE id = 'R-0001'", "gap", "no MFA", "risk R-0001", "gap"),
        ("risk WHERE id = 'R-0001'", "statement", "Nothing", "risk R-0001", "statement"),
        ("risk WHERE id = 'R-0002'", "treatment", "accept", "risk R-0002", "treatment"),
        ("risk WHERE id = 'R-0002'", "existing", "[]", "risk R-0002", "existing"),
        ("risk WHERE id = 'R-0002'", "next_review", "2030-01-01", "risk R-0002", "next_review"),
        ("score WHERE likelihood = 2", "impact", 1, "risk R-0001", "scores"),
        ("score WHERE likelihood = 2", "by", "eve", "risk R-0001", "scores"),
        ("score WHERE likelihood = 2", "risk", "R-0002", "risk R-0002", "scores"),
    ],
)
def test_what_somebody_wrote_to_what_belongs_to_an_item_controls_and_risks_is_named(
    full: "Book", table: str, column: str, value: Any, name: str, field: str
) -> None:
    which, _, where = table.partition(" ")
    full.raw((f'UPDATE "{which}" SET "{column}" = ? {where}', (value,)))  # noqa: S608
    named = [(each.name, each.field) for each in full.store.apart()]
    assert (name, field) in named
    assert {each for each in named if each[1] != "scores"} <= {(name, field)}


def test_a_ticket_that_nobody_linked_and_one_that_nobody_unlinked_are_named(full: "Book") -> None:
    full.raw(
        "UPDATE link SET ended_at = linked_at WHERE item = 'AI-000002'",
        "UPDATE link SET ended_at = NULL WHERE item = 'AI-000004'",
    )
    assert found(full) == [
        ("the ticket of AI-000004", "", "there", "nowhere"),
        ("the ticket of AI-000002", "", "nowhere", "there"),
    ]


def test_holds_that_are_gone_and_those_that_were_moved_are_named(full: "Book") -> None:
    full.raw("DELETE FROM hold WHERE seq <> 2", "UPDATE hold SET item = 'AI-000098' WHERE seq = 2")
    assert {(name, stands) for name, _, stands, _ in found(full)} == {
        ("H-1 of AI-000001", "nowhere"),
        ("H-2 of AI-000002", "nowhere"),
        ("H-2 of AI-000098", "there"),
        ("H-3 of AI-000099", "nowhere"),
    }


def test_a_comment_that_is_gone_and_one_that_was_moved_are_named(full: "Book") -> None:
    full.raw("DELETE FROM comment WHERE seq = 1", "UPDATE comment SET item = 'AI-000003' WHERE seq = 5")
    assert {(name, stands) for name, _, stands, _ in found(full)} == {
        ("C-000001 of AI-000001", "nowhere"),
        ("C-000005 of AI-000001", "nowhere"),
        ("C-000005 of AI-000003", "there"),
    }


def test_a_control_and_a_risk_that_are_gone_are_named(full: "Book") -> None:
    full.raw(
        "DELETE FROM item_control",
        "DELETE FROM item_risk",
        "DELETE FROM control WHERE code = 'CC6.1'",
        "DELETE FROM risk WHERE id = 'R-0002'",
    )
    assert found(full) == [
        ("control soc2:CC6.1", "", "nowhere", "there"),
        ("risk R-0002", "", "nowhere", "there"),
    ]


def test_evidence_for_a_control_that_is_called_like_an_item_is_both(full: "Book") -> None:
    about = replace(DRAFT, item="AI-000004", controls=("AI-000003",))
    add(full, about, replace(DRAFT, item=None, controls=("AI-000004",)))
    assert found(full) == []
    full.raw("DELETE FROM evidence WHERE seq > 2")
    assert {(name.partition(" of ")[2], stands) for name, _, stands, _ in found(full)} == {
        ("AI-000003", "nowhere"),
        ("AI-000004", "nowhere"),
    }


@on_sqlite
@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        ("item", "owner", "AI-000001"),
        ("link", "url", "AI-000001"),
        ("comment", "text", "AI-000001"),
        ("control", "title", "control soc2:CC6.1"),
        ("risk", "owner", "risk R-0001"),
    ],
)
def test_a_text_that_is_none_is_named(full: "Book", table: str, column: str, name: str) -> None:
    full.raw(f"UPDATE {table} SET {column} = CAST(X'FF' AS TEXT)")  # noqa: S608
    assert (name, "", "not to be read", "there") in found(full)


@on_sqlite
@pytest.mark.parametrize(("table", "column"), [("item", "ref"), ("control", "id"), ("risk", "id")])
def test_a_name_that_is_no_text_is_told(full: "Book", table: str, column: str) -> None:
    full.raw(f"UPDATE {table} SET {column} = CAST(X'FF' AS TEXT) WHERE rowid = 1")  # noqa: S608
    assert (f"the name of a {table}", "", "not to be read") in [found_[:3] for found_ in found(full)]


def test_evidence_of_controls_alone_is_looked_at_too(full: "Book") -> None:
    full.raw("UPDATE evidence SET sha256 = NULL WHERE item IS NULL")
    changed = [(f"EV-000002 in version 1 of {control}", "sha256", "None", repr("a" * 64)) for control in TWO]
    assert found(full) == changed
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
        ("UPDATE control SET status = 'done' WHERE code = 'CC6.1'", "control soc2:CC6.1"),
        ("UPDATE risk SET treatment = 'x' WHERE id = 'R-0001'", "risk R-0001"),
    ],
)
def test_what_cannot_be_read_is_named_and_hides_nothing_else(full: "Book", statement: str, name: str) -> None:
    full.raw(statement, "UPDATE item SET priority = 'low' WHERE ref = 'AI-000003'")
    assert {(each, field, stands) for each, field, stands, _ in found(full)} >= {
        (name, "", "not to be read"),
        ("AI-000003", "priority", "'low'"),
    }


def test_nothing_else_with_the_name_of_an_item_is_taken_for_one(book: "Book") -> None:
    book.item()
    with book.store.writing() as w:
        risks.add(w.connection, w.ledger, [replace(RISK, id="AI-000001"), replace(RISK, id="AI-000002")], book.because)
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
    assert [(name, field) for name, field, _, _ in found(full)] == [
        ("AI-000002", "accepted"),
        ("RA-000001 of AI-000002", "until"),
    ]


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
        "DELETE FROM item_control WHERE item = 'AI-000003'",
        "DELETE FROM item WHERE ref = 'AI-000003'",
        "UPDATE aside SET ref = 'AI-000009', seq = 9",
        "INSERT INTO item SELECT * FROM aside",
    )
    assert found(full) == [("AI-000009", "", "there", "nowhere"), ("AI-000003", "", "nowhere", "there")]


def test_of_a_text_that_was_erased_nobody_can_tell(full: "Book") -> None:
    full.change("AI-000001", claim=None, status=Status.RESOLVED)
    with full.store.writing() as w:
        risks.change(w.connection, w.ledger, WHEN, "R-0001", {"owner": "ada@acme.example"}, full.because)
    for who in ("mia@acme.example", "tom@acme.example"):
        full.store.erase_person(Person([who]), Holder("h1", 1), full.because, words=True)
        assert who not in str(full.records())
    assert found(full) == []


def test_many_items_are_looked_at_page_by_page(book: "Book", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PAGE", 3)
    for number in range(7):
        book.item(f"Rotate key {number}")
    book.raw("UPDATE item SET priority = 'low' WHERE seq IN (1, 7)")
    assert found(book) == [(ref, "priority", "'low'", "'high'") for ref in ("AI-000001", "AI-000007")]
