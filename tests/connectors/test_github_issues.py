"""The GitHub connector over the embedded server: what is GitHub's own, beyond the contract that all trackers keep."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr, ValidationError

from connectors.base import MARK
from connectors.errors import Ambiguous, Denied, NotFound, RateLimited, Rejected
from connectors.github_issues import GithubIssues
from connectors.github_settings import GithubSettings
from connectors.registry import open_tracker
from connectors.sandbox.faults import Fault
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer
from connectors.settings import Secrets, StatusNames
from connectors.wire import Exchange
from state.ticket import (
    KEEP,
    Activity,
    ActivityKind,
    Category,
    Created,
    Cursor,
    Draft,
    Gone,
    Marker,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TransitionTo,
)
from tests.sandbox.spec import Spec, github_spec

SHARED = Path(__file__).resolve().parents[3] / "shared"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOKEN = "token-counterfoil-bot"
HOOK = "webhook-secret"


@cache
def described() -> Spec | None:
    return github_spec(SHARED) if SHARED.is_dir() else None


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    sandbox, spec = GithubSandbox(), described()
    complaints = spec.watch(sandbox) if spec else []
    with SandboxServer(sandbox) as running:
        yield running
    # The vendor's own links to the next page carry `after`, which its description leaves out.
    assert [told for told in complaints if "the query has after" not in told] == []


@pytest.fixture
def tracker(server: SandboxServer) -> Iterator[GithubIssues]:
    made = connect(server)
    yield made
    made.close()


@pytest.fixture
def mia(server: SandboxServer) -> Iterator[GithubEngineer]:
    with GithubEngineer(server.url, "token-mia-krystof") as engineer:
        yield engineer


def connect(server: SandboxServer, token: str = TOKEN, url: str = "", **values: Any) -> GithubIssues:
    settings = GithubSettings(url=url or server.url, repository="acme/platform", **values)
    secrets = Secrets(token=SecretStr(token), webhook=SecretStr(HOOK))
    made = open_tracker("platform", settings, secrets, clock=server.now, sleep=lambda _: None)
    assert isinstance(made, GithubIssues)
    return made


def draft(number: int = 1, **values: Any) -> Draft:
    marker = Marker(f"{number:026d}", f"AI-{number:06d}")
    body = f"<!-- counterfoil:begin v=1 k={marker.key} item={marker.item} -->\nRotate it\n<!-- counterfoil:end -->"
    plain = Draft(marker, f"Rotate key {number}", body, None, None, None, ("security",))
    return replace(plain, **values)


def create(tracker: GithubIssues, number: int = 1, **values: Any) -> Ticket:
    (made,) = tracker.create([draft(number, **values)])
    assert isinstance(made, Created)
    assert made.ticket is not None
    return made.ticket


def fetch(tracker: GithubIssues, ticket: Ticket) -> Ticket | Missing:
    (found,) = tracker.fetch([ticket.ref])
    return found


def current(tracker: GithubIssues, ticket: Ticket) -> Ticket:
    found = fetch(tracker, ticket)
    assert isinstance(found, Ticket)
    return found


def bodies(server: SandboxServer, method: str) -> list[Any]:
    return [json.loads(seen.body or b"null") for seen in server.requests if seen.method == method]


def test_one_request_creates_the_ticket_whole(server: SandboxServer, tracker: GithubIssues) -> None:
    made = create(tracker, assignee="mia-krystof")
    assert [(seen.method, seen.path) for seen in server.requests] == [("POST", "/repos/acme/platform/issues")]
    assert made.labels == {"security", MARK}
    assert made.assignee == "mia-krystof"
    assert made.marker == draft().marker
    assert made.ref.key == "acme/platform#1"


def test_a_first_mirror_costs_one_request_per_ticket_and_at_most_five_more(
    server: SandboxServer, tracker: GithubIssues
) -> None:
    list(tracker.changes(None))
    for number in range(1, 31):
        create(tracker, number)
    assert tracker.requests == len(server.requests) <= 30 + 5


def test_a_quiet_run_is_one_request_that_costs_no_quota(server: SandboxServer, tracker: GithubIssues) -> None:
    create(tracker)
    (page,) = tracker.changes(None)
    after = Cursor(page.cursor.at + timedelta(seconds=1))
    (quiet,) = tracker.changes(after)
    fresh = connect(server)
    seen = len(server.requests)
    (again,) = fresh.changes(quiet.cursor)
    assert [one.status for one in server.requests[seen:]] == [304]
    assert (list(again.tickets), again.cursor) == ([], quiet.cursor)
    fresh.close()


def test_a_validator_is_not_used_for_another_question(tracker: GithubIssues) -> None:
    create(tracker)
    (quiet,) = tracker.changes(Cursor(LONG_AGO.replace(year=2100)))
    assert quiet.cursor.validator
    (page,) = tracker.changes(Cursor(LONG_AGO, quiet.cursor.validator))
    assert [ticket.title for ticket in page.tickets] == ["Rotate key 1"]


def test_the_feed_follows_links_and_leaves_out_pull_requests_and_strangers(
    tracker: GithubIssues, mia: GithubEngineer
) -> None:
    made = [create(tracker, number) for number in range(1, 104)]
    mia.create("Not ours")
    mia.add_label(mia.open_pull(made[0].ref.key), MARK)
    pages = list(tracker.changes(None))
    assert [len(page.tickets) for page in pages] in ([100, 3], [99, 4])
    assert {ticket.ref for page in pages for ticket in page.tickets} == {ticket.ref for ticket in made}


def test_since_goes_out_in_utc_and_whole_seconds_rounded_down(server: SandboxServer, tracker: GithubIssues) -> None:
    list(tracker.changes(Cursor(datetime.fromisoformat("2026-11-20T10:00:00.900+02:00"))))
    assert "since=2026-11-20T08%3A00%3A00Z" in server.requests[-1].query


def test_a_renamed_repository_is_followed_with_the_whole_question(
    server: SandboxServer, tracker: GithubIssues, mia: GithubEngineer
) -> None:
    made = create(tracker)
    tracker.update(made.ref, Patch(state=TransitionTo(Category.DONE)), seen="")
    mia.rename_repository("tools")
    tickets = [ticket for page in tracker.changes(None) for ticket in page.tickets]
    assert [(ticket.state.category, ticket.project) for ticket in tickets] == [(Category.DONE, "acme/tools")]
    renamed = current(tracker, made)
    assert renamed.ref.key == "acme/tools#1"
    assert create(tracker, 2).project == "acme/tools"
    assert server.requests[-1].path.startswith("/repositories/")


def test_a_write_to_a_renamed_repository_is_unknown_once_and_right_the_next_time(
    tracker: GithubIssues, mia: GithubEngineer
) -> None:
    mia.rename_repository("tools")
    with pytest.raises(Ambiguous):
        create(tracker)
    assert tracker.find([draft().marker], LONG_AGO) == []
    assert create(tracker).project == "acme/tools"


def test_deleted_transferred_hidden_and_unknown_are_told_apart(
    server: SandboxServer, tracker: GithubIssues, mia: GithubEngineer
) -> None:
    deleted, moved, stays = (create(tracker, number) for number in (1, 2, 3))
    mia.delete(deleted.ref.key)
    mia.transfer(moved.ref.key, "acme/other")
    unknown = replace(stays.ref, id="1", key="acme/platform#99")
    other = replace(stays.ref, id="999999", key=stays.ref.key)
    found = list(tracker.fetch([deleted.ref, moved.ref, unknown, other, stays.ref]))
    gone = {one.ref: one for one in found if isinstance(one, Missing)}
    assert gone[deleted.ref].why is Gone.DELETED
    assert gone[moved.ref].why is Gone.TRANSFERRED
    assert "acme/other" in gone[moved.ref].detail
    assert gone[unknown].why is Gone.NOT_FOUND
    assert "another issue" in gone[other].detail
    assert [one.ref for one in found if isinstance(one, Ticket)] == [stays.ref]
    server.admin("PUT", "/_sandbox/people/counterfoil-bot/role", {"role": "none"})
    hidden = fetch(tracker, stays)
    assert isinstance(hidden, Missing)
    assert hidden.why is Gone.HIDDEN


def test_many_tickets_are_read_from_the_list_and_the_rest_one_by_one(
    server: SandboxServer, tracker: GithubIssues, mia: GithubEngineer
) -> None:
    made = [create(tracker, number) for number in range(1, 61)]
    mia.remove_label(made[7].ref.key, MARK)
    before = len(server.requests)
    found = list(tracker.fetch([ticket.ref for ticket in made]))
    assert {one.ref for one in found if isinstance(one, Ticket)} == {ticket.ref for ticket in made}
    assert len(server.requests) - before == 2


def test_a_state_is_open_closed_or_a_label(tracker: GithubIssues, mia: GithubEngineer) -> None:
    key = create(tracker).ref
    states = []
    acts: list[Callable[[], object]] = [
        lambda: None,
        lambda: mia.start(key.key),
        lambda: mia.add_label(key.key, "risk-accept"),
        lambda: mia.wont_do(key.key),
    ]
    for act in acts:
        act()
        (found,) = tracker.fetch([key])
        assert isinstance(found, Ticket)
        states.append((found.state.category, found.state.name, found.state.resolution))
    assert states == [
        (Category.NEW, "open", None),
        (Category.INDETERMINATE, "in progress", None),
        (Category.NEW, "risk-accept", None),
        (Category.DONE, "closed", "not_planned"),
    ]


def test_work_begins_and_ends_with_a_label_and_other_labels_stay(tracker: GithubIssues, mia: GithubEngineer) -> None:
    made = create(tracker)
    mia.add_label(made.ref.key, "team-red")
    begun = tracker.update(made.ref, Patch(state=TransitionTo(Category.INDETERMINATE)), seen="")
    assert begun.labels == {MARK, "security", "team-red", "in progress"}
    assert begun == current(tracker, made)
    ended = tracker.update(made.ref, Patch(state=TransitionTo(Category.NEW)), seen="")
    assert ended.labels == {MARK, "security", "team-red"}
    assert ended.state.name == "open"


def test_configured_status_labels_are_written_and_read(server: SandboxServer) -> None:
    tracker = connect(server, status=StatusNames(in_progress=["doing", "reviewing"]))
    made = create(tracker)
    wanted = TransitionTo(Category.INDETERMINATE, ("doing", "reviewing"))
    assert tracker.update(made.ref, Patch(state=wanted), seen="").state.name == "doing"
    tracker.close()


def test_one_patch_closes_with_a_reason_and_carries_the_fields(server: SandboxServer, tracker: GithubIssues) -> None:
    made = create(tracker)
    patch = Patch(
        title="New",
        assignee="mia-krystof",
        state=TransitionTo(Category.DONE, (), ("Won't Do", "not_planned", "completed")),
    )
    closed = tracker.update(made.ref, patch, seen="")
    assert bodies(server, "PATCH") == [
        {"state": "closed", "state_reason": "not_planned", "title": "New", "assignees": ["mia-krystof"]}
    ]
    assert (closed.state.resolution, closed.title, closed.assignee) == ("not_planned", "New", "mia-krystof")
    assert tracker.requests == 2


def test_people_who_joined_stay_when_the_assignee_changes(tracker: GithubIssues, mia: GithubEngineer) -> None:
    made = create(tracker, assignee="mia-krystof")
    mia._edit(made.ref.key, {"assignees": ["mia-krystof", "alana-grant"]})
    (seen,) = tracker.fetch([made.ref])
    assert isinstance(seen, Ticket)
    assert seen.assignee == "mia-krystof"
    tracker.update(made.ref, Patch(assignee="emma-richards"), seen=seen.revision)
    assert [one["login"] for one in mia.issue(made.ref.key)["assignees"]] == ["emma-richards", "alana-grant"]


def test_a_label_with_odd_characters_is_removed(tracker: GithubIssues) -> None:
    made = create(tracker, labels=("a/b c?",))
    assert tracker.update(made.ref, Patch(remove_labels=("a/b c?", "absent")), seen="").labels == {MARK}


def test_adopting_plants_the_label_and_claims_no_marker(tracker: GithubIssues, mia: GithubEngineer) -> None:
    mia.create("Made by hand")
    found = tracker.resolve("acme/platform#1")
    adopted = tracker.update(found.ref, Patch(body=draft().body, marker=draft().marker), seen=found.revision)
    assert adopted.labels == {MARK}
    assert adopted.marker is None
    assert [ticket.ref for page in tracker.changes(None) for ticket in page.tickets] == [found.ref]


def test_a_refused_assignee_is_left_out_and_shows(tracker: GithubIssues) -> None:
    assert create(tracker, assignee="nobody-here").assignee is None


def test_without_rights_the_answer_shows_what_was_dropped_and_check_says_so(server: SandboxServer) -> None:
    tracker = connect(server, token="token-passer-by")
    assert create(tracker, assignee="mia-krystof").labels == set()
    assert any("drops them silently" in problem.what and problem.fatal for problem in tracker.check())
    tracker.close()


def test_text_over_the_limits_is_refused_before_it_is_sent(tracker: GithubIssues) -> None:
    refused = list(tracker.create([draft(title="x" * 257), draft(body="x" * 65_537)]))
    assert all(isinstance(one, NotCreated) for one in refused)
    assert tracker.requests == 0


def test_rate_limits_of_both_kinds_say_when_to_come_back(server: SandboxServer, tracker: GithubIssues) -> None:
    for reason in ("", "primary"):
        server.faults.next("POST", "/issues$", Fault.RATE_LIMITED, seconds=90, reason=reason)
        with pytest.raises(RateLimited) as limited:
            create(tracker)
        assert 80 <= (limited.value.retry_at - server.now()).total_seconds() <= 91
    assert tracker.find([draft().marker], LONG_AGO) == []


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.HALF_BODY, Fault.UNREADABLE, Fault.ERROR_AFTER])
def test_a_create_that_may_have_happened_is_sent_once_and_found(
    server: SandboxServer, tracker: GithubIssues, fault: Fault
) -> None:
    began = server.now()
    server.faults.next("POST", "/issues$", fault, status=502)
    with pytest.raises(Ambiguous):
        create(tracker)
    assert server.count("POST", "/issues$") == 1
    assert [ticket.marker for ticket in tracker.find([draft().marker], began)] == [draft().marker]


@pytest.mark.parametrize("before", [True, False])
def test_an_update_refused_on_its_way_says_whether_something_was_written(
    server: SandboxServer, tracker: GithubIssues, before: bool
) -> None:
    made = create(tracker)
    server.faults.next("POST", "/labels$", Fault.RATE_LIMITED, seconds=90)
    patch = Patch(title="New" if before else KEEP, add_labels=("audit",))
    with pytest.raises(RateLimited) as limited:
        tracker.update(made.ref, patch, seen="")
    assert limited.value.partly is before


def test_looking_for_a_marker_stops_at_what_is_too_old(server: SandboxServer, tracker: GithubIssues) -> None:
    create(tracker, 1)
    server.advance(3600)
    for number in range(2, 104):
        create(tracker, number)
    began = server.now()
    assert tracker.find([draft(1).marker], began) == []
    assert [one.title for one in tracker.find([draft(2).marker], began)] == ["Rotate key 2"]


def test_a_copied_block_of_somebody_else_is_no_marker(tracker: GithubIssues, mia: GithubEngineer) -> None:
    mia.create("Copy", str(draft().body), (MARK,))
    (page,) = tracker.changes(None)
    assert [ticket.marker for ticket in page.tickets] == [None]
    assert tracker.find([draft().marker], LONG_AGO) == []
    assert [ticket.marker for ticket in tracker.suspects([draft().marker], LONG_AGO)] == [draft().marker]


def test_history_names_who_did_what(tracker: GithubIssues, mia: GithubEngineer) -> None:
    made = create(tracker)
    ours = tracker.comment(made.ref, "Mirrored.", marker="k" * 26)
    mia.comment(made.ref.key, "On it.")
    mia.start(made.ref.key)
    mia.edit_title(made.ref.key, "Better")
    mia.assign(made.ref.key, "alana-grant")
    pull = mia.open_pull(made.ref.key)
    mia.wont_do(made.ref.key)
    told = tracker.activity(made.ref, made.created)
    comments = {one.text: one for one in told if one.kind is ActivityKind.COMMENT}
    assert (comments["Mirrored."].id, comments["Mirrored."].marker_key) == (ours, "k" * 26)
    assert comments["Mirrored."].by.ours
    assert (comments["On it."].by.id, comments["On it."].by.ours) == ("mia-krystof", False)
    fields = {one.field: (one.before, one.after) for one in told if one.kind is ActivityKind.FIELD and not one.by.ours}
    assert fields["title"] == ("Rotate key 1", "Better")
    assert fields["assignee"] == (None, "alana-grant")
    assert fields["status"] == ("open", "closed")
    assert fields["resolution"] == (None, "not_planned")
    (link,) = [one for one in told if one.kind is ActivityKind.LINK]
    assert (link.field, link.after) == ("pull_request", "open")
    mia.merge_pull(pull)
    assert [one.after for one in tracker.activity(made.ref, made.created) if one.kind is ActivityKind.LINK] == [
        "merged"
    ]
    assert len({one.id for one in told}) == len(told)


class Through(httpx.BaseTransport):
    """The sandbox, where `other` does not answer in its stead."""

    def __init__(self, other: Callable[[httpx.Request], httpx.Response | None]) -> None:
        self.other = other
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.other(request) or self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


def through(server: SandboxServer, other: Callable[[httpx.Request], httpx.Response | None]) -> GithubIssues:
    settings = GithubSettings(url=server.url, repository="acme/platform")
    secrets = Secrets(token=SecretStr(TOKEN))
    return GithubIssues("platform", settings, secrets, clock=server.now, sleep=lambda _: None, transport=Through(other))


@pytest.mark.parametrize("unread", ["created_at", "updated_at"])
def test_an_issue_that_was_made_and_whose_answer_cannot_be_read_is_in_doubt(
    server: SandboxServer, tracker: GithubIssues, unread: str
) -> None:
    def made(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST":
            return None
        with httpx.HTTPTransport() as inner:
            answer = inner.handle_request(request)
            answer.read()
            answer.close()
        return httpx.Response(201, json={**answer.json(), unread: "soon"})

    other = through(server, made)
    with pytest.raises(Ambiguous, match="cannot be read"):
        create(other)
    other.close()
    assert len([issue for page in tracker.changes(None) for issue in page.tickets]) == 1


def missing(ending: str) -> Callable[[httpx.Request], httpx.Response | None]:
    gone = httpx.Response(404, json={"message": "Not Found"})
    return lambda request: gone if request.url.path.endswith(ending) else None


def test_without_a_timeline_comments_and_events_are_read(server: SandboxServer, mia: GithubEngineer) -> None:
    tracker = through(server, missing("/timeline"))
    made = create(tracker)
    mia.wont_do(made.ref.key, "Too dear.")
    for _ in range(2):
        told = tracker.activity(made.ref, made.created)
        assert _summary(told) == {("comment", "Too dear."), ("status", "closed"), ("resolution", "not_planned")}
    tracker.close()


def test_an_issue_that_cannot_be_seen_takes_the_timeline_from_no_other(
    server: SandboxServer, tracker: GithubIssues, mia: GithubEngineer
) -> None:
    hidden, shown = create(tracker, 1), create(tracker, 2)
    number = hidden.ref.key.rpartition("#")[2]
    gone = httpx.Response(404, json={"message": "Not Found"})
    other = through(server, lambda request: gone if f"/issues/{number}" in request.url.path else None)
    mia.open_pull(shown.ref.key)
    with pytest.raises(NotFound):
        other.activity(hidden.ref, hidden.created)
    assert ActivityKind.LINK in {told.kind for told in other.activity(shown.ref, shown.created)}
    other.close()


def test_a_timeline_without_comments_is_completed_from_the_list_of_comments(
    server: SandboxServer, mia: GithubEngineer
) -> None:
    asked: list[str] = []

    def without_comments(request: httpx.Request) -> httpx.Response | None:
        asked.append(request.url.path)
        closed = {"id": 1, "event": "closed", "actor": {"login": "mia-krystof"}, "created_at": "2100-01-01T00:00:00Z"}
        return httpx.Response(200, json=[closed]) if request.url.path.endswith("/timeline") else None

    tracker = through(server, without_comments)
    made = create(tracker)
    assert _summary(tracker.activity(made.ref, made.created)) == {("status", "closed")}
    assert not asked[-1].endswith("/comments")
    mia.comment(made.ref.key, "Which tenant is meant?")
    list(tracker.changes(None))
    told = tracker.activity(made.ref, made.created)
    assert _summary(told) == {("comment", "Which tenant is meant?"), ("status", "closed")}
    tracker.close()


@pytest.mark.parametrize("ids", [{"id": 0}, {}])
def test_a_server_that_gives_no_ids_is_known_by_its_numbers(server: SandboxServer, ids: dict[str, int]) -> None:
    def without_ids(request: httpx.Request) -> httpx.Response:
        at = "2026-11-20T10:00:00Z"
        issue = {
            **ids,
            "number": 7,
            "title": "t",
            "labels": [MARK],
            "state": "open",
            "created_at": at,
            "updated_at": at,
        }
        return httpx.Response(200, json=[issue] if request.method == "GET" and request.url.path[-1] != "7" else issue)

    tracker = through(server, without_ids)
    made = create(tracker)
    assert [ticket.ref for page in tracker.changes(None) for ticket in page.tickets] == [made.ref]
    assert [ticket.ref for ticket in tracker.fetch([made.ref]) if isinstance(ticket, Ticket)] == [made.ref]
    assert tracker.update(made.ref, Patch(title="u"), seen="").ref == made.ref
    tracker.close()


def test_without_any_history_the_issue_says_who_closed_it(server: SandboxServer, mia: GithubEngineer) -> None:
    tracker = through(server, lambda request: missing("/timeline")(request) or missing("/events")(request))
    made = create(tracker)
    mia.wont_do(made.ref.key)
    told = tracker.activity(made.ref, made.created)
    assert [(one.by.id, one.field, one.after) for one in told] == [
        ("mia-krystof", "status", "closed"),
        ("mia-krystof", "resolution", "not_planned"),
    ]
    tracker.close()


def test_without_requests_for_single_labels_the_others_still_stay(server: SandboxServer, mia: GithubEngineer) -> None:
    def no_labels(request: httpx.Request) -> httpx.Response | None:
        gone = "/labels" in request.url.path and "/issues/" in request.url.path
        return httpx.Response(405, json={"message": "Method Not Allowed"}) if gone else None

    tracker = through(server, no_labels)
    made = create(tracker)
    mia.add_label(made.ref.key, "team-red")
    patch = Patch(add_labels=("new",), remove_labels=("security",), state=TransitionTo(Category.INDETERMINATE))
    after = tracker.update(made.ref, patch, seen="")
    assert after.labels == {MARK, "team-red", "new", "in progress"}
    assert after == current(tracker, made)
    tracker.close()


def test_a_link_to_another_host_takes_no_credentials_there(server: SandboxServer) -> None:
    asked: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        link = {"link": '<https://evil.example/repos/acme/platform/issues?page=2>; rel="next"'}
        return httpx.Response(200, json=[], headers=link if len(asked) == 1 else {})

    tracker = through(server, elsewhere)
    list(tracker.changes(None))
    assert len(asked) == 2
    assert all(url.startswith(server.url) for url in asked)
    tracker.close()


def test_a_link_of_any_length_is_read(server: SandboxServer) -> None:
    link = {"link": f"{'<' * 300_000}{'<>;' * 100_000}"}
    tracker = through(server, lambda _: httpx.Response(200, json=[], headers=link))
    assert len(list(tracker.changes(None))) == 1
    tracker.close()


def test_while_our_login_cannot_be_asked_for_nothing_is_taken_for_a_strangers(server: SandboxServer) -> None:
    maker, reader = connect(server), connect(server)
    made = create(maker)
    server.faults.next("GET", "/user$", Fault.RATE_LIMITED, seconds=45)
    with pytest.raises(RateLimited):
        list(reader.fetch([made.ref]))
    assert current(reader, made).marker == made.marker
    maker.close()
    reader.close()


def test_where_our_login_is_not_told_a_marker_counts_alone_until_it_is_learned_from_what_we_create(
    server: SandboxServer, mia: GithubEngineer
) -> None:
    first, second = through(server, missing("/user")), through(server, missing("/user"))
    began = server.now()
    made = create(first)
    copied = mia.create("A copy", str(draft().body), labels=(MARK,))

    def marked(tracker: GithubIssues) -> list[str]:
        (page,) = tracker.changes(None)
        return [one.ref.key for one in page.tickets if one.marker == draft().marker]

    assert (marked(first), marked(second)) == ([made.ref.key], [made.ref.key, copied])
    assert current(second, made).marker == second.resolve(made.ref.key).marker == draft().marker
    assert {one.ref.key for one in second.find([draft().marker], began)} == {made.ref.key, copied}
    problems = second.check()
    assert not [problem for problem in problems if problem.fatal]
    assert any("our own account" in problem.what for problem in problems)
    for one in (first, second):
        one.close()


@pytest.mark.parametrize("status", [403, 404])
def test_what_we_wrote_is_found_by_its_marker_where_our_account_may_not_be_asked_for(
    server: SandboxServer, status: int
) -> None:
    server.faults.next("GET", "/user$", Fault.ERROR_BEFORE, status=status, times=2)
    maker, fresh, began = connect(server), connect(server), server.now()
    server.faults.next("POST", "/issues$", Fault.LOSE_ANSWER)
    with pytest.raises(Ambiguous):
        create(maker)
    (found,) = fresh.find([draft().marker], began)
    assert found.marker == draft().marker
    server.faults.next("POST", "/comments$", Fault.LOSE_ANSWER)
    with pytest.raises(Ambiguous):
        maker.comment(found.ref, "Ours", marker="k" * 26)
    assert [one.marker_key for one in fresh.activity(found.ref, began) if one.text == "Ours"] == ["k" * 26]
    for one in (maker, fresh):
        one.close()


def test_where_repositories_have_no_ids_the_new_name_is_used(server: SandboxServer, mia: GithubEngineer) -> None:
    def by_name_only(request: httpx.Request) -> httpx.Response | None:
        path = request.url.path
        if path.startswith("/repositories/"):
            return httpx.Response(404, json={"message": "Not Found"})
        if path.startswith("/repos/acme/platform"):
            location = str(request.url.copy_with(path=path.replace("platform", "tools")))
            return httpx.Response(301 if request.method == "GET" else 307, headers={"location": location})
        return None

    mia.rename_repository("tools")
    tracker = through(server, by_name_only)
    list(tracker.changes(None))
    assert create(tracker).project == "acme/tools"
    tracker.close()


def test_a_server_without_links_is_asked_for_pages_by_number(server: SandboxServer, tracker: GithubIssues) -> None:
    inner = httpx.HTTPTransport()

    def unlinked(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=inner) as client:
            given = client.send(request)
        return httpx.Response(given.status_code, content=given.content)

    made = {create(tracker, number).ref for number in range(1, 203)}
    plain = through(server, unlinked)
    assert {ticket.ref for page in plain.changes(None) for ticket in page.tickets} == made
    plain.close()


def test_an_issue_that_a_new_one_pushes_to_the_next_page_is_one_ticket(
    server: SandboxServer, tracker: GithubIssues
) -> None:
    tickets = [create(tracker, number) for number in range(1, 102)]
    newer = iter([102])

    def unlinked(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport()) as client:
            given = client.send(request)
        if request.url.path.endswith("/issues"):
            for number in newer:
                create(tracker, number)
        return httpx.Response(given.status_code, content=given.content)

    plain, second = through(server, unlinked), tickets[1].marker
    assert second is not None
    assert [ticket.ref for ticket in plain.find([second], LONG_AGO)] == [tickets[1].ref]
    plain.close()


def test_a_server_that_filters_and_sorts_nothing_is_read_right(server: SandboxServer) -> None:
    def issue(number: int, day: int, labels: list[Any]) -> dict[str, Any]:
        at = f"2026-11-{day:02d}T10:00:00.5+00:00"
        return {"id": str(number), "number": number, "title": "t", "state": "OPEN", "labels": labels, "updated_at": at}

    listed = [issue(1, 20, [MARK]), issue(2, 18, [{"name": MARK}]), issue(3, 19, []), issue(4, 1, [MARK])]
    tracker = through(server, lambda _: httpx.Response(200, json=listed))
    (page,) = tracker.changes(Cursor(datetime(2026, 11, 18, tzinfo=UTC)))
    assert [ticket.ref.id for ticket in page.tickets] == ["2", "1"]
    assert page.tickets[0].url == f"{server.url}/acme/platform/issues/2"
    assert page.cursor.at == page.tickets[-1].updated
    tracker.close()


def test_markers_are_found_even_in_a_list_that_begins_with_the_oldest(server: SandboxServer) -> None:
    def one(number: int) -> dict[str, Any]:
        at = (LONG_AGO + timedelta(hours=number)).isoformat()
        body = str(draft(number).body)
        return {"id": number, "number": number, "created_at": at, "body": body, "user": {"login": "counterfoil-bot"}}

    def oldest_first(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/issues"):
            return None
        start = (int(request.url.params.get("page", "1")) - 1) * 100
        return httpx.Response(200, json=[one(number) for number in range(start + 1, min(start + 100, 150) + 1)])

    tracker = through(server, oldest_first)
    found = tracker.find([draft(150).marker], LONG_AGO + timedelta(hours=149))
    assert [ticket.ref.id for ticket in found] == ["150"]
    tracker.close()


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"id": 1}', "null", "3"])
def test_an_answer_that_names_no_issue_leaves_a_create_unknown(server: SandboxServer, body: str) -> None:
    tracker = through(server, lambda _: httpx.Response(201, text=body))
    with pytest.raises(Ambiguous):
        create(tracker)
    tracker.close()


def _summary(told: list[Activity]) -> set[tuple[str, str | None]]:
    return {("comment", one.text) if one.kind is ActivityKind.COMMENT else (one.field, one.after) for one in told} - {
        ("labels", MARK),
        ("labels", "security"),
    }


def test_a_locked_issue_refuses_a_comment_and_stops_nothing_else(
    server: SandboxServer, tracker: GithubIssues, mia: GithubEngineer
) -> None:
    made = create(tracker)
    mia.lock(made.ref.key)
    server.admin("PUT", "/_sandbox/people/counterfoil-bot/role", {"role": "read"})
    with pytest.raises(Rejected, match="locked"):
        tracker.comment(made.ref, "Hello", marker="k" * 26)


def test_a_comment_of_ours_copied_by_somebody_is_theirs(tracker: GithubIssues, mia: GithubEngineer) -> None:
    made = create(tracker)
    mia.comment(made.ref.key, f"Hello <!-- counterfoil:c k={'k' * 26} -->")
    (said,) = [one for one in tracker.activity(made.ref, made.created) if one.kind is ActivityKind.COMMENT]
    assert (said.marker_key, said.by.ours) == (None, False)


def test_deliveries_are_believed_only_when_signed(tracker: GithubIssues) -> None:
    payload = {"issue": {"id": 5, "number": 7}, "repository": {"full_name": "Acme/Platform"}, "action": "closed"}
    plain = json.dumps(payload).encode()
    for body in (plain, urlencode({"payload": plain.decode()}).encode()):
        good = "sha256=" + hmac.new(HOOK.encode(), body, hashlib.sha256).hexdigest()
        (ref,) = tracker.hint({"x-hub-signature-256": good}, body)
        assert (ref.id, ref.key) == ("5", "Acme/Platform#7")
        for headers in ({}, {"X-Hub-Signature-256": "sha256=00"}, {"X-Hub-Signature-256": good[:-1] + "é"}):
            with pytest.raises(Denied):
                tracker.hint(headers, body)
    for odd in (b"[]", b"\xff", b'{"issue": 3}', plain.replace(b"Acme", b"Evil")):
        good = "sha256=" + hmac.new(HOOK.encode(), odd, hashlib.sha256).hexdigest()
        assert tracker.hint({"X-Hub-Signature-256": good}, odd) == []


@pytest.mark.parametrize("key", ["acme/platform#1", "#1", "1", "{url}/acme/platform/issues/1"])
def test_an_issue_is_resolved_however_people_write_it(server: SandboxServer, tracker: GithubIssues, key: str) -> None:
    made = create(tracker)
    assert tracker.resolve(key.format(url=server.url)).ref == made.ref


@pytest.mark.parametrize(
    ("api", "page", "ours"),
    [
        ("https://api.github.com", "https://github.com/acme/platform/issues/1", True),
        ("https://api.github.com", "https://GitHub.com/acme/platform/issues/1", True),
        ("https://api.github.com", "https://git.acme.example/acme/platform/issues/1", False),
        ("https://api.github.com", "https://github.com@evil.example/acme/platform/issues/1", False),
        ("https://git.acme.example/api/v3", "https://git.acme.example/acme/platform/issues/1", True),
        ("https://git.acme.example/api/v3", "https://github.com/acme/platform/issues/1", False),
    ],
)
def test_an_address_counts_on_the_tracker_s_own_host_only(api: str, page: str, ours: bool) -> None:
    issue = {"id": 7, "number": 1, "created_at": "2026-05-04T12:00:00Z", "user": {"login": "mia"}}
    settings, secrets = GithubSettings(url=api, repository="acme/platform"), Secrets(token=SecretStr(TOKEN))
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json=issue))
    tracker = GithubIssues("platform", settings, secrets, clock=lambda: LONG_AGO, sleep=lambda _: None, transport=wire)
    if ours:
        assert tracker.resolve(page).ref.id == "7"
    else:
        with pytest.raises(NotFound):
            tracker.resolve(page)
        assert tracker.requests == 0
    tracker.close()


@pytest.mark.parametrize("key", ["other/place#1", "nonsense", "#2", "https://github.com/acme/platform/issues/1"])
def test_what_is_no_issue_of_the_repository_is_not_found(tracker: GithubIssues, mia: GithubEngineer, key: str) -> None:
    mia.open_pull(create(tracker).ref.key)
    with pytest.raises(NotFound):
        tracker.resolve(key)


def test_check_says_what_is_missing_and_writes_nothing(server: SandboxServer, tracker: GithubIssues) -> None:
    told = tracker.check()
    assert [problem for problem in told if problem.fatal] == []
    assert any(MARK in problem.what for problem in told)
    assert {seen.method for seen in server.requests} == {"GET"}
    wrong = connect(server, token="wrong")
    (denied,) = wrong.check()
    assert "401" in denied.what
    assert "wrong" not in denied.what
    wrong.close()
    server.admin("PUT", "/_sandbox/people/counterfoil-bot/role", {"role": "none"})
    (hidden,) = tracker.check()
    assert "repository" in hidden.fix


@pytest.fixture(scope="module")
def app_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def as_app(server: SandboxServer, key: str, observer: Callable[[Exchange], None] | None = None) -> GithubIssues:
    settings = GithubSettings(
        url=server.url, repository="acme/platform", app_id=1001, installation_id=2002, private_key_file="app.pem"
    )
    secrets = Secrets(private_key=SecretStr(key))
    return GithubIssues("p", settings, secrets, clock=server.now, sleep=lambda _: None, observer=observer)


def test_an_app_signs_in_through_the_same_wire_and_knows_itself(server: SandboxServer, app_key: str) -> None:
    tracker, fresh = as_app(server, app_key), as_app(server, app_key)
    assert create(tracker).marker == draft().marker
    assert tracker.requests == len(server.requests) == 2
    assert [ticket.marker for page in fresh.changes(None) for ticket in page.tickets] == [draft().marker]
    assert [ticket.marker for ticket in fresh.find([draft().marker], LONG_AGO)] == [draft().marker]
    for one in (tracker, fresh):
        one.close()


def test_an_app_s_passing_token_is_in_no_log_line(
    server: SandboxServer, app_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[str] = []

    def listen(exchange: Exchange) -> None:
        if exchange.path.endswith("/access_tokens") and exchange.response is not None:
            given.append(exchange.response.json()["token"])

    caplog.set_level("DEBUG")
    tracker = as_app(server, app_key, listen)
    create(tracker)
    assert len(given) == 1
    assert given[0] not in caplog.text
    tracker.close()


def test_a_bad_key_or_none_is_denied_without_saying_it(server: SandboxServer) -> None:
    settings = GithubSettings(
        url=server.url, repository="acme/platform", app_id=1, installation_id=2, private_key_file="app.pem"
    )
    for secrets in (Secrets(), Secrets(private_key=SecretStr("-----not a key-----"))):
        tracker = GithubIssues("p", settings, secrets, clock=server.now, sleep=lambda _: None)
        with pytest.raises(Denied) as denied:
            list(tracker.changes(None))
        assert "not a key" not in str(denied.value)
        tracker.close()


def test_half_an_app_is_a_configuration_error() -> None:
    with pytest.raises(ValidationError, match="all three"):
        GithubSettings(repository="acme/platform", app_id=1)


def test_an_enterprise_server_is_reached_under_its_prefix(server: SandboxServer) -> None:
    tracker = connect(server, url=f"{server.url}/api/v3")
    made = [create(tracker, number) for number in range(1, 102)]
    assert len([ticket for page in tracker.changes(None) for ticket in page.tickets]) == len(made)
    assert all(seen.path.startswith("/api/v3/") for seen in server.requests)
    tracker.close()


def test_the_content_budget_is_the_public_site_s_alone() -> None:
    public = GithubSettings(repository="a/b")
    own = GithubSettings(repository="a/b", url="https://ghe.example/api/v3")
    budgets = []
    for settings in (public, own):
        tracker = GithubIssues("p", settings, Secrets(), clock=lambda: LONG_AGO, sleep=lambda _: None)
        budgets.append((tracker.caps.content_per_minute, tracker.caps.content_per_hour))
        tracker.close()
    assert budgets == [(80, 500), (None, None)]


def test_a_field_that_issues_lack_is_rejected(tracker: GithubIssues) -> None:
    made = create(tracker)
    with pytest.raises(Rejected):
        tracker.update(made.ref, Patch(priority="high"), seen="")


def test_servers_that_know_plain_json_alone_are_told_that_it_will_do(server: SandboxServer) -> None:
    def plain(request: httpx.Request) -> httpx.Response | None:
        return None if "application/json" in request.headers["accept"] else httpx.Response(406)

    tracker = through(server, plain)
    assert [ticket.ref for page in tracker.changes(None) for ticket in page.tickets] == []
    assert create(tracker).ref.key == "acme/platform#1"
    tracker.close()
