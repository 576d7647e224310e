"""Items, rules and tickets for the tests of the mapping."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mapping.rules import Route, Rules, TrackerRules
from state.model import ActionItem, Field, Person, Priority, SourceKind, Status
from state.ticket import BodyFormat, Category, Draft, Marker, Ticket, TicketRef, TicketState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ITEM = ActionItem(
    ref="AI-000123",
    title="Rotate the access keys of the deploy user",
    description="Keys are **older** than 90 days.\n\n- list them\n- replace them",
    priority=Priority.HIGH,
    original_priority=Priority.HIGH,
    status=Status.OPEN,
    owner="mia@acme.example",
    due_date=date(2026, 12, 1),
    original_due_date=date(2026, 12, 1),
    controls=("CC6.1", "CC6.2"),
    risks=("R-7",),
    source_kind=SourceKind.AUTOMATED_TEST,
    source_ref="iam_rotate_keys",
    external_ref=None,
    fingerprint=None,
    claim=None,
    created_at=NOW,
    updated_at=NOW,
    resolved_at=None,
    revision=1,
)
TICKET = Ticket(
    ref=TicketRef("t", "1", "T-1"),
    url="https://t.example/1",
    title="",
    body=None,
    state=TicketState(Category.NEW, "To Do"),
    priority=None,
    assignee=None,
    due_date=None,
    labels=frozenset(),
    created=NOW,
    updated=NOW,
    revision="1",
)

MakeRules = Callable[..., Rules]
MakeItem = Callable[..., ActionItem]
MakeTicket = Callable[..., Ticket]
Hold = Callable[[Draft], Ticket]


@pytest.fixture(scope="session")
def marker() -> Marker:
    return Marker("k" * 26, ITEM.ref)


@pytest.fixture(scope="session")
def make_item() -> MakeItem:
    def make(**changes: Any) -> ActionItem:
        return replace(ITEM, **changes)

    return make


@pytest.fixture(scope="session")
def make_ticket() -> MakeTicket:
    def make(**changes: Any) -> Ticket:
        return replace(TICKET, **changes)

    return make


@pytest.fixture(scope="session")
def make_rules() -> MakeRules:
    """Rules with one tracker `t`, to which everything goes, and the people mia and tom."""

    def make(form: BodyFormat = BodyFormat.MARKDOWN, **changes: Any) -> Rules:
        table: dict[str, Any] = {
            "tracker": "t",
            "account_kind": "k",
            "fields": frozenset(Field),
            "body_format": form,
            "title_limit": 255,
            "body_limit": 32_767,
            "mark": "counterfoil",
        }
        people = (Person("mia@acme.example", {"k": "Mia-1"}), Person("tom@acme.example", {"k": "tom-2"}))
        return Rules({"t": TrackerRules(**{**table, **changes})}, (Route("t"),), people)

    return make


@pytest.fixture(scope="session")
def held() -> Hold:
    """The ticket as a tracker holds a draft that it was given, with the label that comes with the marker."""

    def hold(draft: Draft) -> Ticket:
        return replace(
            TICKET,
            title=draft.title,
            body=draft.body,
            priority=draft.priority,
            assignee=draft.assignee,
            due_date=draft.due_date,
            labels=frozenset({*draft.labels, "counterfoil", "their-own"}),
        )

    return hold
