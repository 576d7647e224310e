"""How many requests each piece of work takes, counted by the trackers themselves, whatever the number of items."""

import json
import signal
from collections import Counter
from typing import Any

import pytest


def taken_in(installation: Any, count: int) -> None:
    words = "As the policy says. " * 10
    items = [{"external_ref": f"B-{n}", "title": f"Encrypt volume {n}", "description": words} for n in range(count)]
    (installation.folder / "items.json").write_text(json.dumps(items))
    installation.run("intake", "json", str(installation.folder / "items.json"))


def asked(installation: Any, *words: str, expect: int | None = 0) -> Counter[str]:
    """A sync, and the requests that it made, numbers taken out."""
    installation.server.requests.clear()
    installation.run("sync", "--force", "a first mirror", *words, expect=expect)
    return Counter(f"{seen.method} {_kind(seen.path)}" for seen in installation.server.requests)


def _kind(path: str) -> str:
    return "/".join("*" if any(c.isdigit() for c in part) else part for part in path.split("/")[-2:])


@pytest.fixture(autouse=True)
def nothing_young_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_SAFETY__VISIBILITY_WAIT_SECONDS", "3600")


@pytest.mark.parametrize("count", [100, 300])
def test_on_jira_cloud_work_costs_what_changed(jira_cloud: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_in(jira_cloud, count)
    first = asked(jira_cloud)
    assert (first["POST issue/bulk"], first.total()) == (count // 50, count // 50 + 5)
    asked(jira_cloud)
    assert asked(jira_cloud) == {"POST search/jql": 1}
    items = [item for item in jira_cloud.run("item", "list") if item["ticket"]][:10]
    for item in items:
        jira_cloud.engineer.start(item["ticket"]["key"])
    assert asked(jira_cloud) == {"POST search/jql": 1, "POST issue/bulkfetch": 1}
    for item in items:
        jira_cloud.run("item", "edit", item["ref"], "--description", "Another description of the same thing.")
    changed = asked(jira_cloud)
    assert sum(number for kind, number in changed.items() if kind.startswith("PUT")) == 10
    assert changed.total() <= 13
    monkeypatch.setenv("COUNTERFOIL_TRACKERS__WORK__AUDIT_HOURS", "0")
    asked(jira_cloud)
    assert asked(jira_cloud) == {"POST search/jql": 2}


def test_on_jira_data_center_work_costs_what_changed(jira_datacenter: Any) -> None:
    taken_in(jira_datacenter, 100)
    first = asked(jira_datacenter)
    assert (first["POST issue/bulk"], first["POST */search"], first.total()) == (2, 4, 8)
    asked(jira_datacenter)
    assert asked(jira_datacenter) == {"POST */search": 1}
    for item in [item for item in jira_datacenter.run("item", "list") if item["ticket"]][:10]:
        jira_datacenter.engineer.start(item["ticket"]["key"])
    changed = asked(jira_datacenter)
    assert changed == {"POST */search": 1, "GET issue/*": 10, "GET */myself": 1}


@pytest.mark.parametrize("installation", ["jira_cloud", "jira_datacenter"], indirect=True)
@pytest.mark.parametrize("count", [3, 7])
def test_on_jira_what_changed_here_costs_one_request_each_and_few_in_all(installation: Any, count: int) -> None:
    taken_in(installation, 60)
    asked(installation)
    asked(installation, "--full")
    items = installation.run("item", "list")
    for item in items[:count]:
        installation.run("item", "edit", item["ref"], "--description", "Another description of the same thing.")
    texts = asked(installation)
    assert (texts["PUT issue/*"], texts.total() - count) == (count, 2 if installation.cloud else 3)
    for item in items[-count:]:
        installation.run("item", "edit", item["ref"], "--status", "in_progress")
    states = asked(installation)
    assert (states["POST */transitions"], states["GET */transitions"]) == (count, 1)
    assert states.total() - count <= 5
    assert asked(installation).total() == 1


def test_on_github_an_audit_reads_the_list_and_no_issue(github: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_in(github, 120)
    assert asked(github) == {"GET platform/issues": 1, "POST platform/issues": 120}
    asked(github)
    monkeypatch.setenv("COUNTERFOIL_TRACKERS__WORK__AUDIT_HOURS", "0")
    audit = asked(github)
    pages = audit["GET platform/issues"] + audit["GET */issues"]
    assert (pages, audit.total() - pages - audit["GET sandbox/user"]) == (3, 0)


def test_a_first_mirror_killed_at_half_and_gone_on_with_takes_few_more_requests_than_a_whole_one(
    jira_cloud: Any,
) -> None:
    taken_in(jira_cloud, 500)
    jira_cloud.server.requests.clear()
    killed = jira_cloud.process("sync", "--force", "a first mirror", crash="created.after:5")
    assert killed.code == -signal.SIGKILL
    sent = sum(seen.path.endswith("issue/bulk") for seen in jira_cloud.server.requests)
    # Another batch may have been about to be sent when the process was killed: it is waited for, with exit code 3.
    rest = asked(jira_cloud, expect=None)
    assert 5 <= rest["POST issue/bulk"] + sent <= 10
    assert rest.total() - rest["POST issue/bulk"] <= 7


def test_a_run_makes_two_connections_to_a_site_at_most(jira_cloud: Any) -> None:
    taken_in(jira_cloud, 400)
    before, jira_cloud.server.latency = jira_cloud.server.connections, 0.02
    asked(jira_cloud)
    assert jira_cloud.server.connections - before == 2
