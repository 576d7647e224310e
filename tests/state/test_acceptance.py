"""The rules about accepted risks, without anything stored."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from state.acceptance import (
    Acceptance,
    AcceptanceState,
    Authorities,
    Channel,
    Decider,
    Decision,
    DecisionVerdict,
    Involved,
    Terms,
    again,
    as_of,
    fingerprint,
    flaws,
    refusal,
    status_on,
)
from state.model import Accepted, ActionItem, Priority, Status
from tests.state.test_lifecycle import ITEM

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
END = date(2027, 2, 1)
TERMS = Terms("switched off in March", END, "an alert", 2, 3)
OWNERS = Authorities(
    risk_owners={Priority.HIGH: frozenset({"Ruth@acme.example"})}, delegates=frozenset({"dee@a.example"})
)
RUTH = Decider("ruth@acme.example", frozenset({"ruth@acme.example", "hub:ruth"}))


def accepted(until: date = END) -> ActionItem:
    return replace(ITEM, status=Status.ACCEPTED_AS_RISK, accepted=Accepted("RA-000001", until, fingerprint(ITEM)))


@pytest.mark.parametrize(
    ("today", "status"),
    [(date(2027, 1, 31), "accepted_as_risk"), (END, "accepted_as_risk"), (date(2027, 2, 2), "open")],
)
def test_an_accepted_item_is_open_from_the_day_after_the_end(today: date, status: str) -> None:
    item = accepted()
    assert status_on(item, today) == status
    assert (as_of(item, today).accepted is None) is (status == "open")


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Another"},
        {"description": "Another"},
        {"priority": Priority.CRITICAL},
        {"controls": ("CC6.1",)},
        {"risks": ("R-1",)},
    ],
)
def test_an_accepted_item_that_is_another_is_open(other: dict[str, object]) -> None:
    assert status_on(replace(accepted(), **other), NOW.date()) is Status.OPEN  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [{"owner": "ada@acme.example"}, {"due_date": date(2027, 1, 1)}, {"revision": 9}])
def test_what_was_accepted_does_not_depend_on_owner_or_time(other: dict[str, object]) -> None:
    assert status_on(replace(accepted(), **other), NOW.date()) is Status.ACCEPTED_AS_RISK  # type: ignore[arg-type]


def test_only_an_active_acceptance_lapses() -> None:
    asked = Acceptance("RA-000001", "AI-000001", AcceptanceState.REQUESTED, TERMS, "kim", NOW, "f")
    late = date(2027, 3, 1)
    assert asked.state_on(late) is AcceptanceState.REQUESTED
    assert replace(asked, state=AcceptanceState.ACTIVE).state_on(late) is AcceptanceState.LAPSED


@pytest.mark.parametrize(
    ("decider", "priority", "words"),
    [
        (RUTH, Priority.HIGH, None),
        (RUTH, Priority.LOW, "not a risk owner for low"),
        (Decider("kim@acme.example"), Priority.HIGH, "not a risk owner for high (Ruth@acme.example)"),
        (replace(RUTH, typist=Decider("dee@a.example"), channel=Channel.DELEGATE), Priority.HIGH, None),
        (
            replace(RUTH, typist=Decider("kim@a.example"), channel=Channel.DELEGATE),
            Priority.HIGH,
            "may not act for others",
        ),
    ],
)
def test_a_risk_owner_of_that_priority_decides_or_a_delegate_for_them(
    decider: Decider, priority: Priority, words: str | None
) -> None:
    said = refusal(decider, priority, Involved(), OWNERS)
    assert said is None if words is None else words in str(said)


@pytest.mark.parametrize("role", ["requester", "owner", "assignee", "reporter", "fixers", "editors"])
@pytest.mark.parametrize("name", ["RUTH@acme.example", "hub:ruth"])
def test_nobody_decides_about_their_own_matter(role: str, name: str) -> None:
    involved = Involved(**{role: frozenset({name})})
    assert "nobody decides about their own matter" in str(refusal(RUTH, Priority.HIGH, involved, OWNERS))


def test_a_delegate_who_is_involved_types_nothing() -> None:
    typed = replace(RUTH, typist=Decider("dee@a.example", frozenset({"hub:dee"})), channel=Channel.DELEGATE)
    assert "dee@a.example" in str(refusal(typed, Priority.HIGH, Involved(assignee=frozenset({"hub:dee"})), OWNERS))


@pytest.mark.parametrize("typed_by", ["", "dee@a.example"])
def test_one_person_has_a_hand_in_one_approval_only(typed_by: str) -> None:
    first = Decision(DecisionVerdict.APPROVE, "otto@a.example", NOW, "", "", typed_by=typed_by)
    assert again(replace(RUTH, typist=Decider("Otto@a.example")), [first]) is not None
    assert (again(replace(RUTH, typist=Decider("dee@a.example")), [first]) is not None) is bool(typed_by)
    assert again(RUTH, [first]) is None


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (TERMS, ()),
        (replace(TERMS, justification=" "), ("it has no justification",)),
        (replace(TERMS, until=None), ("it has no end",)),
        (replace(TERMS, until=date(2026, 11, 19)), ("its end 2026-11-19 has passed",)),
        (
            replace(TERMS, until=date(2027, 5, 20)),
            ("2027-05-20 is later than a high risk may be accepted for today (2027-05-19)",),
        ),
        (replace(TERMS, until=date(2027, 5, 19)), ()),
        (replace(TERMS, compensating=" "), ("it does not say what keeps the risk small meanwhile (--compensating)",)),
        (replace(TERMS, impact=None), ("the residual likelihood and impact are not scored",)),
    ],
)
def test_terms_that_do_not_suffice_are_named(terms: Terms, words: tuple[str, ...]) -> None:
    assert flaws(terms, ITEM, Authorities(), NOW.date()) == words
