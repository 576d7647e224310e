"""A claim names the person, the time and the words, and is never made of our own doing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mapping.claims import claim
from state.model import Claim, ClaimKind
from state.ticket import Account, Activity, ActivityKind, Ticket

MakeTicket = Callable[..., Ticket]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIA, TOM, US = Account("mia", "Mia"), Account("tom", "Tom"), Account("us", "Counterfoil", ours=True)


def _set(by: Account, minutes: int, field: str = "status", after: str = "Done") -> Activity:
    at = NOON + timedelta(minutes=minutes)
    return Activity(f"e{minutes}", ActivityKind.FIELD, by, at, field=field, before="To Do", after=after)


def _said(by: Account, minutes: int, text: str) -> Activity:
    return Activity(f"c{minutes}", ActivityKind.COMMENT, by, NOON + timedelta(minutes=minutes), text=text)


def test_the_last_who_closed_it_is_named_with_their_words(make_ticket: MakeTicket) -> None:
    activity = [
        _set(TOM, -90),
        _said(MIA, -50, "Looking"),
        _said(TOM, -1, "no"),
        _set(MIA, 0),
        _set(MIA, 0, "resolution"),
        _said(MIA, 30, "We cannot fix this"),
        _said(MIA, 90, "unrelated"),
    ]
    assert claim("acceptance_requested", "open", activity, make_ticket()) == Claim(
        ClaimKind.ACCEPTANCE_REQUESTED, "mia", NOON, "We cannot fix this"
    )


def test_without_a_comment_nearby_there_are_no_words(make_ticket: MakeTicket) -> None:
    made = claim("resolved", "in_progress", [_said(MIA, -61, "early"), _set(MIA, 0)], make_ticket())
    assert made == Claim(ClaimKind.RESOLVED, "mia", NOON, None)


@pytest.mark.parametrize(
    ("observed", "before"),
    [
        ("open", "resolved"),
        ("in_progress", "open"),
        ("duplicate", "open"),
        ("unmapped:x", "open"),
        ("resolved", "resolved"),
        (None, None),
    ],
)
def test_other_statuses_and_no_change_claim_nothing(
    make_ticket: MakeTicket, observed: str | None, before: str | None
) -> None:
    assert claim(observed, before, [_set(MIA, 0)], make_ticket()) is None


def test_what_we_did_ourselves_is_no_claim(make_ticket: MakeTicket) -> None:
    assert claim("resolved", "open", [_set(US, 0)], make_ticket()) is None


def test_our_own_event_does_not_hide_a_persons(make_ticket: MakeTicket) -> None:
    made = claim("resolved", "open", [_set(MIA, 0), _set(US, 5)], make_ticket())
    assert made is not None
    assert made.by == "mia"


def test_a_label_asks_for_acceptance_too(make_ticket: MakeTicket) -> None:
    made = claim("acceptance_requested", "open", [_set(MIA, 0, "labels", "risk-accept")], make_ticket())
    assert made == Claim(ClaimKind.ACCEPTANCE_REQUESTED, "mia", NOON, None)
    assert claim("resolved", "open", [_set(MIA, 0, "labels", "x")], make_ticket()) == Claim(
        ClaimKind.RESOLVED, at=make_ticket().updated
    )


def test_a_history_that_tells_nobody_still_makes_a_claim(make_ticket: MakeTicket) -> None:
    assert claim("resolved", "open", [], make_ticket()) == Claim(ClaimKind.RESOLVED, at=make_ticket().updated)


def test_only_a_label_asks_for_acceptance_beside_a_status(make_ticket: MakeTicket) -> None:
    made = claim(
        "acceptance_requested",
        "open",
        [_set(MIA, 0, "labels", "risk-accept"), _set(TOM, 5, "priority", "Low"), _said(TOM, 6, "lower")],
        make_ticket(),
    )
    assert made == Claim(ClaimKind.ACCEPTANCE_REQUESTED, "mia", NOON, None)


@pytest.mark.parametrize(("minutes", "words"), [(-60, "near"), (60, "near"), (-61, None), (61, None)])
def test_words_within_an_hour_explain_a_claim(make_ticket: MakeTicket, minutes: int, words: str | None) -> None:
    made = claim("resolved", "open", [_said(MIA, minutes, "near"), _set(MIA, 0)], make_ticket())
    assert made is not None
    assert made.text == words


def test_the_last_words_of_several_explain_a_claim(make_ticket: MakeTicket) -> None:
    said = [_said(MIA, 3, "third"), _said(MIA, 1, "first"), _said(MIA, 2, "second")]
    made = claim("resolved", "open", [*said, _set(MIA, 0)], make_ticket())
    assert made is not None
    assert made.text == "third"
