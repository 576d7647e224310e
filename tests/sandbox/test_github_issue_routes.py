"""Issues of the embedded GitHub behave as the vendor's do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer

ISSUES = "/repos/acme/platform/issues"
START = datetime(2026, 5, 4, 10, 0, 0, 700_000, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox(), clock=lambda: START) as running:
        yield running


@pytest.fixture
def bot(server: SandboxServer) -> Iterator[httpx.Client]:
    with client(server, "counterfoil-bot") as made:
        yield made


@pytest.fixture
def stranger(server: SandboxServer) -> Iterator[httpx.Client]:
    with client(server, "passer-by") as made:
        yield made


def client(server: SandboxServer, login: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer token-{login}"})


def opened(who: httpx.Client, **told: Any) -> Any:
    answer = who.post(ISSUES, json={"title": "Rotate keys", **told})
    assert answer.status_code == 201
    return answer.json()


def told_events(who: httpx.Client, number: int = 1) -> list[Any]:
    return list(who.get(f"{ISSUES}/{number}/timeline").json())


def names(issue: Any) -> list[str]:
    return [label["name"] for label in issue["labels"]]


def test_an_issue_reads_back_as_it_was_opened(bot: httpx.Client) -> None:
    made = opened(bot, body="Every *quarter*", labels=["counterfoil", "Security"], assignees=["alana-grant"])
    read = bot.get(f"{ISSUES}/1").json()
    assert read == made
    assert (read["title"], read["body"], read["state"], read["state_reason"]) == (
        "Rotate keys",
        "Every *quarter*",
        "open",
        None,
    )
    assert names(read) == ["counterfoil", "Security"]
    assert [one["login"] for one in read["assignees"]] == ["alana-grant"]
    assert read["created_at"] == read["updated_at"] == "2026-05-04T10:00:00Z"
    assert read["user"]["login"] == "counterfoil-bot"


def test_numbers_count_up_and_ids_are_wide(bot: httpx.Client) -> None:
    first, second = opened(bot), opened(bot)
    assert (first["number"], second["number"]) == (1, 2)
    assert second["id"] > first["id"] > 2**31


def test_labels_and_assignees_of_a_stranger_are_dropped_without_a_word(stranger: httpx.Client) -> None:
    made = opened(stranger, labels=["counterfoil"], assignees=["nobody-at-all"])
    assert (made["labels"], made["assignees"]) == ([], [])


@pytest.mark.parametrize(
    ("told", "field", "code"),
    [
        ({"title": "x" * 257}, "title", "custom"),
        ({"title": "  "}, "title", "missing_field"),
        ({"title": "x", "body": "y" * 65_537}, "body", "custom"),
        ({"title": "x", "assignees": ["nobody-at-all"]}, "assignees", "invalid"),
        ({"title": "x", "assignees": ["passer-by"]}, "assignees", "invalid"),
        ({"title": "x", "labels": ["l" * 51]}, "name", "custom"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_made(
    bot: httpx.Client, told: dict[str, Any], field: str, code: str
) -> None:
    answer = bot.post(ISSUES, json=told)
    assert answer.status_code == 422
    refusal = answer.json()
    assert refusal["message"] == "Validation Failed"
    assert (refusal["errors"][0]["field"], refusal["errors"][0]["code"]) == (field, code)
    assert refusal["status"] == "422"
    assert bot.get(ISSUES, params={"state": "all"}).json() == []


def test_limits_are_inclusive(bot: httpx.Client) -> None:
    made = opened(bot, title="x" * 256, body="y" * 65_536)
    assert len(made["title"]) == 256
    assert len(made["body"]) == 65_536


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"{", 400), (b"[]", 400), (b"{}", 422), (b'{"title":1}', 422), (b'{"title":"x","labels":1}', 422)],
)
def test_a_malformed_request_is_refused(bot: httpx.Client, raw: bytes, status: int) -> None:
    assert bot.post(ISSUES, content=raw).status_code == status


def test_closing_keeps_reason_person_and_time(server: SandboxServer, bot: httpx.Client) -> None:
    opened(bot)
    server.advance(60)
    with client(server, "alana-grant") as alana:
        alana.patch(f"{ISSUES}/1", json={"state": "closed", "state_reason": "not_planned"})
    read = bot.get(f"{ISSUES}/1").json()
    assert (read["state"], read["state_reason"], read["closed_by"]["login"]) == ("closed", "not_planned", "alana-grant")
    assert read["closed_at"] == read["updated_at"] == "2026-05-04T10:01:00Z"
    told = told_events(bot)[-1]
    assert (told["event"], told["actor"]["login"], told["state_reason"]) == ("closed", "alana-grant", "not_planned")


def test_a_reason_counts_only_with_a_change_of_state(bot: httpx.Client) -> None:
    opened(bot)
    assert bot.patch(f"{ISSUES}/1", json={"state_reason": "not_planned"}).json()["state_reason"] is None
    assert bot.patch(f"{ISSUES}/1", json={"state": "closed"}).json()["state_reason"] == "completed"
    again = bot.patch(f"{ISSUES}/1", json={"state": "closed", "state_reason": "not_planned"}).json()
    assert again["state_reason"] == "completed"
    assert bot.patch(f"{ISSUES}/1", json={"state": "open"}).json()["state_reason"] == "reopened"
    assert bot.patch(f"{ISSUES}/1", json={"state": "closed", "state_reason": "whatever"}).status_code == 422


def test_an_edit_changes_only_what_it_names(bot: httpx.Client) -> None:
    before = opened(bot, body="text", labels=["a"], assignees=["alana-grant"])
    after = bot.patch(f"{ISSUES}/1", json={"title": "Rotate all keys"}).json()
    assert after == before | {"title": "Rotate all keys"}
    assert bot.patch(f"{ISSUES}/1", json={"body": None}).json()["body"] is None


def test_an_edit_that_is_refused_changes_nothing(bot: httpx.Client) -> None:
    before = opened(bot)
    told = {"title": "Other", "assignees": ["nobody-at-all"]}
    assert bot.patch(f"{ISSUES}/1", json=told).status_code == 422
    assert bot.get(f"{ISSUES}/1").json() == before


def test_writing_what_is_there_already_leaves_the_time_alone(server: SandboxServer, bot: httpx.Client) -> None:
    before = opened(bot, labels=["a"])
    server.advance(60)
    told = {"title": before["title"], "state": "open", "labels": ["A"], "assignees": []}
    assert bot.patch(f"{ISSUES}/1", json=told).json() == before


def test_a_stranger_edits_only_what_is_theirs(bot: httpx.Client, stranger: httpx.Client) -> None:
    opened(bot)
    opened(stranger)
    assert stranger.patch(f"{ISSUES}/1", json={"title": "x"}).status_code == 403
    mine = stranger.patch(f"{ISSUES}/2", json={"title": "x", "labels": ["a"]}).json()
    assert (mine["title"], mine["labels"]) == ("x", [])
    assert stranger.post(f"{ISSUES}/2/labels", json={"labels": ["a"]}).status_code == 403


def test_labels_come_and_go_one_by_one_whatever_their_case(bot: httpx.Client) -> None:
    opened(bot, labels=["Keep"])
    assert [one["name"] for one in bot.post(f"{ISSUES}/1/labels", json={"labels": ["keep", "new"]}).json()] == [
        "Keep",
        "new",
    ]
    assert [one["name"] for one in bot.delete(f"{ISSUES}/1/labels/NEW").json()] == ["Keep"]
    assert bot.delete(f"{ISSUES}/1/labels/new").status_code == 404
    assert [one["name"] for one in bot.put(f"{ISSUES}/1/labels", json={"labels": ["other"]}).json()] == ["other"]
    assert bot.delete(f"{ISSUES}/1/labels").status_code == 204
    assert bot.get(f"{ISSUES}/1/labels").json() == []
    told = [(one["event"], one["label"]["name"]) for one in told_events(bot)]
    assert told == [
        ("labeled", "Keep"),
        ("labeled", "new"),
        ("unlabeled", "new"),
        ("unlabeled", "Keep"),
        ("labeled", "other"),
        ("unlabeled", "other"),
    ]


def test_a_label_with_a_slash_and_a_space_can_be_taken_off(bot: httpx.Client) -> None:
    opened(bot, labels=["area/in progress"])
    assert bot.delete(f"{ISSUES}/1/labels/area%2Fin%20progress").json() == []


def test_assignees_who_cannot_be_are_ignored_when_added(bot: httpx.Client) -> None:
    opened(bot)
    made = bot.post(f"{ISSUES}/1/assignees", json={"assignees": ["nobody-at-all", "alana-grant", "Emma-Richards"]})
    assert made.status_code == 201
    assert [one["login"] for one in made.json()["assignees"]] == ["alana-grant", "emma-richards"]
    left = bot.request("DELETE", f"{ISSUES}/1/assignees", json={"assignees": ["ALANA-grant"]}).json()
    assert [one["login"] for one in left["assignees"]] == ["emma-richards"]
    told = [(one["event"], one["assignee"]["login"]) for one in told_events(bot)]
    assert told == [("assigned", "alana-grant"), ("assigned", "emma-richards"), ("unassigned", "alana-grant")]


def test_comments_count_and_move_the_issue(server: SandboxServer, bot: httpx.Client) -> None:
    opened(bot)
    server.advance(10)
    comment = bot.post(f"{ISSUES}/1/comments", json={"body": "Looking"}).json()
    issue = bot.get(f"{ISSUES}/1").json()
    assert (issue["comments"], issue["updated_at"]) == (1, "2026-05-04T10:00:10Z")
    server.advance(10)
    path = f"{ISSUES}/comments/{comment['id']}"
    edited = bot.patch(path, json={"body": "Looked"}).json()
    assert (edited["body"], edited["created_at"], edited["updated_at"]) == (
        "Looked",
        "2026-05-04T10:00:10Z",
        "2026-05-04T10:00:20Z",
    )
    assert bot.get(path).json() == edited
    assert bot.delete(path).status_code == 204
    assert bot.get(path).status_code == 404
    assert bot.get(f"{ISSUES}/1").json()["comments"] == 0


def test_comments_since_a_time_of_one_issue_and_of_all(server: SandboxServer, bot: httpx.Client) -> None:
    for number in (1, 2):
        opened(bot)
        bot.post(f"{ISSUES}/{number}/comments", json={"body": f"on {number}"})
        server.advance(60)
    since = {"since": "2026-05-04T10:01:00Z"}
    assert [one["body"] for one in bot.get(f"{ISSUES}/comments", params=since).json()] == ["on 2"]
    assert bot.get(f"{ISSUES}/1/comments", params=since).json() == []
    assert [one["body"] for one in bot.get(f"{ISSUES}/comments").json()] == ["on 1", "on 2"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 65_537])
def test_a_comment_has_a_text_of_bounded_length(bot: httpx.Client, text: str) -> None:
    opened(bot)
    assert bot.post(f"{ISSUES}/1/comments", json={"body": text}).status_code == 422


def test_strangers_do_not_touch_others_comments(bot: httpx.Client, stranger: httpx.Client) -> None:
    opened(bot)
    ours = bot.post(f"{ISSUES}/1/comments", json={"body": "ours"}).json()["id"]
    theirs = stranger.post(f"{ISSUES}/1/comments", json={"body": "theirs"}).json()["id"]
    assert stranger.patch(f"{ISSUES}/comments/{ours}", json={"body": "x"}).status_code == 403
    assert stranger.delete(f"{ISSUES}/comments/{theirs}").status_code == 204


def test_a_locked_issue_takes_comments_only_from_those_who_may_write(bot: httpx.Client, stranger: httpx.Client) -> None:
    opened(bot)
    assert bot.put(f"{ISSUES}/1/lock", json={"lock_reason": "spam"}).status_code == 204
    assert stranger.post(f"{ISSUES}/1/comments", json={"body": "x"}).status_code == 403
    assert bot.post(f"{ISSUES}/1/comments", json={"body": "x"}).status_code == 201
    assert bot.get(f"{ISSUES}/1").json()["active_lock_reason"] == "spam"
    assert bot.delete(f"{ISSUES}/1/lock").status_code == 204
    assert stranger.post(f"{ISSUES}/1/comments", json={"body": "x"}).status_code == 201


def test_the_timeline_tells_all_in_order_and_events_all_but_comments(server: SandboxServer, bot: httpx.Client) -> None:
    opened(bot)
    bot.patch(f"{ISSUES}/1", json={"title": "Rotate all keys"})
    server.advance(1)
    bot.post(f"{ISSUES}/1/comments", json={"body": "hello"})
    bot.patch(f"{ISSUES}/1", json={"state": "closed"})
    bot.patch(f"{ISSUES}/1", json={"state": "open"})
    told = told_events(bot)
    assert [one["event"] for one in told] == ["renamed", "commented", "closed", "reopened"]
    assert told[0]["rename"] == {"from": "Rotate keys", "to": "Rotate all keys"}
    assert (told[1]["body"], told[1]["actor"]["login"]) == ("hello", "counterfoil-bot")
    events = bot.get(f"{ISSUES}/1/events").json()
    assert [one["event"] for one in events] == ["renamed", "closed", "reopened"]
    everywhere = bot.get(f"{ISSUES}/events").json()
    assert [(one["event"], one["issue"]["number"]) for one in everywhere] == [
        ("reopened", 1),
        ("closed", 1),
        ("renamed", 1),
    ]


def test_an_unknown_issue_is_not_found(bot: httpx.Client) -> None:
    assert bot.get(f"{ISSUES}/1").status_code == 404
    assert bot.get(f"{ISSUES}/none").status_code == 404


def test_times_never_go_back(server: SandboxServer, bot: httpx.Client) -> None:
    opened(bot)
    server.advance(-3600)
    assert bot.patch(f"{ISSUES}/1", json={"title": "x"}).json()["updated_at"] == "2026-05-04T10:00:00Z"
    server.advance(3600 + int(timedelta(minutes=1).total_seconds()))
    assert bot.patch(f"{ISSUES}/1", json={"title": "y"}).json()["updated_at"] == "2026-05-04T10:01:00Z"
