"""The main job through the command line, on servers that have little more than issues."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.app.cli import run
from tests.connectors.poor_servers import PoorGithub, PoorJira, served

CONFIG = """
[state]
url = "sqlite:///counterfoil.db"

[trackers.work]
url = "{url}"
token_file = "token"
{table}

[[routes]]
tracker = "work"

[[people]]
email = "mia@acme.example"
github = "mia"
jira = "mia"

[safety]
change_share = 1.0
visibility_wait_seconds = 0

[resolve]
high = {{ pieces = 0 }}
"""
TITLES = [f"Encrypt volume {number} of the billing system" for number in range(6)]


class Job:
    """One installation in a folder, and somebody at work on the tickets."""

    def __init__(self, folder: Path, url: str, table: str) -> None:
        self.folder, self.url = folder, url
        (folder / "token").write_text("s3cret")
        (folder / "token").chmod(0o600)
        (folder / "counterfoil.toml").write_text(CONFIG.format(url=url, table=table))
        self("init")

    def __call__(self, *words: str, expect: int = 0) -> Any:
        with redirect_stdout(io.StringIO()) as said:
            code = run([*words, "--json", "--config", str(self.folder / "counterfoil.toml")])
        assert code == expect, said.getvalue()
        return json.loads(said.getvalue()) if said.getvalue().strip() else None

    def send(self, verb: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(verb, self.url + path, json=body, trust_env=False)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    def mirrored(self, count: int, *, whole: bool = True) -> list[str]:
        """Items taken in and mirrored, each once; their tickets' keys in order.

        What a server does not keep as a `whole` is written to the ticket once more, and then left at that.
        """
        for title in TITLES:
            self("item", "add", title, "--owner", "mia@acme.example", "--priority", "high")
        planned = self("plan")
        assert not [p for p in self("check")["problems"] if p["fatal"]]
        first = self("sync", "--expect", planned["digest"])
        assert (first["created"], first["failed"], first["deferred"]) == (len(TITLES), 0, 0)
        assert first["requests"]["work"] <= count
        assert self("sync")["operations"] == [] or not whole
        return [item["ticket"]["key"] for item in self("item", "list")]

    def carried_back(self) -> list[str]:
        """What came back: the statuses, the claim, the comment. Then nothing is left to do."""
        self("sync", expect=5)
        shown = self("item", "list")
        assert [item["owner"] for item in shown] == ["mia@acme.example"] * len(TITLES)
        assert [item["title"] for item in shown] == TITLES
        heard = self("item", "show", shown[4]["ref"])["comments"]
        assert [c["text"].strip() for c in heard if c["inbound"]] == ["Which tenant is meant?"]
        assert self("sync", expect=5)["operations"] == []
        assert self("sync", expect=5)["requests"]["work"] <= 8
        assert self("audit", "verify", expect=2)["ok"]  # sound, and nobody signs here
        return [item["claim"] or item["status"] for item in shown[:4]]

    def changed_here(self) -> None:
        """An edit, a status and a comment of ours go out, once."""
        ref = self("item", "list")[3]["ref"]
        self("item", "edit", ref, "--title", "Encrypt every volume there is", "--status", "in_progress")
        self("item", "comment", ref, "The auditor asks for this one first.")
        done = self("sync", expect=5)
        assert (done["updated"], done["commented"], done["failed"]) == (1, 1, 0)
        assert self("sync", expect=5)["operations"] == []


JIRAS = [
    ("cloud",),
    ("datacenter",),
    ("cloud", "text", "named", "echo"),
    ("cloud", "empty-jql", "timeless"),
    ("cloud", "get-search", "strict-jql", "few-fields", "fields-only", "bare-transitions", "bare-comments"),
    ("datacenter", "get-search", "strict-jql", "few-fields", "fields-only", "bare-transitions", "named"),
]


@pytest.mark.parametrize("kind", JIRAS, ids=" ".join)
def test_the_main_job_on_a_poor_jira(tmp_path: Path, kind: tuple[str, ...]) -> None:
    deployment, jira = kind[0], PoorJira(*kind[1:])
    with served(jira) as url:
        job = Job(tmp_path, url, f'kind = "jira"\nproject = "SEC"\ndeployment = "{deployment}"')
        keys = job.mirrored(count=len(TITLES) + 10, whole="few-fields" not in jira.odd)
        at = f"/rest/api/{3 if deployment == 'cloud' else 2}/issue"
        for key, step in zip(keys, (2, 3, 4), strict=False):
            job.send("POST", f"{at}/{key}/transitions", {"transition": {"id": step}})
        job.send("PUT", f"{at}/{keys[3]}", {"fields": {"summary": "nope"}})
        job.send("POST", f"{at}/{keys[4]}/comment", {"body": "Which tenant is meant?"})
        assert job.carried_back() == ["in_progress", "resolved", "acceptance_requested", "open"]
        job.changed_here()
        adopted(job, job.send("POST", at, {"fields": {"project": {"key": "SEC"}, "summary": "An old one"}})["key"])
    assert len(jira.issues) == len(TITLES) + 1
    assert jira.issues[keys[3]]["fields"]["summary"] == "Encrypt every volume there is"
    assert jira.issues[keys[3]]["fields"]["status"] == {"name": "In Progress"}
    assert "counterfoil" in jira.issues["SEC-7"]["fields"]["labels"]


def adopted(job: Job, key: str) -> None:
    ref = job("item", "add", "Adopt the old ticket about the log", "--owner", "mia@acme.example")["ref"]
    job("item", "link", ref, key, expect=5)
    job("sync", expect=5)
    assert job("sync", expect=5)["operations"] == []


GITHUBS = [
    (),
    ("no-ids", "strings", "no-labels", "ok"),
    ("no-ids", "strings", "no-labels", "no-reasons", "ok", "timeless"),
]


@pytest.mark.parametrize("odd", GITHUBS, ids=" ".join)
def test_the_main_job_on_a_poor_github(tmp_path: Path, odd: tuple[str, ...]) -> None:
    github = PoorGithub(*odd)
    with served(github) as url:
        job = Job(tmp_path, url, 'kind = "github"\nrepository = "acme/platform"')
        numbers = [key.rpartition("#")[2] for key in job.mirrored(count=len(TITLES) + 10)]
        at = "/repos/acme/platform/issues"
        job.send("PATCH", f"{at}/{numbers[0]}", {"labels": [*github.issues[0]["labels"], "in progress"]})
        job.send("PATCH", f"{at}/{numbers[1]}", {"state": "closed", "state_reason": "completed"})
        job.send("PATCH", f"{at}/{numbers[2]}", {"state": "closed", "state_reason": "not_planned"})
        job.send("PATCH", f"{at}/{numbers[3]}", {"title": "nope"})
        job.send("POST", f"{at}/{numbers[4]}/comments", {"body": "Which tenant is meant?"})
        wont = "resolved" if "no-reasons" in github.odd else "acceptance_requested"
        assert job.carried_back() == ["in_progress", "resolved", wont, "open"]
        job.changed_here()
        adopted(job, f"acme/platform#{job.send('POST', at, {'title': 'An old one'})['number']}")
    assert len(github.issues) == len(TITLES) + 1
    assert github.issues[3]["title"] == "Encrypt every volume there is"
    assert "in progress" in github.issues[3]["labels"]
