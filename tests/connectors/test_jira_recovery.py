"""Tickets that the search index does not show are found by their keys, and no more is read than that takes."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import Unavailable
from connectors.jira_issues import JiraIssues
from connectors.jira_recovery import BLOCK, BLOCKS
from state.ticket import Marker
from tests.connectors.jira_script import ABSENT, NOW, START, Server, datacenter, found, issue, marker, tracker

OLD = START - timedelta(days=400)


class Lagging:
    """A project of which the search shows only some issues: by label, by age or by number."""

    def __init__(self, there: list[dict[str, Any]], shown: set[int]) -> None:
        self.there = {one["key"]: one for one in there}
        self.shown = [one for one in there if int(one["id"]) - 10_000 in shown]

    def search(self, _: httpx.Request, sent: Any) -> Any:
        jql, some = sent["jql"], self.shown
        if named := re.search(r"labels in \((.*?)\)", jql):
            some = [one for one in some if {*one["fields"]["labels"]} & {*re.findall(r'"(.*?)"', named[1])}]
        if since := re.search(r"created >= (\d+)", jql):
            some = [one for one in some if _created(one).timestamp() * 1000 >= int(since[1])]
        some = sorted(some, key=lambda one: int(one["id"]), reverse=jql.endswith("key DESC"))
        return found(*some[: sent["maxResults"]])

    def fetch(self, _: httpx.Request, sent: Any) -> Any:
        by_id = {one["id"]: one for one in self.there.values()}
        known = [self.there.get(one) or by_id.get(one) for one in sent["issueIdsOrKeys"]]
        return {"issues": [one for one in known if one], "issueErrors": []}

    def routes(self) -> dict[str, Any]:
        return {"POST search/jql": self.search, "POST issue/bulkfetch": self.fetch, "GET myself": {"accountId": "us"}}


def _created(raw: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(raw["fields"]["created"])


def project(*numbers: int, created: datetime = START) -> list[dict[str, Any]]:
    """Other people's issues."""
    return [issue(number, created=created.isoformat(), labels=[]) for number in numbers]


def keys(jira: JiraIssues, *wanted: Marker) -> list[str]:
    return sorted(ticket.ref.key for ticket in jira.find(wanted, NOW - timedelta(days=1)))


def blocks(server: Server) -> list[tuple[str, str]]:
    """The first and last key of every block that was asked for."""
    asked = [sent["issueIdsOrKeys"] for sent in server.sent("POST issue/bulkfetch")]
    return [(some[0], some[-1]) for some in asked if some[0].startswith("SEC-")]


def test_what_the_search_shows_is_not_looked_for_by_key() -> None:
    jira, server = tracker(Lagging([issue(7, key=marker())], {7}).routes())
    assert keys(jira, marker()) == ["SEC-7"]
    assert [name for name, _ in server.asked] == ["POST search/jql"]


def test_the_search_begins_little_before_the_first_that_is_young_enough() -> None:
    there = [*project(*range(4000, 4900), created=OLD), *project(4900, 4901), issue(4902, key=marker())]
    jira, server = tracker(Lagging(there, {*range(4000, 4902)}).routes())
    assert keys(jira, marker()) == ["SEC-4902"]
    assert blocks(server) == [("SEC-4800", "SEC-4899"), ("SEC-4900", "SEC-4999"), ("SEC-5000", "SEC-5099")]


def test_one_that_the_index_skipped_is_found_too() -> None:
    there = [*project(*range(4000, 4900), created=OLD), issue(4900, key=marker()), *project(4901)]
    jira, _ = tracker(Lagging(there, {*range(4000, 4900), 4901}).routes())
    assert keys(jira, marker()) == ["SEC-4900"]


def test_where_nothing_young_is_shown_it_begins_at_the_newest() -> None:
    there = [*project(*range(4000, 4900), created=OLD), issue(4900, key=marker())]
    jira, server = tracker(Lagging(there, {*range(4000, 4900)}).routes())
    assert keys(jira, marker()) == ["SEC-4900"]
    assert blocks(server)[0] == ("SEC-4800", "SEC-4899")


def test_in_a_project_that_shows_nothing_it_begins_with_one() -> None:
    jira, server = tracker(Lagging([issue(1, key=marker(1)), issue(2, key=marker(2))], set()).routes())
    assert keys(jira, marker(1), marker(2)) == ["SEC-1", "SEC-2"]
    assert blocks(server) == [("SEC-1", "SEC-100"), ("SEC-101", "SEC-200")]


def test_an_empty_block_below_the_highest_number_does_not_end_it() -> None:
    there = [*project(500, 900), issue(905, key=marker())]
    jira, _ = tracker(Lagging(there, {500, 900}).routes())
    assert keys(jira, marker()) == ["SEC-905"]


def test_all_that_a_busy_day_brought_is_looked_at() -> None:
    newest = BLOCK * (BLOCKS + 10)
    there = [*project(*range(1, newest)), issue(newest, key=marker())]
    jira, _ = tracker(Lagging(there, {*range(1, newest - 5)}).routes())
    assert keys(jira, marker()) == [f"SEC-{newest}"]


def test_where_the_search_lags_too_far_behind_that_is_no_answer() -> None:
    jira, server = tracker(Lagging(project(*range(1, BLOCK * (BLOCKS + 5))), {1}).routes())
    with pytest.raises(Unavailable, match="many are newer"):
        keys(jira, marker())
    assert len(blocks(server)) == BLOCKS


def test_what_is_found_on_the_way_counts_however_many_are_newer() -> None:
    there = [issue(7, key=marker()), *project(*range(8, BLOCK * (BLOCKS + 5)))]
    jira, _ = tracker(Lagging(there, {8}).routes())
    assert keys(jira, marker()) == ["SEC-7"]


def test_every_issue_with_a_marker_asked_for_is_an_answer_and_a_copy_is_none() -> None:
    clone = {**issue(2, key=marker()), "properties": {}}
    there = [issue(1, key=marker()), clone, issue(3, key=marker()), issue(4, key=marker(9))]
    jira, _ = tracker(Lagging(there, set()).routes())
    assert keys(jira, marker()) == ["SEC-1", "SEC-3"]


def test_where_properties_are_not_shown_a_label_counts_on_what_we_created() -> None:
    there = [issue(1, key=marker()), issue(2, key=marker(), creator={"accountId": "mia"})]
    for one in there:
        del one["properties"]
    jira, _ = tracker(Lagging(there, set()).routes())
    assert keys(jira, marker()) == ["SEC-1"]


@pytest.mark.parametrize("answer", [ABSENT, httpx.Response(405), httpx.Response(400, json={"errorMessages": ["no"]})])
def test_without_bulk_fetch_only_the_search_answers(answer: httpx.Response) -> None:
    routes = Lagging([issue(1, key=marker())], set()).routes() | {"POST issue/bulkfetch": answer}
    jira, server = tracker(routes)
    assert keys(jira, marker()) == []
    assert server.count("POST issue/bulkfetch") == 1


def test_on_data_center_only_the_search_answers() -> None:
    jira, server = datacenter({"POST search": {"issues": [], "total": 0}})
    assert keys(jira, marker()) == []
    assert len(server.asked) == 1
