"""An engineer does to an issue of the embedded GitHub what people do to issues."""

from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox.engineer import Engineer
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox()) as running:
        yield running


@pytest.fixture
def alana(server: SandboxServer) -> Iterator[GithubEngineer]:
    with GithubEngineer(server.url, "token-alana-grant") as made:
        yield made


@pytest.fixture
def mia(server: SandboxServer) -> Iterator[GithubEngineer]:
    with GithubEngineer(server.url, "token-mia-krystof") as made:
        yield made


def test_an_engineer_of_this_kind_is_an_engineer(alana: GithubEngineer) -> None:
    anyone: Engineer = alana
    key = alana.create("Rotate keys")
    anyone.edit_title(key, "Rotate all keys")
    anyone.set_body(key, "How:\r\n1. so")
    anyone.due(key, "2026-12-24")
    assert (anyone.title(key), anyone.body(key)) == ("Rotate all keys", "How:\r\n1. so")


def test_work_begins_with_a_label_that_reopening_takes_off(alana: GithubEngineer) -> None:
    key = alana.create("x")
    alana.start(key)
    assert alana.labels(key) == ["in progress"]
    alana.close(key)
    alana.reopen(key)
    assert (alana.labels(key), alana.issue(key)["state"]) == ([], "open")


@pytest.mark.parametrize("how", ["close", "wont_do", "duplicate"])
def test_each_way_to_close_has_its_reason_and_an_optional_comment(alana: GithubEngineer, how: str) -> None:
    key = alana.create("x")
    getattr(alana, how)(key, "because")
    reasons = {"close": "completed", "wont_do": "not_planned", "duplicate": "duplicate"}
    assert alana.issue(key)["state_reason"] == reasons[how]
    assert [(one["user"]["login"], one["body"]) for one in alana.comments(key)] == [("alana-grant", "because")]


def test_labels_assignee_and_lock(alana: GithubEngineer) -> None:
    key = alana.create("x", labels=("a b/c",))
    alana.add_label(key, "d")
    alana.remove_label(key, "a b/c")
    alana.assign(key, "emma-richards")
    alana.lock(key)
    issue = alana.issue(key)
    assert ([one["name"] for one in issue["labels"]], issue["assignee"]["login"], issue["locked"]) == (
        ["d"],
        "emma-richards",
        True,
    )
    alana.assign(key, None)
    assert alana.issue(key)["assignees"] == []


def test_a_key_may_be_short(alana: GithubEngineer) -> None:
    alana.create("x")
    assert [alana.title(key) for key in ("acme/platform#1", "#1", "1")] == ["x", "x", "x"]


def test_a_deleted_issue_is_gone_for_good(alana: GithubEngineer) -> None:
    key = alana.create("x")
    alana.delete(key)
    with pytest.raises(httpx.HTTPStatusError) as gone:
        alana.title(key)
    assert gone.value.response.status_code == 410


def test_a_transferred_issue_is_another_one_elsewhere(server: SandboxServer, alana: GithubEngineer) -> None:
    key = alana.create("x", "text", ("unknown there",))
    alana.assign(key, "alana-grant")
    alana.comment(key, "hello")
    before = alana.issue(key)
    moved = alana.transfer(key, "acme/other")
    assert moved == "acme/other#1"
    after = alana.issue(moved)
    assert after["id"] != before["id"]
    assert (after["title"], after["body"], after["labels"], after["comments"]) == ("x", "text", [], 1)
    headers = {"authorization": "Bearer token-alana-grant"}
    answer = httpx.get(f"{server.url}/repos/acme/platform/issues/1", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (301, f"{server.url}/repos/acme/other/issues/1")
    assert httpx.patch(answer.request.url, json={"title": "y"}, headers=headers).status_code == 301
    assert alana.issue(key)["id"] == after["id"], "a reader that follows arrives"


def test_a_pull_request_shows_in_the_timeline_and_merging_it_closes_the_issue(
    alana: GithubEngineer, mia: GithubEngineer
) -> None:
    key = alana.create("x")
    pull = alana.open_pull(key)
    told = alana.timeline(key)[-1]
    assert (told["event"], told["actor"]["login"]) == ("cross-referenced", "alana-grant")
    assert told["source"]["issue"]["pull_request"]["merged_at"] is None
    assert told["source"]["issue"]["state"] == "open"
    mia.merge_pull(pull)
    issue = alana.issue(key)
    assert (issue["state"], issue["state_reason"], issue["closed_by"]["login"]) == (
        "closed",
        "completed",
        "mia-krystof",
    )
    assert alana.timeline(key)[0]["source"]["issue"]["pull_request"]["merged_at"]
    with pytest.raises(httpx.HTTPStatusError):
        mia.merge_pull(pull)


def test_closing_a_pull_request_leaves_the_issue_open(alana: GithubEngineer) -> None:
    key = alana.create("x")
    alana.close_pull(alana.open_pull(key))
    assert alana.issue(key)["state"] == "open"
    assert alana.timeline(key)[-1]["source"]["issue"]["state"] == "closed"


def test_who_renames_a_repository_follows_it(mia: GithubEngineer, alana: GithubEngineer) -> None:
    key = alana.create("x")
    mia.rename_repository("core")
    assert mia.title("1") == "x"
    assert alana.title(key) == "x", "the old name leads on"


def test_a_refusal_is_raised(server: SandboxServer) -> None:
    with GithubEngineer(server.url, "wrong") as nobody, pytest.raises(httpx.HTTPStatusError) as refused:
        nobody.create("x")
    assert refused.value.response.status_code == 401
