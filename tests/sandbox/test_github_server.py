"""The embedded GitHub lets people in, redirects, tags answers, counts requests and remembers as the vendor does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from github import Auth, Github, GithubException

from connectors.sandbox.faults import Fault
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer

REPOSITORY = "/repos/acme/platform"
ISSUES = f"{REPOSITORY}/issues"
START = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox(), clock=lambda: START) as running:
        yield running


@pytest.fixture
def bot(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=bearer("counterfoil-bot")) as made:
        yield made


def bearer(login: str) -> dict[str, str]:
    return {"authorization": f"Bearer token-{login}"}


def rename(server: SandboxServer, name: str = "core") -> None:
    told = httpx.patch(f"{server.url}{REPOSITORY}", json={"name": name}, headers=bearer("mia-krystof"))
    assert told.json()["full_name"] == f"acme/{name}"


@pytest.mark.parametrize(
    ("headers", "message"),
    [({}, "Requires authentication"), ({"authorization": "Bearer wrong"}, "Bad credentials")],
)
def test_nobody_gets_in_without_a_good_token(server: SandboxServer, headers: dict[str, str], message: str) -> None:
    answer = httpx.get(f"{server.url}{ISSUES}", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["message"] == message


def test_everybody_is_who_their_token_says(server: SandboxServer) -> None:
    for user in server.sandbox.users:
        told = httpx.get(f"{server.url}/user", headers={"authorization": f"token {user.token}"}).json()
        assert (told["login"], told["name"], told["email"]) == (user.id, user.display, user.email)


def test_it_is_an_enterprise_server_too(bot: httpx.Client, server: SandboxServer) -> None:
    made = bot.post(f"/api/v3{ISSUES}", json={"title": "x"}).json()
    assert made["url"] == f"{server.url}/api/v3{ISSUES}/1"
    assert made["html_url"] == f"{server.url}/acme/platform/issues/1"
    assert bot.get(made["url"]).json() == made


def test_a_repository_answers_by_its_number(bot: httpx.Client) -> None:
    number = bot.get(REPOSITORY).json()["id"]
    bot.post(f"/repositories/{number}/issues", json={"title": "x"})
    assert bot.get(f"/repositories/{number}/issues/1").json() == bot.get(f"{ISSUES}/1").json()
    assert bot.get("/repositories/12/issues").status_code == 404


def test_people_without_a_role_see_nothing(server: SandboxServer, bot: httpx.Client) -> None:
    server.admin("PUT", "/_sandbox/people/counterfoil-bot/role", {"role": "none"})
    assert [bot.get(path).status_code for path in (REPOSITORY, ISSUES, f"{ISSUES}/1")] == [404, 404, 404]
    assert bot.post(ISSUES, json={"title": "x"}).status_code == 404
    assert bot.get("/user").status_code == 200


def test_a_renamed_repository_sends_readers_on_and_writers_too(server: SandboxServer, bot: httpx.Client) -> None:
    number = bot.get(REPOSITORY).json()["id"]
    bot.post(ISSUES, json={"title": "x"})
    rename(server)
    read = bot.get(f"{ISSUES}?state=all&labels=a")
    assert read.status_code == 301
    assert read.headers["location"] == f"{server.url}/repositories/{number}/issues?state=all&labels=a"
    assert read.json()["url"] == read.headers["location"]
    written = bot.post(ISSUES, json={"title": "y"})
    assert written.status_code == 307
    assert written.headers["location"] == f"{server.url}/repositories/{number}/issues"
    assert len(bot.get("/repos/acme/core/issues").json()) == 1


def test_a_name_that_was_given_up_can_be_taken(server: SandboxServer, bot: httpx.Client) -> None:
    bot.post(ISSUES, json={"title": "x"})
    rename(server)
    rename_back = httpx.patch(
        f"{server.url}/repos/acme/core", json={"name": "platform"}, headers=bearer("mia-krystof")
    ).json()
    assert rename_back["full_name"] == "acme/platform"
    assert bot.get(f"{ISSUES}/1").status_code == 200
    assert bot.get("/repos/acme/core").status_code == 301


def test_an_unchanged_answer_is_not_sent_again(bot: httpx.Client, server: SandboxServer) -> None:
    bot.post(ISSUES, json={"title": "x"})
    first = bot.get(ISSUES)
    known = {"if-none-match": first.headers["etag"]}
    again = bot.get(ISSUES, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    other = httpx.get(f"{server.url}{ISSUES}", headers=bearer("mia-krystof") | known)
    assert other.status_code == 200, "a tag is good only for the token that it was given to"
    bot.patch(f"{ISSUES}/1", json={"title": "y"})
    assert bot.get(ISSUES, headers=known).status_code == 200


def test_each_answer_says_how_much_of_the_hour_is_left(server: SandboxServer, bot: httpx.Client) -> None:
    first = bot.get(ISSUES).headers
    second = bot.get(ISSUES).headers
    assert int(first["x-ratelimit-remaining"]) - int(second["x-ratelimit-remaining"]) == 1
    assert int(second["x-ratelimit-reset"]) == int(datetime(2026, 5, 4, 11, tzinfo=UTC).timestamp())
    told = bot.get("/rate_limit").json()["resources"]["core"]
    assert told["used"] == 2
    assert bot.get("/rate_limit").json()["resources"]["core"] == told, "asking is free"
    server.advance(3600)
    assert bot.get("/rate_limit").json()["resources"]["core"]["used"] == 0


def test_too_much_content_meets_the_secondary_limit() -> None:
    with SandboxServer(GithubSandbox(content_limits=(2, 3)), clock=lambda: START) as server:
        answers = [create(server) for _ in range(3)]
        assert [one.status_code for one in answers] == [201, 201, 403]
        assert answers[2].headers["retry-after"] == "60"
        assert "secondary rate limit" in answers[2].json()["message"]
        server.advance(60)
        assert [create(server).status_code for _ in range(2)] == [201, 403], "three in an hour"
        server.advance(3600)
        assert create(server).status_code == 201


def create(server: SandboxServer, issues: str = ISSUES) -> httpx.Response:
    return httpx.post(f"{server.url}{issues}", json={"title": "x"}, headers=bearer("counterfoil-bot"))


def test_it_is_limited_in_the_vendors_words(server: SandboxServer, bot: httpx.Client) -> None:
    server.faults.next("POST", "issues$", Fault.RATE_LIMITED, seconds=7)
    secondary = bot.post(ISSUES, json={"title": "x"})
    assert (secondary.status_code, secondary.headers["retry-after"]) == (403, "7")
    server.faults.next("POST", "issues$", Fault.RATE_LIMITED, status=429, seconds=7, reason="primary")
    primary = bot.post(ISSUES, json={"title": "x"})
    assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (429, "0")
    assert int(primary.headers["x-ratelimit-reset"]) == int(START.timestamp()) + 7
    assert bot.get(ISSUES).json() == []


def test_a_lost_answer_leaves_the_issue(server: SandboxServer, bot: httpx.Client) -> None:
    server.faults.next("POST", "issues$", Fault.LOSE_ANSWER)
    with pytest.raises(httpx.RemoteProtocolError):
        bot.post(ISSUES, json={"title": "x"})
    assert [one["title"] for one in bot.get(ISSUES).json()] == ["x"]


def test_an_error_speaks_the_vendors_shape(server: SandboxServer, bot: httpx.Client) -> None:
    server.faults.next("GET", "issues$", Fault.ERROR_BEFORE, status=502)
    answer = bot.get(ISSUES)
    assert (answer.status_code, answer.json()["message"]) == (502, "Server Error")


def test_a_restart_brings_everything_back(tmp_path: Path) -> None:
    kept = tmp_path / "github.jsonl"
    with SandboxServer(GithubSandbox(), persist=kept) as server:
        act(server)
        before = shown(server)
    with SandboxServer(GithubSandbox(), persist=kept) as again:
        assert shown(again) == before
        assert create(again, "/repos/acme/core/issues").json()["number"] == 4


def act(server: SandboxServer) -> None:
    for _ in range(3):
        create(server)
    with httpx.Client(base_url=server.url, headers=bearer("alana-grant")) as alana:
        alana.patch(f"{ISSUES}/1", json={"state": "closed", "state_reason": "not_planned", "labels": ["a"]})
        alana.post(f"{ISSUES}/1/comments", json={"body": "not worth it"})
    server.admin("DELETE", "/_sandbox/repos/acme/platform/issues/2")
    server.admin("PUT", "/_sandbox/people/emma-richards/role", {"role": "read"})
    rename(server)


def shown(server: SandboxServer) -> list[Any]:
    paths = ("", "/issues?state=all", "/issues/1", "/issues/1/timeline", "/issues/2", "/assignees")
    answers = [
        httpx.get(f"{server.url}/repos/acme/core{path}", headers=bearer("counterfoil-bot"), follow_redirects=True)
        for path in paths
    ]
    return [(one.status_code, one.text.replace(server.url, "")) for one in answers]


def test_the_real_sdk_works_against_it(server: SandboxServer) -> None:
    with Github(
        base_url=server.url,
        auth=Auth.Token("token-counterfoil-bot"),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    ) as sdk:
        repository = sdk.get_repo("acme/platform")
        made = repository.create_issue("x", body="y", labels=["counterfoil"], assignees=["alana-grant"])
        made.create_comment("z")
        made.edit(state="closed", state_reason="not_planned")
        found = list(repository.get_issues(state="all", labels=["counterfoil"], since=START, sort="updated"))
        assert [(one.number, one.state_reason, one.comments) for one in found] == [(1, "not_planned", 1)]
        assert [one.event for one in found[0].get_timeline()] == ["labeled", "assigned", "commented", "closed"]
        assert sdk.get_user().login == "counterfoil-bot"
        with pytest.raises(GithubException) as refused:
            repository.create_issue("x" * 257)
        assert refused.value.status == 422
