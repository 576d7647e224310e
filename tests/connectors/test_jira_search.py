"""The change feed, from whichever search the server has."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import Rejected
from state.ticket import Cursor
from tests.connectors.jira_script import START, datacenter, found, issue, tracker


def test_a_quiet_feed_is_one_request_and_one_empty_page() -> None:
    jira, server = tracker({"POST search/jql": found()})
    cursor = Cursor(START + timedelta(milliseconds=7, microseconds=900), "timed")
    assert [(page.tickets, page.cursor) for page in jira.changes(cursor)] == [([], cursor)]
    sent = server.sent("POST search/jql")[0]
    at = int(START.timestamp() * 1000) + 7
    assert sent["jql"] == f"labels = counterfoil AND updated >= {at} ORDER BY updated ASC, key ASC"
    assert (sent["maxResults"], sent["properties"], jira.requests) == (100, ["counterfoil.sync"], 1)


def test_pages_are_followed_by_token_and_move_the_cursor_to_the_newest_ticket() -> None:
    later = START + timedelta(minutes=5)
    pages = {None: found(issue(1), token="t"), "t": found(issue(2, at=later))}
    jira, _ = tracker({"POST search/jql": lambda _, sent: pages[sent.get("nextPageToken")]})
    shown = [([t.ref.key for t in page.tickets], page.cursor.at) for page in jira.changes(None)]
    assert shown == [(["SEC-1"], START), (["SEC-2"], later)]


def test_a_token_that_repeats_ends_the_feed() -> None:
    jira, server = tracker({"POST search/jql": found(issue(1), token="same")})
    assert len(list(jira.changes(None))) == len(server.asked) == 2


def test_what_a_server_gives_beyond_the_query_is_dropped() -> None:
    old, foreign = issue(1, at=START - timedelta(hours=1)), issue(2, labels=["other"])
    jira, _ = tracker({"POST search/jql": found(old, foreign, issue(3))})
    assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-3"]


@pytest.mark.parametrize("posting", [True, False])
def test_without_token_search_the_plain_search_is_used_from_then_on(posting: bool) -> None:
    plain = {"POST search" if posting else "GET search": {"issues": [issue(1)], "total": 1}}
    jira, server = tracker(plain)
    for _ in range(2):
        assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-1"]
    assert server.count("POST search/jql") == 1
    assert server.asked[-1][0] == next(iter(plain))


def test_a_token_search_that_takes_no_post_is_asked_by_get() -> None:
    jira, server = tracker({"GET search/jql": found(issue(1))})
    for _ in range(2):
        assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-1"]
    assert [name for name, _ in server.asked] == ["POST search/jql", "GET search/jql", "GET search/jql"]
    assert server.asked[-1][1]["properties"] == "counterfoil.sync"


class Plain:
    """The plain search as Data Center does it, at most ten a page and never beyond `startAt` 30."""

    def __init__(self, issues: list[dict[str, Any]]) -> None:
        self.issues = issues

    def __call__(self, _: httpx.Request, sent: Any) -> Any:
        since = re.search(r"updated >= (\d+)", sent["jql"])
        floor = int(since[1]) if since else 0
        fits = [i for i in self.issues if datetime.fromisoformat(i["fields"]["updated"]).timestamp() * 1000 >= floor]
        start = sent["startAt"]
        if start > 30:
            return httpx.Response(400, json={"errorMessages": ["max_result_window"]})
        return {"startAt": start, "maxResults": 10, "total": len(fits), "issues": fits[start : start + 10]}


def test_data_center_pages_by_time_and_loses_none_of_a_crowd_at_one_moment() -> None:
    moments = [START] * 25 + [START + timedelta(seconds=n) for n in range(60)]
    issues = [issue(n, at=at) for n, at in enumerate(moments)]
    jira, server = datacenter({"POST search": Plain(issues), "GET myself": {"name": "sync"}})
    keys = [t.ref.key for page in jira.changes(None) for t in page.tickets]
    assert sorted(set(keys)) == sorted(i["key"] for i in issues)
    assert len(keys) == len(issues)
    assert server.urls[0].path == "/ex/jira/77/rest/api/2/search"
    assert "properties" not in server.sent("POST search")[0]


@pytest.mark.parametrize("settings", [{"deployment": "cloud"}, {"deployment": "datacenter"}])
def test_a_server_that_cannot_compare_times_is_asked_for_all_and_sorted_out_here(settings: dict[str, str]) -> None:
    def simple(_: httpx.Request, sent: Any) -> Any:
        if sent["jql"] != "labels = counterfoil":
            return httpx.Response(400, json={"errorMessages": ["cannot parse"]})
        issues = [issue(2, at=START + timedelta(hours=1)), issue(1), issue(3, at=START - timedelta(hours=1))]
        return {"issues": issues, "total": 3}

    jira, server = tracker({"POST search(/jql)?": simple, "GET myself": {}}, **settings)
    for _ in range(2):
        assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-1", "SEC-2"]
    assert len(server.asked) == 3


def test_a_query_that_is_refused_in_any_form_is_rejected() -> None:
    jira, server = tracker({"POST search/jql": httpx.Response(400, json={"errorMessages": ["no"]})})
    with pytest.raises(Rejected):
        list(jira.changes(Cursor(START)))
    assert len(server.asked) == 3


def test_a_server_that_finds_nothing_by_a_time_is_found_out_once() -> None:
    jira, server = tracker({"POST search/jql": lambda _, sent: found() if " 179" in sent["jql"] else found(issue(1))})
    pages = list(jira.changes(Cursor(START + timedelta(days=1))))
    assert (sum(len(page.tickets) for page in pages), pages[-1].cursor.validator) == (0, "timed")
    assert len(server.asked) == 2
    list(jira.changes(pages[-1].cursor))
    assert len(server.asked) == 3


@pytest.mark.parametrize("understood", ["labels = counterfoil", 'project = "SEC"'])
@pytest.mark.parametrize("posting", [True, False])
def test_a_server_that_finds_nothing_by_our_query_is_asked_for_more(understood: str, posting: bool) -> None:
    route = "POST search/jql" if posting else "POST search"
    jira, server = tracker({route: lambda _, sent: found(*([issue(1)] if sent["jql"] == understood else []))})
    for _ in range(2):
        assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-1"]
    assert server.asked[-1][1]["jql"] == understood


def test_a_lagging_index_is_not_taken_for_a_lack_of_understanding() -> None:
    strangers = [issue(n, labels=[]) for n in range(3)]
    jira, server = tracker({"POST search/jql": lambda _, sent: found(*([] if "labels" in sent["jql"] else strangers))})
    assert [page.cursor.validator for page in jira.changes(Cursor(START))] == ["", ""]
    list(jira.changes(Cursor(START)))
    assert "updated >=" in server.asked[4][1]["jql"]


def test_a_server_that_fails_on_a_time_is_asked_without_one() -> None:
    def failing(_: httpx.Request, sent: Any) -> Any:
        return httpx.Response(500) if "updated >=" in sent["jql"] else found(issue(1))

    jira, _ = tracker({"POST search/jql": failing})
    assert [t.ref.key for page in jira.changes(Cursor(START)) for t in page.tickets] == ["SEC-1"]


@pytest.mark.parametrize("told", [None, "", "yesterday", "0001-01-01T00:00:00+23:00", 1e40, {}])
def test_an_issue_whose_time_cannot_be_read_is_always_told(told: object) -> None:
    plain = issue(1)
    plain["fields"]["updated"] = told
    jira, _ = tracker({"POST search/jql": found(plain)})
    (page,) = jira.changes(Cursor(START + timedelta(days=1)))
    assert [t.ref.key for t in page.tickets] == ["SEC-1"]
