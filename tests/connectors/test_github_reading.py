"""GitHub's payloads are read forgivingly: whatever a server says, it is a noun of ours or an error with a name."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Unavailable
from connectors.github_reading import Reader, StatusLabels, block_marker, moment, stamp
from state.ticket import Activity, ActivityKind, Category, Marker, Ticket

LABELS = StatusLabels(open=(), in_progress=("in progress",), resolved=("fixed",), acceptance=("risk-accept",))
READER = Reader("p", "acme/platform", "https://github.example", LABELS, lambda _: False, lambda _: False)
AT = "2026-11-20T10:00:00Z"

KEYS = (
    "actor",
    "assignee",
    "assignees",
    "body",
    "closed_at",
    "comments",
    "created_at",
    "event",
    "from",
    "html_url",
    "id",
    "issue",
    "label",
    "labels",
    "login",
    "merged_at",
    "name",
    "number",
    "performed_via_github_app",
    "pull_request",
    "rename",
    "repository_url",
    "source",
    "state",
    "state_reason",
    "title",
    "to",
    "type",
    "updated_at",
    "user",
)
EVENTS = ("closed", "reopened", "labeled", "unlabeled", "assigned", "unassigned", "renamed", "cross-referenced")
plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(AT) | st.sampled_from(EVENTS)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values, max_size=10)


@given(payloads, st.integers(min_value=1), st.booleans())
def test_any_issue_is_a_ticket_or_an_error_with_a_name(payload: dict[str, Any], number: int, dated: bool) -> None:
    whole = {**payload, "id": number, "number": number, **({"created_at": AT, "updated_at": AT} if dated else {})}
    try:
        ticket = READER.ticket(whole)
    except Unavailable:
        assert not dated
    else:
        assert isinstance(ticket, Ticket)
        assert ticket.ref.id == str(number)


@given(payloads, st.sampled_from((*EVENTS, "commented", "subscribed")))
def test_any_event_is_an_activity_or_nothing(payload: dict[str, Any], kind: str) -> None:
    told = list(READER.event({**payload, "event": kind, "created_at": AT}))
    assert all(isinstance(one, Activity) and isinstance(one.after, str | None) for one in told)


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000+00:00", "2026-11-20T12:00:00+0200", "2026-11-20T10:00:00"],
)
def test_times_are_read_in_every_usual_spelling(text: str) -> None:
    assert moment(text) == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert stamp(moment(text)) == AT


@pytest.mark.parametrize("text", [None, "", "yesterday", 3, {}, "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_said(text: Any) -> None:
    with pytest.raises(Unavailable):
        moment(text)


def test_later_revisions_sort_later() -> None:
    told = [("2026-11-20T10:00:00Z", 9), ("2026-11-20T10:00:00Z", 10), ("2026-11-20T10:00:01Z", 0)]
    issues = [{"id": 1, "number": 1, "updated_at": at, "comments": count} for at, count in told]
    revisions = [READER.ticket(issue).revision for issue in issues]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ([], (Category.NEW, "open")),
        ([{"name": "In Progress"}], (Category.INDETERMINATE, "In Progress")),
        (["in progress", "risk-accept"], (Category.NEW, "risk-accept")),
        (["in progress", "Fixed"], (Category.NEW, "Fixed")),
    ],
)
def test_of_several_status_labels_the_one_that_says_most_counts(labels: list[Any], state: tuple[Category, str]) -> None:
    found = READER.ticket({"id": 1, "number": 1, "updated_at": AT, "labels": labels}).state
    assert (found.category, found.name) == state


def test_a_deleted_account_reads_as_a_ghost() -> None:
    (event,) = READER.event({"event": "reopened", "id": 1, "actor": None, "created_at": AT})
    assert (event.kind, event.by.id) == (ActivityKind.FIELD, "ghost")


@pytest.mark.parametrize(
    "piece", ["\n", " ", "<!--", "<!-- counterfoil:c k=a -->\n", "<!-- counterfoil:begin v=1 k=a item=a", "-"]
)
def test_a_text_of_any_length_is_searched_for_our_marks(piece: str) -> None:
    text = f"{piece * (300_000 // len(piece))}x"
    assert READER.comment({"body": text, "created_at": AT}).text == text
    assert block_marker(text) is None


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_marker_is_read_from_the_head_of_our_block_alone(ending: str) -> None:
    key = "a1" * 13
    block = ending.join(["People wrote this.", f"<!-- counterfoil:begin v=1 k={key} item=AI-000007 -->", "text"])
    assert block_marker(block) == Marker(key, "AI-000007")
    assert block_marker(block.replace(key, "SHORT")) is None
    assert block_marker(None) is None
