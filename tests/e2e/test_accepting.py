"""A risk that is to be lived with, from "won't do" to its end, over HTTP on each embedded tracker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.jira_engineer import JiraEngineer
from sync.app.shell import AHEAD

RULES = """
[[people]]
email = "ruth@acme.example"
login = "ruth"
[[people]]
email = "sam@acme.example"
login = "sam"
[roles.risk_owner]
medium = ["ruth@acme.example", "mia@acme.example"]
"""
TERMS = ("--likelihood", "2", "--impact", "2", "--compensating", "an alert on every login")


Filed = Callable[[Any], str]


@pytest.fixture
def filed(login: Callable[[str], None]) -> Filed:
    """Have Sam file an item, with Ruth at the machine before and after."""
    login("ruth")

    def file(installation: Any) -> str:
        login("sam")
        ref = installation.run("item", "add", "Encrypt the backup bucket of billing")["ref"]
        login("ruth")
        return str(ref)

    return file


@contextmanager
def ahead(days: int) -> Iterator[None]:
    """Have commands look so many days ahead of the clock."""
    before = AHEAD.set(timedelta(days=days))
    try:
        yield
    finally:
        AHEAD.reset(before)


def is_closed(installation: Any, key: str) -> bool:
    engineer = installation.engineer
    if hasattr(engineer, "issue"):
        return bool(engineer.issue(key)["state"] == "closed")
    return bool(engineer.status(key) == "Done")


def closed_as(installation: Any, key: str) -> str:
    engineer = installation.engineer
    return str(engineer.issue(key)["state_reason"] if hasattr(engineer, "issue") else engineer.resolution(key))


def told(installation: Any, key: str, words: str) -> int:
    return sum(words in str(text) for text in installation.engineer.comments(key))


def test_wont_do_is_asked_for_approved_and_open_again_once_after_its_end(installation: Any, filed: Filed) -> None:
    with (installation.folder / "counterfoil.toml").open("a", encoding="utf-8") as config:
        config.write(RULES)
    ref = filed(installation)
    installation.run("sync")
    key = installation.run("item", "show", ref)["ticket"]["key"]
    installation.engineer.wont_do(key, "It is switched off in March")
    installation.run("sync", expect=5)
    [request] = installation.run("accept", "list")
    assert (request["requester"], request["state"]) == ("mia@acme.example", "requested")
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    installation.run("accept", "approve", ref, "--until", until, *TERMS)
    installation.run("sync")
    assert is_closed(installation, key)
    assert "risk-accepted" in installation.engineer.labels(key)
    assert until in str(installation.engineer.body(key))
    assert installation.run("sync")["operations"] == []
    with ahead(days=31):
        assert [each["status"] for each in installation.run("item", "list")] == ["open"]
        assert installation.run("status")["items"]["accepted_as_risk"]["medium"] == 0
        lapsed = installation.run("sync")
    assert (lapsed["updated"], lapsed["commented"]) == (1, 1)
    assert not is_closed(installation, key)
    assert "risk-accepted" not in installation.engineer.labels(key)
    assert told(installation, key, "has ended") == 1
    assert installation.run("sync")["operations"] == []
    assert told(installation, key, "has ended") == 1
    installation.engineer.comment(key, "/accept-risk It is switched off in May")
    installation.run("sync", expect=5)
    installation.run("accept", "approve", ref, "--until", until, *TERMS)
    installation.run("sync")
    assert closed_as(installation, key) in ("not_planned", "Won't Do")
    rest = installation.run("sync", "--full")
    assert (rest["operations"], rest["warnings"]) == ([], [])
    assert installation.run("audit", "verify", expect=None)["ok"]


@pytest.mark.parametrize("ask", ["wont_do", "comment"])
def test_a_refused_request_leaves_the_ticket_open_with_the_reason(installation: Any, filed: Filed, ask: str) -> None:
    with (installation.folder / "counterfoil.toml").open("a", encoding="utf-8") as config:
        config.write(RULES)
    ref = filed(installation)
    installation.run("sync")
    key = installation.run("item", "show", ref)["ticket"]["key"]
    asks: dict[str, Callable[[], object]] = {
        "wont_do": lambda: installation.engineer.wont_do(key, "not this year"),
        "comment": lambda: installation.engineer.comment(key, "/accept-risk not this year until 2027-01-31"),
    }
    asks[ask]()
    installation.run("sync", expect=5)
    assert installation.run("accept", "show", ref)["justification"] == "not this year"
    installation.run("accept", "reject", ref, "--reason", "the data is too sensitive")
    installation.run("sync")
    assert not is_closed(installation, key)
    assert told(installation, key, "the data is too sensitive") == 1
    assert installation.run("sync")["operations"] == []


def test_who_opened_the_ticket_is_known_and_does_not_decide(installation: Any, filed: Filed) -> None:
    with (installation.folder / "counterfoil.toml").open("a", encoding="utf-8") as config:
        config.write(RULES)
    key = installation.open_ticket("Buckets are not encrypted")
    ref = filed(installation)
    installation.run("accept", "request", ref, "--because", "not this year", "--until", "2027-01-31")
    assert installation.run("accept", "show", ref)["may_decide"] == ["mia@acme.example"]
    installation.run("item", "link", ref, key, "--tracker", "work", expect=None)
    installation.run("sync", "--full", expect=None)
    assert installation.run("accept", "show", ref)["may_decide"] == []


def omar_in(installation: Any) -> Any:
    """A second person in the tracker, whom the configuration knows from now on."""
    name = "omar" if installation.cloud else "alana-grant"
    [user] = [each for each in installation.server.sandbox.users if each.name == name]
    kind, account = ("jira", user.id) if installation.cloud else ("github", user.name)
    with (installation.folder / "counterfoil.toml").open("a", encoding="utf-8") as config:
        config.write(f"{RULES.replace('mia@', 'omar@')}[accept]\nby_comment = true\n")
        config.write(f'[[people]]\nemail = "omar@acme.example"\n{kind} = "{account}"\n')
    url = installation.server.url
    return JiraEngineer.of(url, user) if kind == "jira" else GithubEngineer(url, user.token)


@pytest.mark.parametrize(
    ("installation", "word"),
    [("jira_cloud", "approve"), ("jira_cloud", "reject"), ("github", "approve")],
    indirect=["installation"],
)
def test_a_comment_decides_where_the_tracker_vouches_for_its_author_and_elsewhere_it_is_told_why_not(
    installation: Any, filed: Filed, word: str
) -> None:
    omar = omar_in(installation)
    ref = filed(installation)
    installation.run("sync")
    key = installation.run("item", "show", ref)["ticket"]["key"]
    installation.engineer.wont_do(key, "It is switched off in March")
    installation.run("sync", expect=5)
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    installation.run("accept", "request", ref, "--until", until, *TERMS)
    with omar:
        said = omar.comment(key, f"/{word}-risk RA-1 as agreed")
        answer = installation.run("sync", expect=None)
        found = installation.run("accept", "show", ref)
        if not installation.cloud:
            assert found["state"] == "requested"
            assert any("does not vouch for who writes its comments" in text for text in answer["warnings"])
            return
        state = {"approve": "active", "reject": "rejected"}[word]
        assert (found["state"], found["questioned"]) == (state, [])
        assert (found["decisions"][0]["by"], found["decisions"][0]["channel"]) == ("omar@acme.example", "comment")
        assert is_closed(installation, key) is (word == "approve")
        omar.uncomment(key, said) if word == "approve" else omar.recomment(key, said, "I never said that")
    installation.run("sync")
    [doubt] = installation.run("accept", "show", ref)["questioned"]
    assert (doubt["comment"], doubt["by"]) == ({"approve": "deleted", "reject": "edited"}[word], "omar@acme.example")
    assert [each["ref"] for each in installation.run("status")["acceptances_questioned"]] == (
        ["RA-000001"] if word == "approve" else []
    )
    assert installation.run("accept", "show", ref)["state"] == state
    assert installation.run("sync")["operations"] == []
