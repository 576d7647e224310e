"""What a ticket's state, people, dates and labels say in our words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mapping.read import names_item, observe, reads_as
from mapping.render import desired, draft
from mapping.rules import Rules
from state.model import ActionItem, Agreed, Field, Priority, SourceKind, Status
from state.ticket import BodyFormat, Category, Marker, Ticket, TicketState

MakeRules = Callable[..., Rules]
MakeItem = Callable[..., ActionItem]
MakeTicket = Callable[..., Ticket]

NEW, BUSY, DONE = Category.NEW, Category.INDETERMINATE, Category.DONE


@pytest.mark.parametrize(
    ("state", "labels", "status"),
    [
        (TicketState(NEW, "To Do"), (), "open"),
        (TicketState(NEW, "To Do", "Done"), (), "open"),
        (TicketState(BUSY, "In Review"), (), "in_progress"),
        (TicketState(BUSY, "In Review", "Won't Do"), (), "in_progress"),
        (TicketState(DONE, "Closed"), (), "resolved"),
        (TicketState(DONE, "Won't Do"), (), "acceptance_requested"),
        (TicketState(DONE, "Won't Do", "Done"), (), "resolved"),
        (TicketState(DONE, "Duplicate"), (), "duplicate"),
        (TicketState(DONE, "Closed", "Done"), (), "resolved"),
        (TicketState(DONE, "Closed", "FIXED"), (), "resolved"),
        (TicketState(DONE, "closed", "completed"), (), "resolved"),
        (TicketState(DONE, "Closed", "Won't Do"), (), "acceptance_requested"),
        (TicketState(DONE, "Closed", "Won\u2019t Fix"), (), "acceptance_requested"),
        (TicketState(DONE, "Closed", "Risk Accepted"), (), "acceptance_requested"),
        (TicketState(DONE, "Closed", "Declined"), (), "acceptance_requested"),
        (TicketState(DONE, "closed", "not_planned"), (), "acceptance_requested"),
        (TicketState(DONE, "Closed", "Duplicate"), (), "duplicate"),
        (TicketState(DONE, "closed", "duplicate"), (), "duplicate"),
        (TicketState(DONE, "Closed", "Cannot Reproduce"), (), "unmapped:Cannot Reproduce"),
        (TicketState(DONE, "Closed", "Moved"), (), "unmapped:Moved"),
        (TicketState(NEW, "open"), ("Risk-Accept",), "acceptance_requested"),
        (TicketState(BUSY, "risk-accept"), (), "acceptance_requested"),
        (TicketState(DONE, "Closed", "Done"), ("risk-accept",), "acceptance_requested"),
    ],
)
def test_the_table_of_states(
    make_rules: MakeRules, make_ticket: MakeTicket, state: TicketState, labels: tuple[str, ...], status: str
) -> None:
    seen = observe(make_ticket(state=state, labels=frozenset(labels)), make_rules(), "t", baseline=None, desired=None)
    assert seen.values[Field.STATUS] == status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TicketState(NEW, "selected"), "in_progress"),
        (TicketState(BUSY, "Backlog"), "open"),
        (TicketState(BUSY, "Verifying", "Won't Do"), "resolved"),
        (TicketState(DONE, "Shipped", "Won't Do"), "acceptance_requested"),
        (TicketState(BUSY, "asks for a waiver"), "acceptance_requested"),
        (TicketState(BUSY, "risk-accept"), "in_progress"),
        (TicketState(DONE, "Closed", "Obsolete"), "duplicate"),
        (TicketState(DONE, "Closed", "Duplicate"), "unmapped:Duplicate"),
    ],
)
def test_a_configured_name_wins_over_the_category_and_the_defaults(
    make_rules: MakeRules, make_ticket: MakeTicket, state: TicketState, status: str
) -> None:
    names = {
        "open": ("Backlog",),
        "in_progress": ("Selected",),
        "resolved": ("Verifying", "Shipped"),
        "acceptance": ("Asks for a Waiver",),
    }
    rules = make_rules(status=names, resolution={"duplicate": ("Obsolete",)})
    assert observe(make_ticket(state=state), rules, "t", baseline=None, desired=None).values[Field.STATUS] == status


@pytest.mark.parametrize(
    ("assignee", "baseline", "known", "status"),
    [
        (None, None, True, "open"),
        ("tom-2", None, True, "in_progress"),
        ("nobody-knows", None, True, "in_progress"),
        ("Mia-1", None, True, "open"),
        ("Mia-1", None, False, "in_progress"),
        ("tom-2", {Field.ASSIGNEE: Agreed("tom@acme.example", "tom@acme.example")}, True, "open"),
        ("x", {Field.ASSIGNEE: Agreed(None, "account:x")}, True, "open"),
        ("Mia-1", {Field.STATUS: Agreed("in_progress", "in_progress")}, True, "in_progress"),
        (None, {Field.STATUS: Agreed("in_progress", "in_progress")}, True, "open"),
    ],
)
def test_whoever_takes_an_open_ticket_has_begun_and_whom_we_assigned_has_not(
    make_item: MakeItem,
    make_rules: MakeRules,
    make_ticket: MakeTicket,
    marker: Marker,
    assignee: str | None,
    baseline: dict[Field, Agreed] | None,
    known: bool,
    status: str,
) -> None:
    rules = make_rules(assignment_starts_work=True)
    wanted = desired(make_item(), rules, "t", marker) if known else None
    seen = observe(make_ticket(assignee=assignee), rules, "t", baseline=baseline, desired=wanted)
    assert seen.values[Field.STATUS] == status


def test_where_assignment_starts_nothing_it_starts_nothing(make_rules: MakeRules, make_ticket: MakeTicket) -> None:
    seen = observe(make_ticket(assignee="tom-2"), make_rules(), "t", baseline=None, desired=None)
    assert seen.values[Field.STATUS] == "open"


def test_an_open_change_request_means_that_work_has_begun(make_rules: MakeRules, make_ticket: MakeTicket) -> None:
    seen = observe(make_ticket(linked_change_open=True), make_rules(), "t", baseline=None, desired=None)
    assert seen.values[Field.STATUS] == "in_progress"


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"title": "  two \u200b words "}, Field.TITLE, "two words"),
        ({"priority": "highest"}, Field.PRIORITY, "critical"),
        ({"priority": "Trivial"}, Field.PRIORITY, "unmapped:Trivial"),
        ({"priority": None}, Field.PRIORITY, None),
        ({"assignee": "MIA-1"}, Field.ASSIGNEE, "mia@acme.example"),
        ({"assignee": "557058:x"}, Field.ASSIGNEE, "account:557058:x"),
        ({"assignee": None}, Field.ASSIGNEE, None),
        ({"due_date": date(2027, 1, 2)}, Field.DUE_DATE, "2027-01-02"),
        ({"due_date": None}, Field.DUE_DATE, None),
        ({"body": "no block here"}, Field.BODY, None),
        ({"body": None}, Field.BODY, None),
        ({"labels": frozenset({"COUNTERFOIL", "theirs"})}, Field.LABELS, "counterfoil"),
        ({"labels": frozenset()}, Field.LABELS, ""),
    ],
)
def test_a_value_reads_in_our_words(
    make_rules: MakeRules, make_ticket: MakeTicket, changes: dict[str, Any], field: Field, value: str | None
) -> None:
    seen = observe(make_ticket(**changes), make_rules(), "t", baseline=None, desired=None)
    assert seen.values[field] == value


def test_every_priority_label_counts_as_ours(make_rules: MakeRules, make_ticket: MakeTicket) -> None:
    rules = make_rules(fields=frozenset(Field) - {Field.PRIORITY}, priority={Priority.LOW: "P4"})
    labels = frozenset({"counterfoil", "priority:high", "p4", "bug"})
    seen = observe(make_ticket(labels=labels), rules, "t", baseline=None, desired=None)
    assert seen.values[Field.LABELS] == "P4\ncounterfoil\npriority:high"
    assert Field.PRIORITY not in seen.values


def test_the_words_of_the_block_count_and_those_around_do_not(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker
) -> None:
    rules = make_rules()
    wanted = desired(make_item(), rules, "t", marker)
    body = str(wanted.block)
    around = observe(make_ticket(body=f"Hi\n\n{body}\n\nbye"), rules, "t", baseline=None, desired=None)
    inside = observe(make_ticket(body=body.replace("90 days", "91 days")), rules, "t", baseline=None, desired=None)
    assert around.values[Field.BODY] == wanted.values[Field.BODY]
    assert inside.values[Field.BODY] not in (None, wanted.values[Field.BODY])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": TicketState(DONE, "Closed", "Moved")}, "add it to one in [trackers.t.resolution]"),
        ({"state": TicketState(DONE, "Closed")}, "closed without a resolution"),
        ({"priority": "Trivial"}, "name it in [trackers.t.priority]"),
    ],
)
def test_what_is_odd_is_said_with_the_line_that_mends_it(
    make_rules: MakeRules, make_ticket: MakeTicket, changes: dict[str, Any], words: str
) -> None:
    (warning,) = observe(make_ticket(**changes), make_rules(), "t", baseline=None, desired=None).warnings
    assert words in warning
    assert warning.startswith("T-1: ")


def test_an_accepted_risk_whose_ticket_says_that_the_work_is_done_is_told(
    make_rules: MakeRules, make_ticket: MakeTicket
) -> None:
    agreed = {Field.STATUS: Agreed("accepted_as_risk", "accepted_as_risk")}
    done, wont_do = (
        observe(make_ticket(state=TicketState(DONE, "Closed", name)), make_rules(), "t", baseline=agreed, desired=None)
        for name in ("Done", "Won't Do")
    )
    assert done.warnings == ("T-1: its risk is accepted, but it says that the work is done: 'Done'",)
    assert (wont_do.warnings, wont_do.values[Field.STATUS]) == ((), "accepted_as_risk")


def test_every_status_of_ours_is_one_that_a_ticket_can_show_but_an_acceptance(
    make_rules: MakeRules, make_ticket: MakeTicket
) -> None:
    states = [TicketState(c, "x", r) for c in Category for r in (None, "Done", "Won't Do", "Duplicate", "Odd")]
    seen = {
        observe(make_ticket(state=s), make_rules(), "t", baseline=None, desired=None).values[Field.STATUS]
        for s in states
    }
    assert Status.ACCEPTED_AS_RISK.value not in seen


def test_a_mapped_state_is_not_read_as_a_resolution(make_rules: MakeRules, make_ticket: MakeTicket) -> None:
    rules = make_rules(status={"resolved": ("Duplicate",)})
    seen = observe(make_ticket(state=TicketState(DONE, "Duplicate")), rules, "t", baseline=None, desired=None)
    assert seen.values[Field.STATUS] == "resolved"


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ({}, {"title": "A person called it otherwise"}, True),
        ({"due_date": date(2027, 3, 1)}, {}, True),
        ({"due_date": date(2027, 3, 1)}, {"title": "A person called it otherwise"}, False),
        ({"source_ref": "V-18"}, {}, False),
        ({"source_ref": "V-1"}, {}, False),
        ({"source_ref": "90", "description": "x"}, {}, False),
        ({"source_kind": SourceKind.ASSESSMENT}, {}, False),
        ({"source_ref": "", "description": "Another volume."}, {}, False),
        ({"source_ref": ""}, {}, False),
        ({"source_ref": "", "description": "", "due_date": date(2027, 3, 1)}, {}, False),
        ({}, {"body": None}, False),
    ],
)
def test_a_ticket_reads_as_the_item_that_its_block_or_its_title_and_source_tell(
    form: BodyFormat,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    same: bool,
    make_rules: MakeRules,
    make_item: Callable[..., ActionItem],
    held: Any,
    marker: Marker,
) -> None:
    rules = make_rules(form)
    ticket = replace(held(draft(desired(make_item(source_ref="V-17"), rules, "t", marker), marker)), **theirs)
    wanted = desired(make_item(**{"source_ref": "V-17", **ours}), rules, "t", marker)
    assert reads_as(ticket, wanted, rules, "t") is same
    assert names_item(ticket, rules, "t") == (marker.item if ticket.body else "")


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("Check it.\n\n- once\n- twice", "Check it.\n\n- once\n- twice", True),
        ("", "", True),
        ("twice", "Check it twice", False),
        ("Check it", "Check it twice", False),
        ("Owner of it", "Owner of it", True),
        ("", "Check it", False),
        ("Check it", "", False),
    ],
)
def test_an_item_without_a_source_is_told_by_its_whole_description(
    form: BodyFormat,
    ours: str,
    theirs: str,
    same: bool,
    make_rules: MakeRules,
    make_item: Callable[..., ActionItem],
    held: Any,
    marker: Marker,
) -> None:
    rules = make_rules(form)
    was = make_item(source_ref="", description=theirs, owner="tom@acme.example", due_date=date(2027, 3, 1))
    ticket = held(draft(desired(was, rules, "t", marker), marker))
    wanted = desired(make_item(source_ref="", description=ours), rules, "t", marker)
    assert reads_as(ticket, wanted, rules, "t") is same
