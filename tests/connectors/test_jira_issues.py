"""Jira's connector against servers that answer as scripted: odd, old, partial or wrong."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from connectors.base import MARK
from connectors.errors import Ambiguous, Denied, NotFound, Rejected, Stale, Unavailable
from connectors.jira_issues import JiraIssues
from connectors.settings import Secrets
from state.model import Field
from state.ticket import BodyFormat, Category, Created, Gone, Missing, NotCreated, Patch, Ticket, TicketRef
from tests.connectors.jira_script import (
    ABSENT,
    NOW,
    START,
    URL,
    datacenter,
    draft,
    found,
    issue,
    made,
    marker,
    refused,
    tracker,
)


def test_a_batch_is_one_request_that_carries_every_marker() -> None:
    jira, server = tracker({"POST issue/bulk": httpx.Response(201, json=made(1, 2))}, fields={"customfield_1": "x"})
    full = draft(1, body={"type": "doc"}, priority="High", assignee="a1", due_date=date(2026, 12, 1), labels=("soc2",))
    results = list(jira.create([full, draft(2)]))
    assert [(r.marker, r.ref.id, r.ref.key, r.url, r.at) for r in results if isinstance(r, Created)] == [
        (marker(1), "10001", "SEC-1", f"{URL}/browse/SEC-1", NOW),
        (marker(2), "10002", "SEC-2", f"{URL}/browse/SEC-2", NOW),
    ]
    first, second = server.sent("POST issue/bulk")[0]["issueUpdates"]
    assert first == {
        "fields": {
            "customfield_1": "x",
            "project": {"key": "SEC"},
            "issuetype": {"name": "Task"},
            "summary": "Fix 1",
            "description": {"type": "doc"},
            "labels": [MARK, f"cf-{marker(1).key}", "soc2"],
            "priority": {"name": "High"},
            "assignee": {"accountId": "a1"},
            "duedate": "2026-12-01",
        },
        "properties": [
            {"key": "counterfoil.sync", "value": {"k": marker(1).key, "item": "AI-000001", "v": 1, "made": True}}
        ],
    }
    assert set(second["fields"]) == {"customfield_1", "project", "issuetype", "summary", "labels"}
    assert jira.requests == 1


def test_people_browse_tickets_at_the_site_when_the_api_is_elsewhere() -> None:
    jira, _ = tracker({"GET issue/SEC-1": issue(1), "GET issue/10001": issue(1)}, site="https://acme.atlassian.net/")
    assert jira.resolve("https://acme.atlassian.net/browse/SEC-1").url == "https://acme.atlassian.net/browse/SEC-1"


def test_omitted_fields_are_not_sent_and_not_promised() -> None:
    jira, server = tracker({"POST issue": made(1)["issues"][0]}, omit=["priority", "duedate"])
    list(jira.create([draft(1, priority="High", due_date=date(2026, 12, 1))]))
    assert {"priority", "duedate"}.isdisjoint(server.sent("POST issue")[0]["fields"])
    assert jira.caps.fields == set(Field) - {Field.PRIORITY, Field.DUE_DATE}


def test_refused_elements_are_told_apart_from_created_ones() -> None:
    answer = httpx.Response(201, json={**made(1, 3), "errors": refused(1)})
    jira, _ = tracker({"POST issue/bulk": answer})
    first, second, third = jira.create([draft(1), draft(2), draft(3)])
    assert isinstance(first, Created)
    assert second == NotCreated(marker(2), "assignee: User 'x' cannot be assigned issues.", True)
    assert isinstance(third, Created)
    assert third.ref.key == "SEC-3"


def test_a_batch_refused_whole_is_refused_one_by_one() -> None:
    answer = httpx.Response(400, json={"issues": [], "errors": refused(0, 1)})
    jira, server = tracker({"POST issue/bulk": answer})
    assert [type(result) for result in jira.create([draft(1), draft(2)])] == [NotCreated, NotCreated]
    assert len(server.asked) == 1


def test_a_batch_refused_without_saying_whose_fault_it_is_is_sent_one_by_one() -> None:
    def single(_: httpx.Request, sent: Any) -> Any:
        bad = sent["fields"]["summary"] == "Fix 2"
        return httpx.Response(400, json={"errors": {"summary": "bad"}}) if bad else made(1)["issues"][0]

    generic = httpx.Response(400, json={"errorMessages": ["INVALID_INPUT"]})
    jira, _ = tracker({"POST issue/bulk": generic, "POST issue": single})
    first, second = jira.create([draft(1), draft(2)])
    assert isinstance(first, Created)
    assert isinstance(second, NotCreated)
    assert "summary: bad" in second.reason


@pytest.mark.parametrize(("shown", "ident"), [({}, "10001"), ({"id": None}, "SEC-1")])
def test_an_answer_with_the_key_alone_is_completed_by_reading(shown: dict[str, Any], ident: str) -> None:
    jira, _ = tracker({"POST issue": {"key": "SEC-1"}, "GET issue/SEC-1": {**issue(1), **shown}})
    (created,) = jira.create([draft(1)])
    assert isinstance(created, Created)
    assert created.ref == TicketRef("eng", ident, "SEC-1")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_bulk_create_tickets_are_made_singly_from_then_on(status: int) -> None:
    routes = {"POST issue/bulk": httpx.Response(status, json={}), "POST issue": made(1)["issues"][0]}
    jira, server = tracker(routes)
    list(jira.create([draft(1), draft(2)]))
    list(jira.create([draft(3), draft(4)]))
    assert (server.count("POST issue/bulk"), server.count("POST issue"), jira.caps.bulk_create) == (1, 4, 1)


@pytest.mark.parametrize("answer", [made(1), {"issues": [], "errors": []}, {}, {"issues": [{"id": "1"}, {"id": "2"}]}])
def test_an_answer_that_does_not_account_for_every_draft_is_ambiguous(answer: Any) -> None:
    jira, server = tracker({"POST issue/bulk": httpx.Response(201, json=answer)})
    with pytest.raises(Ambiguous):
        list(jira.create([draft(1), draft(2)]))
    assert len(server.asked) == 1


def test_a_lost_answer_does_not_lose_the_results_before_it() -> None:
    answers = iter([httpx.Response(201, json=made(1)["issues"][0]), httpx.Response(502)])
    jira, _ = tracker({"POST issue/bulk": ABSENT, "POST issue": lambda *_: next(answers)})
    results = jira.create([draft(1), draft(2), draft(3)])
    assert isinstance(next(results), Created)
    with pytest.raises(Ambiguous):
        next(results)


def test_an_issue_reads_as_a_ticket() -> None:
    raw = issue(
        1,
        key=marker(),
        status={"name": "Closed", "statusCategory": {"key": "done"}},
        resolution={"name": "Won't Do"},
        priority={"name": "High"},
        assignee={"accountId": "a1"},
        duedate="2026-12-01",
        description={"type": "doc", "content": []},
        updated="2026-11-20T13:00:00.250+0200",
        comment={"total": 3, "comments": []},
    )
    jira, _ = tracker({"POST issue/bulkfetch": {"issues": [raw]}})
    (ticket,) = jira.fetch([TicketRef("eng", "10001")])
    assert not isinstance(ticket, Missing)
    assert (ticket.ref, ticket.ref.key, ticket.url) == (TicketRef("eng", "10001"), "SEC-1", f"{URL}/browse/SEC-1")
    assert (ticket.state.category, ticket.state.name, ticket.state.resolution) == (Category.DONE, "Closed", "Won't Do")
    assert (ticket.priority, ticket.assignee, ticket.due_date) == ("High", "a1", date(2026, 12, 1))
    assert ticket.updated == datetime(2026, 11, 20, 11, 0, 0, 250_000, UTC)
    assert ticket.revision == "2026-11-20T11:00:00.250+00:00/000003"
    assert (ticket.marker, ticket.project, ticket.comments) == (marker(), "SEC", 3)


def test_what_an_answer_says_nothing_of_is_read_alone() -> None:
    routes = {"POST issue/bulkfetch": {"issues": [issue(1)], "issueErrors": []}, "GET issue/10002": issue(2)}
    jira, _ = tracker(routes | {"GET issue/10003": ABSENT})
    found = {one.ref.id: one for one in jira.fetch([TicketRef("eng", str(10_000 + n)) for n in (1, 2, 3)])}
    assert [ident for ident, one in sorted(found.items()) if isinstance(one, Ticket)] == ["10001", "10002"]
    assert isinstance(found["10003"], Missing)


def test_a_bare_issue_reads_too() -> None:
    jira, _ = tracker({"GET issue/7": {"id": 7, "key": "SEC-7", "fields": {"updated": "2026-11-20T10:00:00Z"}}})
    (ticket,) = jira.fetch([TicketRef("eng", "7")])
    assert not isinstance(ticket, Missing)
    assert (ticket.ref.id, ticket.title, ticket.labels, ticket.comments) == ("7", "", frozenset(), None)
    assert (ticket.project, ticket.revision) == ("SEC", "2026-11-20T10:00:00.000+00:00")


def test_fetch_asks_for_a_hundred_at_once_and_tells_what_is_missing() -> None:
    def fetched(_: httpx.Request, sent: Any) -> Any:
        numbers = [int(i) - 10_000 for i in sent["issueIdsOrKeys"]]
        gone = [{"id": "10007", "errorMessage": "Issue does not exist"}] if 7 in numbers else []
        return {"issues": [issue(n) for n in numbers if n != 7], "issueErrors": gone}

    jira, server = tracker({"POST issue/bulkfetch": fetched})
    results = list(jira.fetch([TicketRef("eng", str(10_000 + n)) for n in range(150)]))
    missing = [r for r in results if isinstance(r, Missing)]
    assert [(m.ref.id, m.why, m.detail) for m in missing] == [("10007", Gone.NOT_FOUND, "Issue does not exist")]
    assert (len(results), len(server.asked)) == (150, 2)


def test_without_bulk_fetch_each_is_read_alone() -> None:
    routes = {
        "GET issue/10001": issue(1),
        "GET issue/10002": httpx.Response(403, json={"errorMessages": ["no"]}),
        "GET issue/SEC-3": issue(3),
        "GET issue/SEC-4": issue(5),
    }
    jira, _ = tracker(routes)
    refs = [TicketRef("eng", str(10_000 + n), f"SEC-{n}") for n in (1, 2, 3, 4)]
    first, second, third, fourth = jira.fetch(refs)
    assert (first.ref.key, third.ref.key) == ("SEC-1", "SEC-3")
    assert isinstance(second, Missing)
    assert second.why is Gone.HIDDEN
    assert isinstance(fourth, Missing), "the key leads to another issue by now"


def test_a_server_that_finds_issues_by_key_only_is_written_to_by_key() -> None:
    routes = {
        "GET issue/SEC-1": issue(1),
        "PUT issue/SEC-1": httpx.Response(204),
        "POST issue/SEC-1/comment": httpx.Response(201, json={"id": "5"}),
    }
    jira, server = tracker(routes)
    ref = TicketRef("eng", "10001", "SEC-1")
    assert jira.update(ref, Patch(title="New"), seen="") is None
    assert jira.comment(ref, "Hello", marker="k") == "5"
    assert [name for name, _ in server.asked if name.startswith(("PUT", "POST"))] == [
        "PUT issue/10001",
        "PUT issue/SEC-1",
        "POST issue/SEC-1/comment",
    ]


def test_a_key_that_leads_to_another_issue_is_never_written_to() -> None:
    jira, server = tracker({"GET issue/SEC-1": issue(2), "PUT issue/SEC-1": httpx.Response(204)})
    with pytest.raises(NotFound):
        jira.update(TicketRef("eng", "10001", "SEC-1"), Patch(title="New"), seen="")
    assert server.count("PUT issue/SEC-1") == 0


def test_a_refused_token_is_not_a_missing_ticket() -> None:
    jira, _ = tracker({"POST issue/bulkfetch": ABSENT, "GET issue/.*": httpx.Response(401)})
    with pytest.raises(Denied):
        list(jira.fetch([TicketRef("eng", "10001")]))


def test_find_asks_for_fifty_keys_at_once() -> None:
    jira, server = tracker({"POST search/jql": found(issue(1, key=marker(1)))})
    tickets = jira.find([marker(n) for n in range(60)], NOW)
    assert [ticket.marker for ticket in tickets] == [marker(1)]
    queries = [sent["jql"] for sent in server.sent("POST search/jql") if "labels" in sent["jql"]]
    assert [query.count('"cf-') for query in queries] == [50, 10]


def test_a_clone_carries_the_label_but_not_the_marker() -> None:
    clone = issue(2, key=marker(1)) | {"properties": {}}
    jira, _ = tracker({"POST search/jql": found(issue(1, key=marker(1)), clone)})
    assert [ticket.ref.key for ticket in jira.find([marker(1)], NOW)] == ["SEC-1"]


def test_without_properties_a_label_counts_on_issues_that_we_created() -> None:
    ours, clone = issue(1, key=marker(1)), issue(2, key=marker(1), creator={"name": "mia"})
    shown = [{k: v for k, v in raw.items() if k != "properties"} for raw in (ours, clone)]
    jira, server = datacenter({"POST search": {"issues": shown, "total": 2}, "GET myself": {"name": "sync"}})
    assert [(t.ref.key, t.marker) for t in jira.find([marker(1)], NOW)] == [("SEC-1", marker(1))]
    assert server.count("GET myself") == 1
    assert [t.marker for t in jira.suspects([marker(1)], NOW)] == [marker(1)] * 2


@pytest.mark.parametrize(("told", "asked"), [("sync%40acme", 0), ("sync+bot", 1), ("anonymous", 1), (None, 1)])
def test_who_made_an_issue_is_asked_only_where_the_answers_name_somebody_else(told: str | None, asked: int) -> None:
    bare = {k: v for k, v in issue(1, key=marker(1), creator={"name": "sync@acme"}).items() if k != "properties"}
    headers = {} if told is None else {"X-AUSERNAME": told}
    shown = httpx.Response(200, json={"issues": [bare], "total": 1}, headers=headers)
    jira, server = datacenter({"POST search": shown, "GET myself": {"name": "sync@acme"}})
    assert [ticket.marker for ticket in jira.find([marker(1)], NOW)] == [marker(1)]
    assert server.count("GET myself") == asked


@pytest.mark.parametrize("author", [{"creator": None}, {"creator": None, "reporter": {"accountId": "us"}}])
def test_a_label_counts_where_nobody_is_told_as_the_author_or_we_are_the_reporter(author: dict[str, Any]) -> None:
    bare = {k: v for k, v in issue(1, key=marker(1), **author).items() if k != "properties"}
    jira, _ = tracker({"POST search/jql": found(bare), "GET myself": {"accountId": "us"}})
    assert [ticket.marker for ticket in jira.find([marker(1)], NOW)] == [marker(1)]


def test_without_labels_markers_are_found_by_property() -> None:
    jira, server = tracker({"POST search/jql": found(issue(1, key=marker(1), labels=[]))}, omit=["labels"])
    assert [t.marker for t in jira.find([marker(1)], NOW)] == [marker(1)]
    assert [t.marker for page in jira.changes(None) for t in page.tickets] == [marker(1)]
    assert server.asked[1][1]["jql"].startswith('project = "SEC" ')


@pytest.mark.parametrize("name", ["SEC-1", "sec-1", f"{URL}/browse/SEC-1", f"{URL}/browse/SEC-1?filter=-1"])
def test_people_may_name_a_ticket_by_key_or_address(name: str) -> None:
    jira, _ = tracker({"GET issue/SEC-1": issue(1)})
    assert jira.resolve(name).ref.id == "10001"


@pytest.mark.parametrize("name", ["https://other.test/browse/SEC-1", "nonsense", "SEC-2", ""])
def test_a_name_that_leads_nowhere_is_not_found(name: str) -> None:
    jira, _ = tracker({"GET issue/SEC-1": issue(1)})
    with pytest.raises(NotFound):
        jira.resolve(name)


def test_a_patch_changes_only_what_it_says_with_one_request() -> None:
    jira, server = tracker({"PUT issue/10001": issue(1, summary="New", labels=[MARK, "a"])})
    patch = Patch(title="New", due_date=None, add_labels=("a",), remove_labels=("b",))
    told = jira.update(TicketRef("eng", "10001"), patch, seen="")
    assert told is not None
    assert told.title == "New"
    assert server.asked == [
        (
            "PUT issue/10001",
            {
                "fields": {"summary": "New", "duedate": None},
                "update": {"labels": [{"add": "a"}, {"remove": "b"}]},
            },
        )
    ]
    assert server.urls[0].params["returnIssue"] == "true"


def test_labels_are_set_as_a_whole_where_single_ones_are_not_changed() -> None:
    there: dict[str, Any] = {"labels": ["theirs", "b"]}

    def edit(_: httpx.Request, sent: Any) -> httpx.Response:
        there.update(sent.get("fields", {}))
        return httpx.Response(204)

    jira, server = tracker({"PUT issue/10001": edit, "GET issue/10001": lambda *_: issue(1, **there)})
    after = jira.update(TicketRef("eng", "10001"), Patch(add_labels=("a",), remove_labels=("b",)), seen="")
    assert after is not None
    assert after.labels == {"theirs", "a"}
    assert len(server.asked) == 4


def test_a_server_that_does_not_return_the_issue_is_not_asked_for_it() -> None:
    jira, server = tracker({"PUT issue/10001": httpx.Response(204)})
    assert jira.update(TicketRef("eng", "10001"), Patch(title="New"), seen="") is None
    assert len(server.asked) == 1


def test_data_center_shows_several_tickets_at_once_unless_its_index_is_behind_or_hides_them() -> None:
    known = [issue(n, at=NOW) for n in (1, 2, 3, 4)]
    old, stranger = issue(2, at=START), issue(9)
    direct = {f"GET issue/{raw['id']}": raw for raw in known[1:]} | {"GET myself": {"name": "sync"}}
    jira, server = datacenter({"POST search": {"issues": [known[0], old, stranger], "total": 3}, **direct})
    refs = [TicketRef("eng", raw["id"]) for raw in known]
    revision = NOW.isoformat(timespec="milliseconds")
    found = list(jira.fetch(refs, known={ref.id: revision for ref in refs[:3]}))
    assert [(t.ref, t.revision) for t in found if isinstance(t, Ticket)] == [(ref, revision) for ref in refs]
    assert server.sent("POST search")[0]["jql"] == "id in (10001, 10002, 10003)"
    assert server.sent("POST search")[0]["validateQuery"] is False
    assert [name for name, _ in server.asked if "issue/" in name] == [f"GET issue/{ref.id}" for ref in refs[1:]]


def test_data_center_reads_each_directly_where_its_search_refuses() -> None:
    jira, _ = datacenter({"POST search": httpx.Response(400), "GET issue/10001": issue(1), "GET issue/10002": issue(2)})
    refs = [TicketRef("eng", "10001"), TicketRef("eng", "10002")]
    assert len([t for t in jira.fetch(refs, known=dict.fromkeys(("10001", "10002"), "1")) if t.ref in refs]) == 2


@pytest.mark.parametrize("read", [{"labels": ["theirs", "a"]}, {}])
def test_labels_that_an_answer_does_not_tell_are_read_and_never_taken_for_none(read: dict[str, Any]) -> None:
    bare = {"id": "10001", "key": "SEC-1", "fields": {"summary": "Old", "updated": "2026-11-20T10:00:00Z"}}
    shown = bare | {"fields": bare["fields"] | read}  # type: ignore[operator]
    jira, server = tracker({"PUT issue/10001": bare, "GET issue/10001": shown})
    jira.update(TicketRef("eng", "10001"), Patch(add_labels=("a",)), seen="")
    assert [sent for sent in server.sent("PUT issue/10001") if "labels" in sent.get("fields", {})] == []


def test_adopting_plants_label_and_property() -> None:
    labels = [MARK, f"cf-{marker().key}"]
    jira, server = tracker({"PUT issue/10001": issue(1, creator={"accountId": "mia"}, labels=labels)})
    told = jira.update(TicketRef("eng", "10001"), Patch(marker=marker()), seen="")
    assert told is not None
    assert told.marker == marker()
    assert server.asked[0][1] == {
        "update": {"labels": [{"add": MARK}, {"add": f"cf-{marker().key}"}]},
        "properties": [{"key": "counterfoil.sync", "value": {"k": marker().key, "item": "AI-000001", "v": 1}}],
    }


def test_data_center_assigns_by_name_and_does_not_tell_the_issue() -> None:
    jira, server = datacenter({"PUT issue/10001": httpx.Response(204)})
    assert jira.update(TicketRef("eng", "10001"), Patch(assignee="mia", body="h1. Hi"), seen="") is None
    assert server.asked[0][1]["fields"] == {"description": "h1. Hi", "assignee": {"name": "mia"}}
    assert (jira.caps.body_format, "returnIssue" in str(server.urls[0])) == (BodyFormat.WIKI, False)


@pytest.mark.parametrize(
    ("status", "error"), [(409, Stale), (400, Rejected), (502, Ambiguous), (401, Denied), (404, NotFound)]
)
def test_a_failed_write_is_named_and_not_repeated(status: int, error: type[Exception]) -> None:
    jira, server = tracker({"PUT issue/10001": httpx.Response(status, json={"errorMessages": ["t0ken-value"]})})
    with pytest.raises(error) as caught:
        jira.update(TicketRef("eng", "10001"), Patch(title="x"), seen="")
    assert len(server.asked) == 1
    assert "t0ken" not in str(caught.value)


def test_a_signed_hint_names_the_issue_and_an_unsigned_one_is_denied() -> None:
    jira, _ = tracker({})
    vector = {"X-Hub-Signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"}
    assert jira.hint(vector, b"Hello World!") == []
    for headers in ({}, {"X-Hub-Signature": "sha256=00"}, {"X-Hub-Signature": ""}):
        with pytest.raises(Denied):
            jira.hint(headers, b"Hello World!")


def test_without_a_token_nothing_is_sent() -> None:
    settings = JiraIssues.Settings.model_validate({"kind": "jira", "url": URL, "project": "SEC"})
    jira = JiraIssues("eng", settings, Secrets(), clock=lambda: NOW, sleep=lambda _: None)
    with pytest.raises(Denied, match="token_env"):
        jira.resolve("SEC-1")


@pytest.mark.parametrize(
    ("email", "header"),
    [("sync@acme.example", "Basic c3luY0BhY21lLmV4YW1wbGU6dDBrZW4tdmFsdWU="), (None, "Bearer t0ken-value")],
)
def test_credentials_go_out_and_never_come_back_in_an_error(email: str | None, header: str) -> None:
    def echo(request: httpx.Request, _: Any) -> httpx.Response:
        return httpx.Response(401, json={"message": f"bad: {request.headers['authorization']} {request.url}"})

    jira, _ = tracker({".*": echo}, email=email)
    with pytest.raises(Denied) as caught:
        jira.resolve("SEC-1")
    told = f"{caught.value} {caught.value!r} {jira!r} {vars(jira)}"
    assert "***" in str(caught.value)
    assert "t0ken" not in told
    assert header.split()[1] not in told


def test_an_unreachable_server_did_nothing() -> None:
    def lost(request: httpx.Request, _: Any) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    jira, _ = tracker({".*": lost})
    with pytest.raises(Unavailable):
        list(jira.create([draft(1), draft(2)]))
