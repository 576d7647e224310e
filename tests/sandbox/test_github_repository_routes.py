"""The embedded GitHub's repository: its labels, its people, its switches and its webhooks."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer

REPOSITORY = "/repos/acme/platform"
ISSUES = f"{REPOSITORY}/issues"
LABELS = f"{REPOSITORY}/labels"


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox()) as running:
        yield running


@pytest.fixture
def bot(server: SandboxServer) -> Iterator[httpx.Client]:
    with client(server, "counterfoil-bot") as made:
        yield made


@pytest.fixture
def admin(server: SandboxServer) -> Iterator[httpx.Client]:
    with client(server, "mia-krystof") as made:
        yield made


def client(server: SandboxServer, login: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer token-{login}"})


def names(answer: httpx.Response) -> list[str]:
    return [label["name"] for label in answer.json()]


def test_the_repository_says_what_one_may_do_there(server: SandboxServer) -> None:
    with client(server, "passer-by") as stranger, client(server, "counterfoil-bot") as bot:
        reads, writes = (who.get(REPOSITORY).json()["permissions"] for who in (stranger, bot))
    assert reads == {"admin": False, "maintain": False, "push": False, "triage": False, "pull": True}
    assert writes == {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}


def test_a_label_is_made_on_first_use_in_the_vendors_grey(bot: httpx.Client) -> None:
    bot.post(ISSUES, json={"title": "x", "labels": ["counterfoil"]})
    made = bot.get(f"{LABELS}/Counterfoil").json()
    assert (made["name"], made["color"], made["description"]) == ("counterfoil", "ededed", None)


def test_labels_are_made_changed_and_forgotten_everywhere(bot: httpx.Client) -> None:
    made = bot.post(LABELS, json={"name": "priority:high", "color": "ff0000", "description": "soon"})
    assert made.status_code == 201
    assert bot.post(LABELS, json={"name": "Priority:High"}).json()["errors"][0]["code"] == "already_exists"
    bot.post(ISSUES, json={"title": "x", "labels": ["priority:high"]})
    bot.patch(f"{LABELS}/priority:high", json={"new_name": "urgent"})
    assert names(bot.get(f"{ISSUES}/1/labels")) == ["urgent"]
    assert names(bot.get(LABELS)) == ["urgent"]
    assert bot.delete(f"{LABELS}/urgent").status_code == 204
    assert bot.get(f"{ISSUES}/1").json()["labels"] == []
    assert bot.get(f"{LABELS}/urgent").status_code == 404


def test_issues_may_be_given_to_those_who_may_work_on_them(bot: httpx.Client) -> None:
    logins = [one["login"] for one in bot.get(f"{REPOSITORY}/assignees").json()]
    assert logins == ["counterfoil-bot", "mia-krystof", "alana-grant", "emma-richards"]
    assert bot.get(f"{REPOSITORY}/assignees/Alana-Grant").status_code == 204
    assert bot.get(f"{REPOSITORY}/assignees/passer-by").status_code == 404


def test_a_role_can_be_asked_for_and_changed(server: SandboxServer, bot: httpx.Client) -> None:
    server.admin("PUT", "/_sandbox/people/alana-grant/role", {"role": "triage"})
    told = bot.get(f"{REPOSITORY}/collaborators/alana-grant/permission").json()
    assert (told["permission"], told["role_name"]) == ("read", "triage")
    assert bot.get(f"{REPOSITORY}/collaborators/passer-by").status_code == 404
    with pytest.raises(ValueError, match="a role is one of"):
        server.admin("PUT", "/_sandbox/people/alana-grant/role", {"role": "king"})


def test_an_archived_repository_is_read_only(bot: httpx.Client, admin: httpx.Client) -> None:
    bot.post(ISSUES, json={"title": "x"})
    assert admin.patch(REPOSITORY, json={"archived": True}).json()["archived"] is True
    refused = [
        bot.post(ISSUES, json={"title": "y"}),
        bot.patch(f"{ISSUES}/1", json={"title": "y"}),
        bot.post(f"{ISSUES}/1/comments", json={"body": "y"}),
        bot.post(f"{ISSUES}/1/labels", json={"labels": ["y"]}),
    ]
    assert [one.status_code for one in refused] == [403, 403, 403, 403]
    assert bot.get(f"{ISSUES}/1").json()["title"] == "x"


def test_switched_off_issues_are_gone(bot: httpx.Client, admin: httpx.Client) -> None:
    bot.post(ISSUES, json={"title": "x"})
    admin.patch(REPOSITORY, json={"has_issues": False})
    assert [bot.get(ISSUES).status_code, bot.get(f"{ISSUES}/1").status_code] == [410, 410]
    assert bot.post(ISSUES, json={"title": "y"}).status_code == 410


def test_only_administrators_change_the_repository_and_its_hooks(bot: httpx.Client) -> None:
    assert bot.patch(REPOSITORY, json={"name": "x"}).status_code == 403
    assert bot.get(f"{REPOSITORY}/hooks").status_code == 403


def hooked(admin: httpx.Client, **told: Any) -> httpx.Response:
    config = {"url": "http://127.0.0.1:9/hook", "content_type": "json", "secret": "s3cret"}
    return admin.post(f"{REPOSITORY}/hooks", json={"config": config, "events": ["issues"], **told})


def test_a_hook_is_kept_without_showing_its_secret(admin: httpx.Client) -> None:
    made = hooked(admin).json()
    assert made["config"]["secret"] == "********"
    path = f"{REPOSITORY}/hooks/{made['id']}"
    assert admin.get(path).json()["events"] == ["issues"]
    assert admin.patch(path, json={"active": False}).json()["active"] is False
    assert hooked(admin).status_code == 422, "the same address twice"
    assert admin.delete(path).status_code == 204
    assert admin.get(f"{REPOSITORY}/hooks").json() == []


def test_a_hook_without_an_address_is_refused(admin: httpx.Client) -> None:
    assert admin.post(f"{REPOSITORY}/hooks", json={"config": {}}).status_code == 422


def test_a_hook_remembers_what_it_was_sent(admin: httpx.Client, bot: httpx.Client) -> None:
    made = hooked(admin).json()
    bot.post(ISSUES, json={"title": "x", "labels": ["a"]})
    bot.post(f"{ISSUES}/1/comments", json={"body": "not asked for"})
    told = admin.get(f"{REPOSITORY}/hooks/{made['id']}/deliveries").json()
    assert [(one["event"], one["action"]) for one in told] == [
        ("issues", "labeled"),
        ("issues", "opened"),
        ("ping", None),
    ]
    assert len({one["guid"] for one in told}) == 3


def test_everybody_has_a_profile(bot: httpx.Client) -> None:
    assert bot.get("/users/alana-grant").json()["name"] == "Alana Grant"
    assert bot.get("/users/nobody-at-all").status_code == 404
    assert json.loads(bot.get("/meta").content)["verifiable_password_authentication"] is False
