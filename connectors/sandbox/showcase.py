"""Two embedded trackers, how to configure them, and the engineers who work in them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.__main__ import open_server
from connectors.sandbox.engineer import Engineer
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.jira_engineer import JiraEngineer

BRING_BACK = "python -m connectors.sandbox --jira-cloud --github --persist"
"""The command that serves the trackers of a folder again, on the ports they had if those are free."""

PEOPLE = """
[[people]]
email = "mia@acme.example"
github = "mia-krystof"
jira = "5b10ac8d82e05b22cc7d4ef5"

[[people]]
email = "omar@acme.example"
github = "alana-grant"
jira = "5b109f2e9729b51b54dc274d"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One embedded tracker: its name and table in a configuration, our token, and an engineer at work in it.

    The table expects the token in a file called `<name>.token`.
    """

    name: str
    product: str
    table: str
    token: str
    engineer: Engineer


@contextmanager
def showcase(folder: Path) -> Iterator[tuple[Place, Place]]:
    """Serve an issue tracker and a code host that keep their state in `folder`; both stop at the end."""
    with ExitStack() as stack:
        jira = stack.enter_context(open_server("jira-cloud", 0.0, folder))
        github = stack.enter_context(open_server("github", 0.0, folder))
        users = {user.name: user for server in (jira, github) for user in server.sandbox.users}
        mia, sync, bot = users["mia"], users["sync"], users["counterfoil-bot"]
        at_jira = stack.enter_context(JiraEngineer(jira.url, mia.token, mia.email))
        at_github = stack.enter_context(GithubEngineer(github.url, users["mia-krystof"].token))
        yield (
            Place("eng-jira", "Jira", _jira_table(jira.url, sync.email), sync.token, at_jira),
            Place("platform", "GitHub", _github_table(github.url), bot.token, at_github),
        )


def _jira_table(url: str, email: str) -> str:
    return f"""
[trackers.eng-jira]
kind = "jira"
url = "{url}"
deployment = "cloud"
project = "SEC"
issue_type = "Task"
email = "{email}"
token_file = "eng-jira.token"
"""


def _github_table(url: str) -> str:
    return f"""
[trackers.platform]
kind = "github"
url = "{url}"
repository = "acme/platform"
token_file = "platform.token"
"""
