"""The real program, killed with SIGKILL at each named point of a run and started again."""

import signal
from itertools import cycle
from typing import Any

import pytest

from connectors.sandbox.faults import Fault
from sync.app.crashing import ANSWERED
from sync.watched import STEPS

RARE = {"find", "survey", "fetch", "activity", "recovery", "force", "refresh", "sending", "failure", "renewal"}
POINTS = (*(f"{step}.{side}" for step in STEPS if step not in RARE for side in ("before", "after")), ANSWERED)
"""Those of a run that meets nothing unusual."""

WHERE = (("jira_cloud", "sqlite"), ("github", "postgresql"), ("jira_datacenter", "sqlite"), ("github", "sqlite"))
"""Each point meets one of these in turn; in the campaign `crashes` it meets every tracker, many times."""


@pytest.mark.parametrize(
    ("point", "installation", "databases"),
    [
        pytest.param(point, tracker, kind, marks=[pytest.mark.postgresql] if kind == "postgresql" else [])
        for point, (tracker, kind) in zip(POINTS, cycle(WHERE), strict=False)
    ],
    indirect=["installation", "databases"],
)
def test_killed_and_resumed_there_is_one_ticket_per_item(installation: Any, point: str) -> None:
    old = installation.run("item", "add", "Rotate the access keys of the build account")["ref"]
    installation.run("sync")
    key = installation.run("item", "show", old)["ticket"]["key"]
    installation.run("item", "edit", old, "--title", "Rotate every access key of the build account")
    installation.run("item", "comment", old, "Before the audit, please.")
    for n in range(2):
        installation.run("item", "add", f"Encrypt volume {n} of the billing system")
    killed = installation.process("sync", crash=point)
    assert killed.code == -signal.SIGKILL
    installation.run("sync")
    installation.run("sync")
    assert len(installation.tickets()) == 3
    assert all(item["ticket"] for item in installation.run("item", "list"))
    assert installation.engineer.title(key) == "Rotate every access key of the build account"
    said = [c for c in installation.engineer.comments(key) if "Before the audit, please." in str(c)]
    assert len(said) == 1
    assert installation.run("sync")["operations"] == []
    assert installation.run("audit", "verify", expect=None)["ok"]


def test_a_plan_and_its_approval_go_on_after_a_killed_sync(github: Any) -> None:
    ref = github.run("item", "add", "Rotate the access keys of the build account")["ref"]
    assert github.process("sync", crash="create.after").code == -signal.SIGKILL
    planned = github.run("plan", "--check", expect=10)
    [told] = planned["not_known"]
    assert ref in told
    assert "UTC can settle it" in told
    assert (planned["operations"], planned["problems"]) == ([], [])
    said = github.process("plan")
    assert said.code == 3
    assert "Not known yet" in said.out
    assert "Not reached" not in said.out
    assert github.run("sync", "--expect", planned["digest"])["recovered"] == 1
    assert github.run("plan", "--check")["not_known"] == []


@pytest.mark.parametrize(("point", "linked"), [("pull.before", False), ("pull.after", True)])
def test_a_ticket_linked_by_hand_is_linked_or_not_and_the_next_sync_does_the_rest(
    github: Any, point: str, linked: bool
) -> None:
    ref = github.run("item", "add", "Rotate the access keys of the build account")["ref"]
    key = github.open_ticket("Made by hand")
    killed = github.process("item", "link", ref, key, crash=point)
    assert killed.code == -signal.SIGKILL
    assert bool(github.run("item", "show", ref)["ticket"]) is linked
    if not linked:
        github.run("item", "link", ref, key)
    github.run("sync")
    assert github.tickets() == [key]
    assert github.engineer.title(key) == "Rotate the access keys of the build account"
    assert github.run("sync")["operations"] == []


def test_no_second_ticket_is_made_while_the_index_hides_the_first(jira_cloud: Any) -> None:
    for n in range(2):
        jira_cloud.run("item", "add", f"Encrypt volume {n} of the billing system")
    jira_cloud.server.faults.search_lag = 86_400
    jira_cloud.server.faults.next("POST", "/issue/bulk$", Fault.LOSE_ANSWER)
    for _ in range(3):
        jira_cloud.run("sync", expect=None)
    assert jira_cloud.tickets() == []
    assert len(jira_cloud.server.sandbox.issues.by_id) == 2
    assert all(item["ticket"] for item in jira_cloud.run("item", "list"))


def test_where_a_token_has_no_account_nothing_whose_answer_was_lost_is_made_twice(github: Any) -> None:
    faults = github.server.faults
    faults.next("GET", "/user$", Fault.ERROR_BEFORE, status=403, times=99)
    ref = github.run("item", "add", "Encrypt the backup bucket of billing")["ref"]
    faults.next("POST", "/issues$", Fault.LOSE_ANSWER)
    github.run("sync", expect=3)
    assert github.run("sync")["recovered"] == 1
    github.run("item", "comment", ref, "Before the audit, please.")
    faults.next("POST", "/comments$", Fault.LOSE_ANSWER)
    github.run("sync", expect=3)
    for _ in range(3):
        github.run("sync")
    (key,) = github.tickets()
    assert len([c for c in github.engineer.comments(key) if "Before the audit, please." in str(c)]) == 1
    assert github.run("sync")["operations"] == []
