"""Lists of the embedded GitHub filter, order and page as the vendor's do."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.sandbox.github_listing import IssueLists
from connectors.sandbox.github_model import Person, Repository
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.github_state import GithubState
from connectors.sandbox.server import SandboxServer

ISSUES = "/repos/acme/platform/issues"
START = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
CHANGES = {"state": "all", "sort": "updated", "direction": "asc"}


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox(), clock=lambda: START) as running:
        yield running


@pytest.fixture
def bot(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"authorization": "Bearer token-counterfoil-bot"}) as made:
        yield made


def open_some(who: httpx.Client, many: int, **told: Any) -> None:
    for number in range(1, many + 1):
        assert who.post(ISSUES, json={"title": f"Task {number}", **told}).status_code == 201


def numbers(who: httpx.Client, **query: Any) -> list[int]:
    answer = who.get(ISSUES, params=query)
    assert answer.status_code == 200
    return [issue["number"] for issue in answer.json()]


def walked(who: httpx.Client, **query: Any) -> list[int]:
    answer = who.get(ISSUES, params=query)
    found = [issue["number"] for issue in answer.json()]
    while "next" in answer.links:
        answer = who.get(answer.links["next"]["url"])
        found += [issue["number"] for issue in answer.json()]
    return found


def test_open_issues_come_newest_first_unless_asked_otherwise(bot: httpx.Client) -> None:
    open_some(bot, 3)
    bot.patch(f"{ISSUES}/2", json={"state": "closed"})
    assert numbers(bot) == [3, 1]
    assert numbers(bot, state="closed") == [2]
    assert numbers(bot, state="all", direction="asc") == [1, 2, 3]


def test_all_labels_asked_for_must_be_there_whatever_their_case(bot: httpx.Client) -> None:
    open_some(bot, 1, labels=["counterfoil"])
    open_some(bot, 1, labels=["counterfoil", "Security"])
    assert numbers(bot, labels="COUNTERFOIL") == [2, 1]
    assert numbers(bot, labels="counterfoil,security") == [2]
    assert numbers(bot, labels="other") == []


def test_since_is_inclusive_and_counts_the_last_change(server: SandboxServer, bot: httpx.Client) -> None:
    open_some(bot, 2)
    server.advance(60)
    bot.patch(f"{ISSUES}/1", json={"title": "Moved"})
    assert numbers(bot, since="2026-05-04T10:01:00Z", **CHANGES) == [1]
    assert numbers(bot, since="2026-05-04T10:00:00Z", **CHANGES) == [2, 1]
    assert numbers(bot, since="2026-05-04T10:01:01Z", **CHANGES) == []
    assert numbers(bot, since="2026-05-04T12:01:00+02:00", **CHANGES) == [1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"creator": "counterfoil-bot"}, [2, 1]),
        ({"creator": "mia-krystof"}, []),
        ({"assignee": "alana-grant"}, [2]),
        ({"assignee": "none"}, [1]),
        ({"assignee": "*"}, [2]),
        ({"sort": "comments"}, [1, 2]),
    ],
)
def test_creator_assignee_and_number_of_comments(bot: httpx.Client, query: dict[str, str], found: list[int]) -> None:
    open_some(bot, 1)
    open_some(bot, 1, assignees=["alana-grant"])
    bot.post(f"{ISSUES}/1/comments", json={"body": "x"})
    assert numbers(bot, **query) == found


@pytest.mark.parametrize("query", [{"state": "done"}, {"sort": "name"}, {"since": "yesterday"}, {"after": "!"}])
def test_a_query_that_makes_no_sense_is_refused(bot: httpx.Client, query: dict[str, str]) -> None:
    assert bot.get(ISSUES, params=query).status_code == 422


def test_pages_link_to_each_other(server: SandboxServer, bot: httpx.Client) -> None:
    open_some(bot, 5)
    first = bot.get(ISSUES, params={"per_page": 2, **CHANGES})
    assert set(first.links) == {"next", "last"}
    second = bot.get(first.links["next"]["url"])
    assert [one["number"] for one in second.json()] == [3, 4]
    assert set(second.links) == {"prev", "next", "last", "first"}
    last = bot.get(second.links["last"]["url"])
    assert [one["number"] for one in last.json()] == [5]
    assert set(last.links) == {"prev", "first"}
    assert bot.get(second.links["prev"]["url"]).json() == first.json()
    assert first.links["next"]["url"].startswith(f"{server.url}/repositories/")


def test_a_page_holds_thirty_and_never_more_than_a_hundred(bot: httpx.Client) -> None:
    open_some(bot, 101)
    assert len(numbers(bot)) == 30
    assert len(numbers(bot, per_page=500)) == 100
    assert walked(bot, per_page=100, direction="asc") == list(range(1, 102))


@pytest.mark.parametrize("below", ["/1/comments", "/comments", "/1/timeline"])
def test_other_lists_link_to_their_next_page_too(server: SandboxServer, bot: httpx.Client, below: str) -> None:
    open_some(bot, 1)
    for number in range(5):
        bot.post(f"{ISSUES}/1/comments", json={"body": f"{number}"})
    answer = bot.get(f"/api/v3{ISSUES}{below}", params={"per_page": 2})
    found = [one["body"] for one in answer.json()]
    while "next" in answer.links:
        assert answer.links["next"]["url"].startswith(f"{server.url}/api/v3/repositories/")
        answer = bot.get(answer.links["next"]["url"])
        found += [one["body"] for one in answer.json()]
    assert found == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["created", "updated", "comments"])
def test_following_the_links_shows_each_issue_once(bot: httpx.Client, sort: str, direction: str) -> None:
    open_some(bot, 7)
    bot.patch(f"{ISSUES}/3", json={"title": "Moved"})
    bot.post(f"{ISSUES}/5/comments", json={"body": "x"})
    found = walked(bot, state="all", sort=sort, direction=direction, per_page=2)
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]


def test_a_change_while_paging_is_seen_again_and_hides_nothing(bot: httpx.Client) -> None:
    open_some(bot, 5)
    first = bot.get(ISSUES, params={"per_page": 2, **CHANGES})
    bot.patch(f"{ISSUES}/1", json={"title": "Moved"})
    rest = walked(bot, **dict(httpx.URL(first.links["next"]["url"]).params))
    assert rest == [3, 4, 5, 1]


def test_pull_requests_are_among_the_issues(server: SandboxServer, bot: httpx.Client) -> None:
    open_some(bot, 1)
    server.admin("POST", "/_sandbox/repos/acme/platform/pulls", {"title": "Fix", "body": "#1"})
    assert ["pull_request" in one for one in bot.get(ISSUES).json()] == [True, False]


def test_deleted_and_transferred_issues_leave_the_list_without_a_trace(
    server: SandboxServer, bot: httpx.Client
) -> None:
    open_some(bot, 3)
    server.admin("DELETE", "/_sandbox/repos/acme/platform/issues/1")
    server.admin("POST", "/_sandbox/repos/acme/platform/issues/2/transfer", {"to": "acme/other"})
    assert numbers(bot, **CHANGES) == [3]


def test_a_lagging_list_shows_what_was_and_a_direct_read_what_is(server: SandboxServer, bot: httpx.Client) -> None:
    open_some(bot, 1)
    server.advance(60)
    server.faults.search_lag = 30
    open_some(bot, 1)
    bot.patch(f"{ISSUES}/1", json={"title": "Moved"})
    listed = bot.get(ISSUES, params=CHANGES).json()
    assert [(one["number"], one["title"]) for one in listed] == [(1, "Task 1")]
    assert bot.get(ISSUES, params=CHANGES | {"since": "2026-05-04T10:01:00Z"}).json() == []
    assert bot.get(f"{ISSUES}/1").json()["title"] == "Moved"
    assert bot.get(f"{ISSUES}/2").status_code == 200
    server.advance(31)
    assert numbers(bot, since="2026-05-04T10:01:00Z", **CHANGES) == [2, 1]


def test_the_end_of_a_lag_shows_everything_at_once(server: SandboxServer, bot: httpx.Client) -> None:
    server.faults.search_lag = 30
    open_some(bot, 1)
    assert numbers(bot) == []
    server.faults.search_lag = 0
    assert numbers(bot) == [1]


def test_page_numbers_end_at_ten_thousand_issues_and_links_do_not(bot: httpx.Client) -> None:
    open_some(bot, 1)
    assert bot.get(ISSUES, params={"per_page": 100, "page": 100}).status_code == 200
    refused = bot.get(ISSUES, params={"per_page": 100, "page": 101})
    assert refused.status_code == 422
    assert "cursor based pagination" in refused.json()["message"]
    first = bot.get(ISSUES, params={"per_page": 1, **CHANGES})
    assert first.links == {}


class Counting(GithubState):
    """Notes which issues a list looks at."""

    looked: list[int]

    def current(self, repository: Repository, row: tuple[str, int, int]) -> bool:
        self.looked.append(row[2])
        return super().current(repository, row)


def test_a_quiet_search_looks_only_at_what_changed() -> None:
    state = Counting()
    state.looked = []
    author = state.add_person(Person("a", 1, "A", "a@example.com", "t"))
    repository = state.add_repository("acme/platform")
    issues = [state.create(repository, author, f"Task {number}", None) for number in range(50)]
    state.at = START
    state.retitle(issues[6], "Moved", author)
    page = IssueLists(state).page(repository, {**CHANGES, "since": "2026-05-04T10:00:00Z"}, "/issues")
    assert [issue.number for issue in page.rows] == [7]
    assert state.looked == [7]
