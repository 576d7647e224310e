"""Sizes that nobody plans for go through the real program: one ticket, nothing lost, little asked and little kept."""

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.github_server import GithubSandbox
from tests.databases import on_sqlite
from tests.program import Ended, Program

pytestmark = on_sqlite


def taken_in(installation: Any, program: Program, title: str, description: str = "") -> Ended:
    path = installation.folder / "items.json"
    path.write_text(json.dumps([{"external_ref": "X-1", "title": title, "description": description}]))
    ended = program(installation.folder, "intake", "json", str(path))
    assert ended.code == 0, ended.err
    return ended


def synced(installation: Any, program: Program) -> tuple[int, Ended]:
    """A sync as a process of its own, and how many requests it made."""
    installation.server.requests.clear()
    ended = program(installation.folder, "sync", "--force", "a test", "--json")
    assert ended.code == 0, ended.out + ended.err
    return len(installation.server.requests), ended


def ticket(installation: Any) -> str:
    [key] = installation.tickets()
    return str(key)


def repeat_last_comment(installation: Any, key: str, times: int) -> None:
    """Have the last comment stand there so many times more, without a request for each."""
    sandbox = installation.server.sandbox
    if isinstance(sandbox, GithubSandbox):
        [issue] = sandbox.state.issues.values()
        last = sandbox.state.comments[issue.comments[-1]]
        more = [replace(last, id=sandbox.state.new_id()) for _ in range(times)]
        sandbox.state.comments |= {one.id: one for one in more}
        issue.comments = (*issue.comments, *(one.id for one in more))
        return
    issue = sandbox.issues.get(key)
    issue.comments += [replace(issue.comments[-1], id=sandbox.issues.next_minor()) for _ in range(times)]


def heard(installation: Any) -> list[Any]:
    return [c for c in installation.run("item", "show", "1")["comments"] if c["inbound"]]


def quiet(installation: Any, program: Program) -> bool:
    """Whether, once at rest, a run asks what changed and nothing else."""
    synced(installation, program)
    asked, _ = synced(installation, program)
    return asked <= 2


def test_a_description_of_megabytes_goes_out_cut_and_says_so(installation: Any, program: Program) -> None:
    ended = taken_in(installation, program, "Encrypt the volumes", "As the policy says. " * 475_000)
    assert ended.peak < 400
    _, ended = synced(installation, program)
    assert ended.peak < 400
    body = json.dumps(installation.engineer.body(ticket(installation)))
    assert 30_000 < len(body) < 70_000
    assert "more characters are not shown here" in body
    assert quiet(installation, program)
    assert ticket(installation)


@pytest.mark.parametrize("installation", ["jira_datacenter", "github"], indirect=True)
def test_where_a_person_filled_the_body_to_the_brim_their_text_stays_and_the_rest_is_told(
    installation: Any, program: Program
) -> None:
    taken_in(installation, program, "Encrypt the volumes")
    synced(installation, program)
    key = ticket(installation)
    limit = 65_536 if isinstance(installation.server.sandbox, GithubSandbox) else 32_767
    body = installation.engineer.body(key)
    theirs = "y" * (limit - len(body) - 2)
    installation.engineer.set_body(key, f"{body}\n\n{theirs}")
    assert quiet(installation, program)
    installation.run("item", "edit", "1", "--description", "Volumes of every kind. " * 40)
    ended = program(installation.folder, "sync", "--json")
    assert (ended.code, json.loads(ended.out)["holds"][0]["kind"]) == (5, "rejected"), ended.out
    assert "32,767 char" in ended.out or "65536 char" in ended.out
    assert theirs in installation.engineer.body(key)
    assert ticket(installation)


def test_ten_thousand_comments_are_taken_in_once(installation: Any, program: Program) -> None:
    many = 10_000
    taken_in(installation, program, "Encrypt the volumes")
    synced(installation, program)
    key = ticket(installation)
    installation.engineer.comment(key, "Where do the keys live?")
    repeat_last_comment(installation, key, many - 2)
    installation.engineer.comment(key, "And who may read them?")
    asked, ended = synced(installation, program)
    assert asked <= many // 100 + 5
    assert ended.peak < 400
    said = [one["text"] for one in installation.run("item", "show", "1")["comments"]]
    assert (len(said), said[0], said[-1]) == (many, "Where do the keys live?", "And who may read them?")
    assert quiet(installation, program)
    assert len(installation.run("item", "show", "1")["comments"]) == many


def test_a_thousand_labels_of_people_are_kept_and_cost_nothing(installation: Any, program: Program) -> None:
    taken_in(installation, program, "Encrypt the volumes")
    synced(installation, program)
    key, sandbox, names = ticket(installation), installation.server.sandbox, [f"label-{n}" for n in range(1000)]
    if isinstance(sandbox, GithubSandbox):
        [issue] = sandbox.state.issues.values()
        [repository] = sandbox.state.repositories.values()
        for name in names:
            sandbox.state.label(repository, name)
        issue.labels = (*issue.labels, *names)
    else:
        sandbox.issues.get(key).labels += names
    installation.engineer.add_label(key, "one-more")
    assert quiet(installation, program)
    installation.run("item", "edit", "1", "--priority", "critical", "--control", "CC6.1")
    asked, _ = synced(installation, program)
    assert asked <= 8
    assert {*names, "one-more"} <= set(installation.engineer.labels(key))
    assert quiet(installation, program)
