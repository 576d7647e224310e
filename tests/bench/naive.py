"""A script that minds each ticket by itself, with the vendor's SDK as it comes, and reads everything anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from github import Auth, Github
from jira import JIRA

REPOSITORY = "acme/platform"


@dataclass(frozen=True)
class Naive:
    """A script without a memory, for one tracker; it begins anew for each piece of work, as a cron line does."""

    kind: str
    url: str
    token: str
    email: str

    def create(self, titles: Sequence[str]) -> None:
        """Create a ticket for each title; on Jira one is looked for first, and its library reads what it made."""
        if self.kind == "github":
            repository = self._github()
            for title in titles:
                repository.create_issue(title)
            return
        jira = self._jira()
        for title in titles:
            jira.search_issues(f'project = SEC AND labels = "{title.replace(" ", "-")}"', maxResults=1)
            jira.create_issue({"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": title})

    def read(self, keys: Sequence[str]) -> None:
        """Read each ticket."""
        tracker = self._github() if self.kind == "github" else self._jira()
        for key in keys:
            self._read(tracker, key)

    def change(self, keys: Sequence[str]) -> None:
        """Read each ticket and give it another title; Jira's library reads it once more."""
        tracker = self._github() if self.kind == "github" else self._jira()
        for key in keys:
            ticket = self._read(tracker, key)
            if self.kind == "github":
                ticket.edit(title="Another title of it")
            else:
                ticket.update(fields={"summary": "Another title of it"})

    def _read(self, tracker: Any, key: str) -> Any:
        return tracker.get_issue(int(key.rpartition("#")[2])) if self.kind == "github" else tracker.issue(key)

    def _github(self) -> Any:
        """Without the pauses that the library makes between requests."""
        at = Github(
            base_url=self.url, auth=Auth.Token(self.token), seconds_between_requests=0, seconds_between_writes=0
        )
        return at.get_repo(REPOSITORY)

    def _jira(self) -> JIRA:
        if self.kind == "jira-cloud":
            return JIRA(self.url, basic_auth=(self.email, self.token))
        return JIRA(self.url, token_auth=self.token)
