"""The real command line, against embedded trackers on loopback."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox
from connectors.sandbox.server import SandboxServer
from sync.app.cli import run
from tests.databases import Databases
from tests.program import Ended, Program

CONFIG = """
[state]
url = "{state}"

{table}

[[routes]]
tracker = "{name}"

[[people]]
email = "mia@acme.example"
github = "mia-krystof"
jira = "{mia}"

[safety]
change_share = 1.0
visibility_wait_seconds = 0

[resolve]                            # what is done counts as done, since this is not about evidence
critical = {{ pieces = 0 }}
high = {{ pieces = 0 }}
medium = {{ pieces = 0 }}
"""


@dataclass
class Installation:
    """One configured installation in a folder, with one tracker and an engineer at work in it."""

    folder: Path
    server: SandboxServer
    engineer: Any
    name: str
    program: Program

    def run(self, *words: str, expect: int | None = 0) -> Any:
        """Run a command in this process; its JSON answer. `expect` is the exit code, `None` for any."""
        with redirect_stdout(io.StringIO()) as said:
            code = run([*words, "--json", "--config", str(self.folder / "counterfoil.toml")])
        assert expect is None or code == expect, said.getvalue()
        return json.loads(said.getvalue()) if said.getvalue().strip() else None

    def process(self, *words: str, crash: str = "") -> Ended:
        """Run a command as a process of its own, which kills itself at the point named by `crash`."""
        return self.program(self.folder, *words, env={"COUNTERFOIL_CRASH": crash} if crash else {})

    def tickets(self) -> list[str]:
        """The key of every ticket that the tracker has, mirrored or not."""
        if isinstance(self.engineer, GithubEngineer):
            found = self.engineer._send("GET", "/repos/acme/platform/issues?state=all&per_page=100")
            return [f"acme/platform#{issue['number']}" for issue in found]
        path = "/search/jql" if self.cloud else "/search"
        found = self.engineer._ask("POST", path, {"jql": "project = SEC ORDER BY key ASC", "maxResults": 100})
        return [issue.get("key", issue["id"]) for issue in found["issues"]]

    def open_ticket(self, title: str) -> str:
        """Let the engineer open a ticket by hand; its key."""
        where = () if isinstance(self.engineer, GithubEngineer) else ("SEC",)
        return str(self.engineer.create(*where, title))

    @property
    def cloud(self) -> bool:
        return isinstance(self.server.sandbox, JiraCloudSandbox)


def _jira(folder: Path, state: str, program: Program, kind: type, deployment: str) -> Iterator[Installation]:
    with SandboxServer(kind()) as server:
        users = {user.name: user for user in server.sandbox.users}
        sync, mia = users["sync"], users["mia"]
        lines = ["[trackers.work]", 'kind = "jira"', f'url = "{server.url}"', f'deployment = "{deployment}"']
        lines += ['project = "SEC"', 'token_file = "token"']
        if deployment == "cloud":
            lines.append(f'email = "{sync.email}"')
        engineer = JiraEngineer.of(server.url, mia, cloud=deployment == "cloud")
        yield _installed(folder, state, program, server, engineer, "\n".join(lines), sync.token, mia.id)
        engineer.leave()


def _github(folder: Path, state: str, program: Program) -> Iterator[Installation]:
    with SandboxServer(GithubSandbox()) as server:
        users = {user.name: user for user in server.sandbox.users}
        table = f'[trackers.work]\nkind = "github"\nurl = "{server.url}"\nrepository = "acme/platform"\n'
        table += 'token_file = "token"'
        with GithubEngineer(server.url, users["mia-krystof"].token) as engineer:
            yield _installed(folder, state, program, server, engineer, table, users["counterfoil-bot"].token, "-")


def _installed(
    folder: Path,
    state: str,
    program: Program,
    server: SandboxServer,
    engineer: Any,
    table: str,
    token: str,
    mia: str,
) -> Installation:
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)
    (folder / "counterfoil.toml").write_text(CONFIG.format(state=state, table=table, name="work", mia=mia))
    return Installation(folder, server, engineer, "work", program)


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    with Program() as running:
        yield running


@pytest.fixture
def jira_cloud(tmp_path: Path, databases: Databases, program: Program) -> Iterator[Installation]:
    yield from _jira(tmp_path, databases.made(), program, JiraCloudSandbox, "cloud")


@pytest.fixture
def jira_datacenter(tmp_path: Path, databases: Databases, program: Program) -> Iterator[Installation]:
    yield from _jira(tmp_path, databases.made(), program, JiraDatacenterSandbox, "datacenter")


@pytest.fixture
def github(tmp_path: Path, databases: Databases, program: Program) -> Iterator[Installation]:
    yield from _github(tmp_path, databases.made(), program)


@pytest.fixture(params=["jira_cloud", "jira_datacenter", "github"])
def installation(request: pytest.FixtureRequest, databases: Databases) -> Installation:
    """One with each of the trackers, on each kind of database."""
    made: Installation = request.getfixturevalue(request.param)
    return made
