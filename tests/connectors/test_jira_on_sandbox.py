"""Jira's connector against the embedded Jira, as Cloud and as Data Center, through the real SDK."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.base import MARK
from connectors.errors import Ambiguous, Denied, NotFound, NoWay, RateLimited, Rejected, Unavailable
from connectors.jira_issues import JiraIssues
from connectors.sandbox.faults import Fault
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox, JiraSandbox
from connectors.sandbox.jira_site import MIA, SYNC, WATCHER
from connectors.sandbox.server import SandboxServer
from connectors.settings import Secrets
from state.ticket import (
    ORIGINAL,
    ActivityKind,
    Body,
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
    TicketRef,
    TransitionTo,
)
from tests.sandbox.spec import Spec

EARLY = datetime(2020, 1, 1, tzinfo=UTC)


class Clock:
    """A time that moves a second with every look, so that no two changes share a moment."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Desk:
    """A running Jira, our connector to it and one engineer."""

    server: SandboxServer
    jira: JiraIssues
    mia: JiraEngineer
    cloud: bool
    opened: list[JiraIssues] = field(default_factory=list)

    @property
    def mia_id(self) -> str:
        return MIA.id if self.cloud else MIA.name

    def body(self, text: str) -> Body:
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        return {"type": "doc", "version": 1, "content": [paragraph]} if self.cloud else text

    def connect(self, **settings: Any) -> JiraIssues:
        made = connect(self.server, cloud=self.cloud, **settings)
        self.opened.append(made)
        return made

    def create(self, *numbers: int, **more: Any) -> list[TicketRef]:
        results = list(self.jira.create([draft(n, **more) for n in numbers]))
        return [result.ref for result in results if isinstance(result, Created)]

    def change(self, ref: TicketRef, patch: Patch) -> Ticket:
        return self.jira.update(ref, patch, seen="") or self.one(ref)

    def one(self, ref: TicketRef) -> Ticket:
        (found,) = self.jira.fetch([ref])
        assert isinstance(found, Ticket)
        return found


def connect(server: SandboxServer, *, cloud: bool, token: str = SYNC.token, **settings: Any) -> JiraIssues:
    kind = {"deployment": "cloud", "email": SYNC.email} if cloud else {"deployment": "datacenter"}
    table = {"kind": "jira", "url": server.url, "project": "SEC", **kind, **settings}
    secrets = Secrets(token=SecretStr(token), webhook=SecretStr("hook"))
    parsed = JiraIssues.Settings.model_validate(table)
    return JiraIssues("eng", parsed, secrets, clock=server.now, sleep=server.advance)


@pytest.fixture(params=["cloud", "datacenter"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    cloud = request.param == "cloud"
    sandbox: JiraSandbox = JiraCloudSandbox() if cloud else JiraDatacenterSandbox()
    with SandboxServer(sandbox, clock=Clock()) as server, JiraEngineer.of(server.url, MIA, cloud=cloud) as mia:
        jira = connect(server, cloud=cloud)
        desk = Desk(server, jira, mia, cloud, [jira])
        yield desk
        for opened in desk.opened:
            opened.close()


def marker(number: int) -> Marker:
    return Marker(f"{number:026d}", f"AI-{number:06d}")


def draft(number: int, **more: Any) -> Draft:
    values = {"body": None, "priority": None, "assignee": None, "due_date": None, "labels": ()}
    return Draft(marker(number), f"Fix {number}", **{**values, **more})


def keys(jira: JiraIssues, cursor: Cursor | None = None) -> list[str]:
    return [ticket.ref.key for page in jira.changes(cursor) for ticket in page.tickets]


def test_what_is_created_reads_back_the_same(desk: Desk) -> None:
    sent = draft(
        1,
        body=desk.body("Please mend"),
        priority="High",
        assignee=desk.mia_id,
        due_date=date(2026, 12, 24),
        labels=("soc2", "cc6.1"),
    )
    (created,) = desk.jira.create([sent])
    assert isinstance(created, Created)
    ticket = desk.one(created.ref)
    assert (ticket.title, ticket.body, ticket.priority) == ("Fix 1", sent.body, "High")
    assert (ticket.assignee, ticket.due_date, ticket.marker) == (desk.mia_id, date(2026, 12, 24), marker(1))
    assert ticket.labels == {MARK, f"cf-{marker(1).key}", "soc2", "cc6.1"}
    assert (ticket.state.category, ticket.project, ticket.url) == (Category.NEW, "SEC", created.url)
    assert desk.mia.title(created.ref.key) == "Fix 1"


def test_two_hundred_tickets_cost_four_requests(desk: Desk) -> None:
    for start in range(0, 200, 50):
        assert len(desk.create(*range(start, start + 50))) == 50
    assert desk.jira.requests == 4
    assert len(keys(desk.jira)) == 200


def test_one_bad_draft_does_not_stop_the_others(desk: Desk) -> None:
    unassignable = WATCHER.id if desk.cloud else WATCHER.name
    first, second, third = desk.jira.create([draft(1), draft(2, assignee=unassignable), draft(3)])
    assert (type(first), type(third)) == (Created, Created)
    assert isinstance(second, NotCreated)
    assert "assignee" in second.reason


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.ERROR_AFTER, Fault.HALF_BODY, Fault.UNREADABLE])
def test_a_create_whose_answer_is_lost_is_sent_once_and_can_be_found(desk: Desk, fault: Fault) -> None:
    desk.server.faults.next("POST", "issue/bulk", fault)
    with pytest.raises(Ambiguous):
        list(desk.jira.create([draft(1), draft(2)]))
    assert desk.server.count("POST", "issue/bulk") == 1
    again = desk.connect()
    found = again.find([marker(1), marker(2), marker(3)], desk.server.now())
    assert sorted(ticket.marker.key for ticket in found if ticket.marker) == [marker(1).key, marker(2).key]


def test_a_lost_create_is_found_before_the_index_shows_it(desk: Desk) -> None:
    if not desk.cloud:
        pytest.skip("Data Center reads no block of keys")
    older = desk.create(*range(10, 15))
    desk.server.advance(3 * 86_400)
    desk.server.faults.search_lag = 4 * 3600
    began = desk.server.now()
    desk.server.faults.next("POST", "issue/bulk", Fault.LOSE_ANSWER)
    with pytest.raises(Ambiguous):
        list(desk.jira.create([draft(1), draft(2)]))
    again = desk.connect()
    assert keys(again) == [ref.key for ref in older]
    found = again.find([marker(1), marker(2), marker(3)], began)
    assert {ticket.title: ticket.marker for ticket in found} == {"Fix 1": marker(1), "Fix 2": marker(2)}


def test_a_create_that_was_not_done_says_so(desk: Desk) -> None:
    desk.server.faults.next("POST", "issue/bulk", Fault.RATE_LIMITED, seconds=30)
    with pytest.raises(RateLimited) as caught:
        list(desk.jira.create([draft(1), draft(2)]))
    assert timedelta(0) < caught.value.retry_at - desk.server.now() <= timedelta(seconds=31)
    assert desk.jira.find([marker(1)], desk.server.now()) == []


@pytest.mark.parametrize("before", [True, False])
def test_an_update_refused_on_its_way_says_whether_something_was_written(desk: Desk, before: bool) -> None:
    [ref] = desk.create(1)
    desk.server.faults.next("PUT", "/issue/", Fault.RATE_LIMITED, seconds=30)
    patch = Patch(title="New", state=TransitionTo(Category.DONE) if before else None)
    with pytest.raises(RateLimited) as limited:
        desk.jira.update(ref, patch, seen="")
    assert limited.value.partly is before


def test_a_quiet_run_is_one_request(desk: Desk) -> None:
    desk.create(1, 2)
    (page,) = desk.jira.changes(None)
    again = desk.connect()
    cursor = Cursor(page.cursor.at + timedelta(microseconds=1))
    assert [p.tickets for p in again.changes(cursor)] == [[]]
    assert again.requests == 1


def test_changes_resume_where_they_were_left(desk: Desk) -> None:
    first, second, third = desk.create(1, 2, 3)
    *_, last = desk.jira.changes(None)
    desk.mia.edit_title(second.key, "Else")
    desk.mia.comment(first.key, "Looking")
    assert keys(desk.jira, Cursor(last.cursor.at + timedelta(microseconds=1))) == [second.key, first.key]
    assert third.key in keys(desk.jira)


def test_a_long_feed_loses_nothing(desk: Desk) -> None:
    for start in range(0, 250, 50):
        desk.create(*range(start, start + 50))
    pages = list(desk.jira.changes(None))
    shown = [ticket.ref.id for page in pages for ticket in page.tickets]
    assert (len(shown), len(set(shown))) == (250, 250)
    assert len(pages) <= 4


def test_an_issue_is_followed_into_another_project(desk: Desk) -> None:
    (ref,) = desk.create(1)
    moved = desk.server.admin("POST", f"/_sandbox/issue/{ref.key}/move", {"project": "OPS"})
    ticket = desk.one(ref)
    assert (ticket.ref, ticket.ref.key, ticket.project) == (ref, moved["key"], "OPS")
    assert keys(desk.jira) == [moved["key"]]


def test_a_clone_is_not_taken_for_ours(desk: Desk) -> None:
    (ref,) = desk.create(1)
    clone = desk.server.admin("POST", f"/_sandbox/issue/{ref.key}/clone")
    again = desk.connect()
    assert [ticket.ref for ticket in again.find([marker(1)], desk.server.now())] == [ref]
    assert desk.one(TicketRef("eng", clone["id"])).marker is None


def test_deleted_and_hidden_issues_are_missing(desk: Desk) -> None:
    deleted, hidden, there = desk.create(1, 2, 3)
    desk.mia.delete(deleted.key)
    desk.server.admin("POST", f"/_sandbox/issue/{hidden.key}/hide", {"hidden": True})
    results = {r.ref.id: r for r in desk.jira.fetch([deleted, hidden, there])}
    assert isinstance(results[there.id], Ticket)
    for ref in (deleted, hidden):
        missing = results[ref.id]
        assert isinstance(missing, Missing)
        assert missing.why is Gone.NOT_FOUND


def test_an_archived_issue_leaves_the_feed_and_is_seen_to_be_archived_where_that_is_shown(desk: Desk) -> None:
    (ref,) = desk.create(1)
    desk.server.admin("POST", f"/_sandbox/issue/{ref.key}/archive", {"archived": True})
    assert desk.one(ref).archived is not desk.cloud
    assert keys(desk.jira) == []


def test_an_update_touches_only_its_patch(desk: Desk) -> None:
    (ref,) = desk.create(1, body=desk.body("Text"), priority="High", assignee=desk.mia_id, labels=("ours",))
    desk.mia.add_label(ref.key, "theirs")
    before = desk.one(ref)
    patch = Patch(title="New", due_date=date(2027, 1, 1), add_labels=("more",), remove_labels=("ours",))
    after = desk.change(ref, patch)
    assert (after.title, after.due_date) == ("New", date(2027, 1, 1))
    assert after.labels == (before.labels - {"ours"}) | {"more"}
    same = ("body", "priority", "assignee", "state", "created", "marker", "project")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert after.revision > before.revision
    assert after == desk.one(ref)


def test_values_can_be_cleared(desk: Desk) -> None:
    (ref,) = desk.create(1, assignee=desk.mia_id, due_date=date(2027, 1, 1))
    after = desk.change(ref, Patch(assignee=None, due_date=None))
    assert (after.assignee, after.due_date) == (None, None)


def test_an_echo_of_our_own_write_has_the_revision_that_the_write_returned(desk: Desk) -> None:
    (ref,) = desk.create(1)
    written = desk.change(ref, Patch(title="New", state=TransitionTo(Category.INDETERMINATE)))
    (page,) = desk.connect().changes(None)
    assert [ticket.revision for ticket in page.tickets] == [written.revision]


@pytest.mark.parametrize("workflow", ["default", "chain", "no-resolution", "resolution-required"])
def test_every_workflow_is_walked_to_done_and_back(desk: Desk, workflow: str) -> None:
    desk.server.admin("POST", "/_sandbox/workflow", {"name": workflow})
    (ref,) = desk.create(1)
    closed = desk.change(ref, Patch(state=TransitionTo(Category.DONE, resolutions=("Won't Do",)))).state
    expected = None if workflow == "no-resolution" else "Won't Do"
    assert (closed.category, closed.resolution) == (Category.DONE, expected)
    reopened = desk.change(ref, Patch(state=TransitionTo(Category.NEW))).state
    assert (reopened.name, reopened.resolution) == ("To Do", None)


def test_a_dead_end_is_no_way_and_names_what_is_reachable(desk: Desk) -> None:
    desk.server.admin("POST", "/_sandbox/workflow", {"name": "dead-end"})
    (ref,) = desk.create(1)
    with pytest.raises(NoWay) as caught:
        desk.jira.update(ref, Patch(title="New", state=TransitionTo(Category.DONE)), seen="")
    assert caught.value.reachable == ("In Progress",)
    assert desk.mia.title(ref.key) == "Fix 1"


def test_many_transitions_cost_one_lookup(desk: Desk) -> None:
    refs = desk.create(*range(10))
    keys(desk.jira)
    for ref in refs:
        desk.jira.update(ref, Patch(state=TransitionTo(Category.DONE)), seen="")
    assert desk.server.count("GET", "/transitions$") == 1


def test_an_existing_ticket_can_be_adopted(desk: Desk) -> None:
    key = desk.mia.create("SEC", "By hand", labels=("theirs",))
    ticket = desk.jira.resolve(key)
    assert ticket.marker is None
    adopted = desk.change(ticket.ref, Patch(marker=marker(9)))
    assert (adopted.marker, adopted.labels) == (marker(9), frozenset({"theirs", MARK, f"cf-{marker(9).key}"}))
    assert desk.one(ticket.ref).marker == marker(9)
    assert keys(desk.jira) == [key]


def test_comments_and_changes_come_back_with_their_author(desk: Desk) -> None:
    (ref,) = desk.create(1)
    ident = desk.jira.comment(ref, "Hello **there**", marker="k1")
    desk.mia.comment(ref.key, "On it")
    desk.mia.start(ref.key)
    desk.mia.wont_do(ref.key)
    shown = desk.jira.activity(ref, EARLY)
    ours, theirs = (a for a in shown if a.kind is ActivityKind.COMMENT)
    assert (ours.id, ours.by.ours, ours.marker_key) == (ident, True, "k1")
    assert "there" in ours.text
    assert (theirs.text, theirs.by.id, theirs.by.ours, theirs.marker_key) == ("On it", desk.mia_id, False, None)
    moves = [(a.field, a.before, a.after) for a in shown if a.field in ("status", "resolution")]
    assert moves == [
        ("status", "To Do", "In Progress"),
        ("status", "In Progress", "Done"),
        ("resolution", None, "Won't Do"),
    ]
    later = desk.jira.activity(ref, desk.server.now())
    assert [a for a in later if a.kind is not ActivityKind.COMMENT] == []


def test_a_limit_that_names_no_time_is_tried_again_within_two_seconds(desk: Desk) -> None:
    desk.server.faults.next("POST", "/issue", Fault.RATE_LIMITED, reason="bare")
    with pytest.raises(RateLimited) as limited:
        desk.create(1)
    assert limited.value.retry_at - desk.server.now() <= timedelta(seconds=2)


def test_history_that_came_with_a_ticket_is_told_once_without_asking(desk: Desk) -> None:
    refs = desk.create(1, 2, 3)
    for ref in refs:
        desk.jira.comment(ref, "Hello", marker="k1")
        desk.mia.comment(ref.key, "On it")
        desk.mia.start(ref.key)
    alone = [desk.jira.activity(ref, EARLY) for ref in refs]
    asked = desk.jira.requests
    list(desk.jira.fetch(refs, history=True))
    assert [desk.jira.activity(ref, EARLY) for ref in refs] == alone
    assert desk.jira.requests - asked == (1 + 3 if desk.jira.caps.stale_feed else 3 + 3 + 3)
    desk.mia.comment(refs[0].key, "Done on Monday")
    assert "Done on Monday" in [a.text for a in desk.jira.activity(refs[0], EARLY)]


def test_history_that_was_not_asked_for_is_forgotten_by_the_next_fetch(desk: Desk) -> None:
    (ref,) = desk.create(1)
    list(desk.jira.fetch([ref], history=True))
    desk.mia.start(ref.key)
    list(desk.jira.fetch([ref]))
    assert [a.after for a in desk.jira.activity(ref, EARLY) if a.field == "status"] == ["In Progress"]


def test_a_comment_whose_answer_was_lost_is_sent_once_and_can_be_found(desk: Desk) -> None:
    (ref,) = desk.create(1)
    desk.server.faults.next("POST", "/comment", Fault.LOSE_ANSWER)
    with pytest.raises(Ambiguous):
        desk.jira.comment(ref, "Hello", marker="k1")
    assert [a.marker_key for a in desk.jira.activity(ref, EARLY)] == ["k1"]


def test_a_comment_changes_the_revision(desk: Desk) -> None:
    (ref,) = desk.create(1)
    before = desk.one(ref)
    desk.mia.comment(ref.key, "Looking")
    after = desk.one(ref)
    assert (before.comments, after.comments) == (0, 1)
    assert before.revision < after.revision


def test_a_read_survives_a_hiccup(desk: Desk) -> None:
    desk.create(1)
    desk.server.faults.next("POST", "/search", Fault.ERROR_BEFORE, times=2, status=503)
    assert len(keys(desk.jira)) == 1


def test_a_read_gives_up_in_the_end(desk: Desk) -> None:
    desk.server.faults.next("POST", "/search", Fault.DROP_BEFORE, times=3)
    with pytest.raises(Unavailable):
        keys(desk.jira)


def test_what_does_not_exist_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.jira.resolve("SEC-404")
    with pytest.raises(NotFound):
        desk.jira.update(TicketRef("eng", "404"), Patch(title="x"), seen="")


def test_a_refusal_says_why(desk: Desk) -> None:
    (ref,) = desk.create(1)
    with pytest.raises(Rejected, match="labels"):
        desk.jira.update(ref, Patch(add_labels=("two words",)), seen="")


def test_a_wrong_token_is_denied_and_told_by_check(desk: Desk) -> None:
    stranger = desk.connect(token="wrong")
    with pytest.raises(Denied):
        keys(stranger)
    (problem,) = stranger.check()
    assert problem.fatal
    assert "wrong" not in problem.what


def test_check_finds_nothing_wrong_with_a_sound_site(desk: Desk) -> None:
    assert desk.jira.check() == []
    assert not desk.server.count("PUT")


def test_check_names_the_line_to_add(desk: Desk) -> None:
    custom = [{"id": "customfield_10010", "name": "Team", "type": "option", "options": ["Red"]}]
    screen = {"without": ["duedate"], "custom": custom, "required": ["customfield_10010"]}
    desk.server.admin("POST", "/_sandbox/screen", screen)
    lines = " ".join(problem.fix for problem in desk.jira.check())
    assert 'omit = ["duedate"]' in lines
    assert "fields.customfield_10010 = {" in lines
    mended = desk.connect(omit=["duedate"], fields={"customfield_10010": {"value": "Red"}})
    assert mended.check() == []
    assert [type(r) for r in mended.create([draft(1, due_date=date(2027, 1, 1)), draft(2)])] == [Created, Created]


def test_check_tells_a_wrong_project_type_and_name(desk: Desk) -> None:
    assert "NONE" in desk.connect(project="NONE").check()[0].what
    assert "Task, Bug" in desk.connect(issue_type="Story").check()[0].what
    assert "Blocker" in desk.connect(priority={"critical": "Blocker"}).check()[0].what


def test_check_tells_missing_permissions(desk: Desk) -> None:
    watcher = {"email": WATCHER.email} if desk.cloud else {}
    told = [p.what for p in desk.connect(token=WATCHER.token, **watcher).check()]
    assert any("CREATE_ISSUES" in what for what in told)


def test_a_webhook_is_a_hint(desk: Desk) -> None:
    body = json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": "10007", "key": "SEC-7"}}).encode()
    signature = "sha256=" + hmac.new(b"hook", body, hashlib.sha256).hexdigest()
    assert desk.jira.hint({"X-Hub-Signature": signature}, body) == [TicketRef("eng", "10007")]
    with pytest.raises(Denied):
        desk.jira.hint({"X-Hub-Signature": signature}, body + b" ")


def test_a_path_before_the_interface_is_kept(desk: Desk) -> None:
    jira = desk.connect(url=f"{desk.server.url}/ex/jira/77")
    (created,) = jira.create([draft(1)])
    assert isinstance(created, Created)
    assert created.url == f"{desk.server.url}/ex/jira/77/browse/{created.ref.key}"
    assert desk.server.count("POST", "^/ex/jira/77/rest/api/") == 1


def test_a_duplicate_names_its_original_without_a_request_more(desk: Desk) -> None:
    first, second, third = desk.create(1, 2, 3)
    desk.mia.duplicate(second.key, first.key)
    named = {}
    for ref in (first, second, third):
        desk.one(ref)
        before = desk.jira.requests
        told = desk.jira.activity(ref, desk.server.now())
        named[ref] = [(event.after, event.by.id) for event in told if event.field == ORIGINAL]
        assert desk.jira.requests - before <= 1 + (ref == first)
    assert named == {first: [], second: [(first.key, desk.mia_id)], third: []}


def test_every_request_is_as_the_vendor_describes(shared: Path) -> None:
    sandbox = JiraCloudSandbox()
    spec = Spec(shared / "specs" / "jira-cloud-v3.openapi.json", unjudged=r"^/_sandbox/|/rest/api/2/")
    complaints = spec.watch(sandbox)
    with SandboxServer(sandbox, clock=Clock()) as server:
        jira = connect(server, cloud=True)
        jira.check()
        results = jira.create([draft(1, priority="High", due_date=date(2027, 1, 1), assignee=MIA.id), draft(2)])
        first, second = (result.ref for result in results if isinstance(result, Created))
        keys(jira)
        list(jira.fetch([first, second]))
        jira.find([marker(1), marker(99)], server.now())
        jira.update(first, Patch(title="x", marker=marker(1), state=TransitionTo(Category.DONE)), seen="")
        jira.comment(first, "a *b* `c`\n\n- d", marker="k")
        with JiraEngineer.of(server.url, MIA) as mia:
            mia.duplicate(second.key, first.key)
        jira.activity(second, EARLY)
        jira.resolve(second.key)
        jira.close()
    assert [told for told in complaints if "sent " in told or "query" in told] == []
    assert len(spec.judged) >= 15


@pytest.mark.parametrize("many", [1, 2])
def test_a_project_in_which_nothing_can_be_made_is_told_of_once_and_not_of_every_item(desk: Desk, many: int) -> None:
    jira = desk.connect(project="SECX")
    with pytest.raises(Denied, match=r"project SECX: .*\[trackers\.eng\] names it as `project`"):
        list(jira.create([draft(n) for n in range(many)]))
    assert desk.one(desk.create(1)[0]).title
