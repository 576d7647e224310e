"""A copy of the database from before the first sync, put in place: every ticket made since is found again."""

import re
from typing import Any

import pytest

from connectors.sandbox.faults import Fault
from tests.databases import Databases

TITLES = ("Rotate the access keys", "Enable MFA for admins")


@pytest.fixture(params=["jira_cloud", "jira_datacenter", "github", "github_without_account"])
def installation(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def github_without_account(github: Any) -> Any:
    """GitHub where the token has no account, so that the server does not say who we are."""
    github.server.faults.next("GET", "/user$", Fault.ERROR_BEFORE, status=403, times=99)
    return github


def add(installation: Any, title: str, due: str) -> str:
    words = ("--description", f"{title}, as the policy says.", "--due", due)
    return str(installation.run("item", "add", title, *words)["ref"])


def test_items_taken_in_again_get_their_tickets_back(installation: Any, databases: Databases) -> None:
    config = installation.folder / "counterfoil.toml"
    [url] = re.findall(r'\[state\]\nurl = "(.*)"', config.read_text())
    copy = databases.copy(url)
    for title in TITLES:
        add(installation, title, "2027-01-31")
    installation.run("sync")
    before = {item["title"]: item["ticket"]["key"] for item in installation.run("item", "list")}
    config.write_text(config.read_text().replace(url, copy))
    installation.run("sync", expect=5)
    assert {hold["kind"] for hold in installation.run("holds", "list")} == {"unknown_ticket"}
    for title in TITLES:
        add(installation, title, "2027-02-28")
    for _ in range(3):
        installation.run("sync", expect=None)
    assert installation.run("plan")["operations"] == []
    assert {item["title"]: item["ticket"]["key"] for item in installation.run("item", "list")} == before
    assert sorted(installation.tickets()) == sorted(before.values())


def test_tickets_that_wait_for_their_items_are_looked_at_together(jira_datacenter: Any, databases: Databases) -> None:
    config = jira_datacenter.folder / "counterfoil.toml"
    [url] = re.findall(r'\[state\]\nurl = "(.*)"', config.read_text())
    copy = databases.copy(url)
    for number in range(12):
        add(jira_datacenter, f"Rotate key {number}", "2027-01-31")
    jira_datacenter.run("sync")
    config.write_text(config.read_text().replace(url, copy))
    jira_datacenter.run("sync", expect=5)
    jira_datacenter.server.requests.clear()
    assert len(jira_datacenter.run("sync", expect=5)["holds"]) == 12
    alone = [one.path for one in jira_datacenter.server.requests if re.search(r"/issue/\d+$", one.path)]
    assert alone == []
