"""One installation with two trackers, a year that passes at once, and the people who work in it."""

import io
import json
import pwd
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox
from connectors.sandbox.server import SandboxServer
from sync.app import shell
from sync.app.cli import run
from tests.databases import Databases

CONFIG = """
[state]
url = "{state}"

[trackers.work]
kind = "jira"
url = "{jira}"
deployment = "cloud"
project = "SEC"
email = "sync@acme.example"
token_file = "jira.token"

[trackers.code]
kind = "github"
url = "{github}"
repository = "acme/platform"
token_file = "github.token"

[[routes]]
tracker = "code"
when = {{ controls = ["CC8.*"] }}
[[routes]]
tracker = "work"

{people}

[roles]
author = ["kim@acme.example"]
reviewer = ["rex@acme.example"]
[roles.risk_owner]
critical = ["ruth@acme.example", "omar@acme.example"]
high = ["ruth@acme.example", "omar@acme.example"]
medium = ["ruth@acme.example", "omar@acme.example"]
low = ["ruth@acme.example"]

[resolve]
critical = {{ pieces = 1, review = true }}
high = {{ pieces = 1, review = true }}
medium = {{ pieces = 0 }}
low = {{ pieces = 0 }}

[accept]
by_comment = true

[evidence]
copy_attachments = true

[safety]
max_creates = 500
change_share = 1.0
visibility_wait_seconds = 0

[[groups]]
by = "control"
source = ["automated_test"]
controls = ["CC7.2"]

[audit]
key_file = "{key}"
public_keys = [{others}]
[[audit.anchors]]
name = "share"
kind = "directory"
path = "share"
"""
PEOPLE = {
    "kim": {},
    "rex": {},
    "ruth": {},
    "mia": {"jira": "5b10ac8d82e05b22cc7d4ef5", "github": "mia-krystof"},
    "omar": {"jira": "5b109f2e9729b51b54dc274d"},
    "lena": {"jira": "5b1099d0c8a4f72b6c5e4a11", "github": "alana-grant"},
}
"""Who is known, by login; the address of each is the login at acme.example."""


LOGINS = {"mia": "mia-krystof", "lena": "alana-grant", "emma": "emma-richards"}
"""Who works on GitHub; Emma is nobody in the configuration."""


class Clock:
    """Stands still but for a hundredth of a second at each look, and passes at once where somebody waits."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self, zone: tzinfo = UTC) -> datetime:
        """What time it is."""
        self.at += timedelta(milliseconds=10)
        return self.at.astimezone(zone)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self.at += timedelta(seconds=max(seconds, 0.0))


@dataclass
class Premises:
    """A folder with a configuration, a Jira and a GitHub, the people in both, and the clock that all of them go by."""

    folder: Path
    databases: Databases
    state: str
    clock: Clock
    jira: SandboxServer
    github: SandboxServer
    at_jira: dict[str, JiraEngineer]
    at_github: dict[str, GithubEngineer]
    patch: pytest.MonkeyPatch
    key: str = "audit.key"
    others: list[str] = field(default_factory=list)

    def configure(self) -> None:
        """Write the configuration as it is to be now."""
        people = "\n".join(
            f'[[people]]\nemail = "{name}@acme.example"\nlogin = "{name}"\n'
            + "\n".join(f'{kind} = "{account}"' for kind, account in accounts.items())
            for name, accounts in PEOPLE.items()
        )
        others = ", ".join(f'"{each}"' for each in self.others)
        urls = {"jira": self.jira.url, "github": self.github.url}
        text = CONFIG.format(state=self.state, people=people, key=self.key, others=others, **urls)
        (self.folder / "counterfoil.toml").write_text(text, encoding="utf-8")

    def until(self, at: datetime) -> None:
        """Let time pass until then; it never goes back."""
        assert at > self.clock.at, f"{at} is past: it is {self.clock.at}"
        self.clock.at = at

    def run(self, who: str, *words: str, expect: tuple[int, ...] = (0,)) -> Any:
        """Have somebody give a command, in this process; its JSON answer."""
        self.patch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd((who, "x", uid, uid, "", "/", "/bin/sh")))
        self.patch.setenv("COUNTERFOIL_USER", who)
        with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as told:
            code = run([*words, "--json", "--config", str(self.folder / "counterfoil.toml")])
        assert code in expect, (words, code, said.getvalue()[-2000:], told.getvalue()[-2000:])
        return json.loads(said.getvalue()) if said.getvalue().strip() else None

    def file(self, name: str, text: str) -> str:
        """Put a file there; its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@contextmanager
def premises(folder: Path, databases: Databases, begin: datetime) -> Iterator[Premises]:
    """All of it, with nothing configured yet, and the clock at the beginning."""
    clock = Clock(begin)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(shell), "datetime", clock)
        patch.setattr(time, "sleep", clock.sleep)
        jira = stack.enter_context(SandboxServer(JiraCloudSandbox(), clock=clock.now))
        github = stack.enter_context(SandboxServer(GithubSandbox(), clock=clock.now))
        users = {user.name: user for user in jira.sandbox.users}
        logins = {user.name: user for user in github.sandbox.users}
        at_jira = {n: stack.enter_context(JiraEngineer.of(jira.url, users[n])) for n in ("mia", "omar", "lena")}
        at_github = {
            name: stack.enter_context(GithubEngineer(github.url, logins[LOGINS[name]].token))
            for name in ("mia", "lena", "emma")
        }
        for name, token in (("jira", users["sync"].token), ("github", logins["counterfoil-bot"].token)):
            (folder / f"{name}.token").write_text(token, encoding="utf-8")
            (folder / f"{name}.token").chmod(0o600)
        yield Premises(folder, databases, databases.empty(), clock, jira, github, at_jira, at_github, patch)
