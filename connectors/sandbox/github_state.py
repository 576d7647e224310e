"""The state of an embedded GitHub, and the changes that the vendor would make to it."""

from collections.abc import Iterable
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.sandbox.github_model import Comment, Event, Issue, Label, Occurrence, Person, Pull, Repository

FIRST_ID = 3_000_000_000
"""Ids are wider than 32 bits, as the vendor's are."""

FOUNDED = datetime(2020, 1, 1, tzinfo=UTC)
"""When what was there from the beginning began."""


class GithubState:
    """All that an embedded GitHub knows; every change keeps time, order, events and webhooks right.

    `at` is the time of the call being answered; `lag` is how long a change stays invisible to lists.
    """

    def __init__(self) -> None:
        self._last_id = FIRST_ID
        self._past: dict[tuple[int, int], list[tuple[datetime, Issue | None]]] = {}
        self.at = FOUNDED
        self.lag = timedelta()
        self.people: dict[str, Person] = {}
        self.repositories: dict[int, Repository] = {}
        self.names: dict[str, int] = {}
        self.issues: dict[tuple[int, int], Issue] = {}
        self.comments: dict[int, Comment] = {}
        self.outbox: list[Occurrence] = []

    def stamp(self) -> str:
        """Now as the vendor writes it: UTC, whole seconds."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_id(self) -> int:
        """An id that was never given before."""
        self._last_id += 1
        return self._last_id

    def add_person(self, person: Person) -> Person:
        """Make an account known; its login is unique whatever its case."""
        self.people[person.login.lower()] = person
        return person

    def add_repository(self, full_name: str) -> Repository:
        """Make an empty repository called `owner/name`."""
        repository = Repository(id=self.new_id(), full_name=full_name, created_at=self.stamp())
        self.repositories[repository.id] = repository
        self.names[full_name.lower()] = repository.id
        return repository

    def rename(self, repository: Repository, full_name: str) -> None:
        """Call a repository something else; its old names go on leading to it."""
        repository.full_name = full_name
        self.names[full_name.lower()] = repository.id

    def label(self, repository: Repository, name: str) -> Label:
        """The repository's label of that name, made on first use as the vendor does."""
        found = repository.labels.get(name.lower())
        if found is None:
            found = repository.labels[name.lower()] = Label(id=self.new_id(), name=name)
            repository.version += 1
        return found

    def touch(self, issue: Issue) -> None:
        """Say that an issue is about to change: its time moves, and lists find it at the end."""
        if self.lag and issue.touch:
            self._remember(issue, copy(issue))
        self._stamp(issue)

    def _stamp(self, issue: Issue) -> None:
        repository = self.repositories[issue.repository]
        issue.updated_at = self.stamp()
        issue.touch = self.new_id()
        repository.touched.append((issue.updated_at, issue.touch, issue.number))
        if len(repository.touched) > 2 * repository.next_number + 1000:
            repository.touched = [row for row in repository.touched if self.current(repository, row)]
        repository.version += 1

    def _remember(self, issue: Issue, before: Issue | None) -> None:
        self._past.setdefault((issue.repository, issue.number), []).append((self.at, before))

    def current(self, repository: Repository, row: tuple[str, int, int]) -> bool:
        """Whether a row of `touched` is an issue's latest."""
        return self.issues[repository.id, row[2]].touch == row[1]

    def as_listed(self, issue: Issue) -> Issue | None:
        """The issue as a lagging list shows it, `None` while it is not yet there."""
        horizon = self.at - self.lag
        for changed, before in self._past.get((issue.repository, issue.number), ()):
            if changed > horizon:
                return before
        return issue

    def record(self, issue: Issue, kind: str, actor: Person, **facts: Any) -> None:
        """Add an event to an issue's history."""
        happened = Event(self.new_id(), kind, actor.login, self.stamp(), actor.kind == "Bot", facts)
        issue.events = (*issue.events, happened)

    def tell(self, event: str, action: str, issue: Issue, actor: Person, **facts: Any) -> None:
        """Queue what a webhook says about a change, if anyone listens."""
        if any(hook.active for hook in self.repositories[issue.repository].hooks.values()):
            comment = facts.pop("comment", None)
            self.outbox.append(
                Occurrence(event, action, issue.repository, issue.number, actor.login, comment, facts),
            )

    def create(
        self,
        repository: Repository,
        actor: Person,
        title: str,
        body: str | None,
        *,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
        pull: Pull | None = None,
    ) -> Issue:
        """Open an issue, or a pull request where `pull` is given."""
        at = self.stamp()
        issue = Issue(self.new_id(), repository.id, repository.next_number, title, body, actor.login, at, at)
        issue.via_app, issue.pull = actor.kind == "Bot", pull
        repository.next_number += 1
        self.issues[repository.id, issue.number] = issue
        if self.lag:
            self._remember(issue, None)
        self._stamp(issue)
        self.tell("issues", "opened", issue, actor)
        self.relabel(issue, labels, actor, stamp=False)
        self.reassign(issue, assignees, actor, stamp=False)
        return issue

    def retitle(self, issue: Issue, title: str, actor: Person) -> None:
        """Give an issue another title."""
        if title == issue.title:
            return
        self.touch(issue)
        self.record(issue, "renamed", actor, rename={"from": issue.title, "to": title})
        self.tell("issues", "edited", issue, actor, changes={"title": {"from": issue.title}})
        issue.title = title

    def rewrite(self, issue: Issue, body: str | None, actor: Person) -> None:
        """Give an issue another body; no event tells of it, as at the vendor."""
        if body == issue.body:
            return
        self.touch(issue)
        self.tell("issues", "edited", issue, actor, changes={"body": {"from": issue.body or ""}})
        issue.body = body

    def relabel(self, issue: Issue, names: Iterable[str], actor: Person, *, stamp: bool = True) -> None:
        """Make `names` the labels of an issue, whatever their case."""
        repository = self.repositories[issue.repository]
        wanted = {name.lower(): self.label(repository, name).name for name in names}
        had = {name.lower(): name for name in issue.labels}
        if wanted.keys() == had.keys():
            return
        if stamp:
            self.touch(issue)
        for key in [*(key for key in had if key not in wanted), *(key for key in wanted if key not in had)]:
            label = self.label(repository, key)
            verb = "unlabeled" if key in had else "labeled"
            self.record(issue, verb, actor, label={"name": label.name, "color": label.color})
            self.tell("issues", verb, issue, actor, label=label.name)
        issue.labels = tuple(wanted.values())

    def reassign(self, issue: Issue, logins: Iterable[str], actor: Person, *, stamp: bool = True) -> None:
        """Make the people of `logins`, who must exist, the assignees of an issue."""
        wanted = tuple(dict.fromkeys(self.people[login.lower()].login for login in logins))[:10]
        if set(wanted) == set(issue.assignees):
            return
        if stamp:
            self.touch(issue)
        for login in [*(one for one in issue.assignees if one not in wanted), *wanted]:
            if login in wanted and login in issue.assignees:
                continue
            verb = "assigned" if login in wanted else "unassigned"
            self.record(issue, verb, actor, assignee=login)
            self.tell("issues", verb, issue, actor, assignee=login)
        issue.assignees = wanted

    def close(self, issue: Issue, reason: str, actor: Person, *, commit: str | None = None) -> None:
        """Close an open issue for a reason; a closed one stays as it is."""
        if issue.state == "closed":
            return
        self.touch(issue)
        issue.state, issue.reason = "closed", reason
        issue.closed_at, issue.closed_by = issue.updated_at, actor.login
        self.record(issue, "closed", actor, state_reason=reason, commit_id=commit)
        self.tell("issues", "closed", issue, actor)

    def reopen(self, issue: Issue, actor: Person) -> None:
        """Open a closed issue again."""
        if issue.state == "open":
            return
        self.touch(issue)
        issue.state, issue.reason, issue.closed_at, issue.closed_by = "open", "reopened", None, None
        self.record(issue, "reopened", actor, state_reason="reopened")
        self.tell("issues", "reopened", issue, actor)

    def lock(self, issue: Issue, actor: Person, *, locked: bool, reason: str | None = None) -> None:
        """Lock or unlock the conversation."""
        if issue.locked == locked:
            return
        self.touch(issue)
        issue.locked, issue.lock_reason = locked, reason
        verb = "locked" if locked else "unlocked"
        self.record(issue, verb, actor, lock_reason=reason)
        self.tell("issues", verb, issue, actor)

    def add_comment(self, issue: Issue, body: str, actor: Person) -> Comment:
        """Comment on an issue."""
        self.touch(issue)
        at = issue.updated_at
        comment = Comment(self.new_id(), issue.repository, issue.number, actor.login, body, at, at)
        comment.via_app = actor.kind == "Bot"
        self.comments[comment.id] = comment
        issue.comments = (*issue.comments, comment.id)
        self.tell("issue_comment", "created", issue, actor, comment=comment.id)
        return comment

    def edit_comment(self, comment: Comment, body: str, actor: Person) -> None:
        """Change the text of a comment."""
        issue = self.issues[comment.repository, comment.issue]
        self.touch(issue)
        self.tell("issue_comment", "edited", issue, actor, comment=comment.id, changes={"body": {"from": comment.body}})
        comment.body, comment.updated_at = body, issue.updated_at

    def remove_comment(self, comment: Comment) -> None:
        """Delete a comment; its issue remembers nothing of it."""
        issue = self.issues[comment.repository, comment.issue]
        self.touch(issue)
        issue.comments = tuple(one for one in issue.comments if one != comment.id)
        del self.comments[comment.id]

    def delete(self, issue: Issue, actor: Person) -> None:
        """Delete an issue for good: lists lose it without a trace, and its number is gone."""
        self.tell("issues", "deleted", issue, actor)
        self.touch(issue)
        issue.deleted = True

    def transfer(self, issue: Issue, target: Repository, actor: Person) -> Issue:
        """Move an issue to another repository, where it is a new one with another number."""
        known = [name for name in issue.labels if name.lower() in target.labels]
        moved = self.create(target, actor, issue.title, issue.body, labels=known, assignees=issue.assignees)
        moved.author, moved.created_at, moved.via_app = issue.author, issue.created_at, issue.via_app
        moved.state, moved.reason = issue.state, issue.reason
        moved.closed_at, moved.closed_by = issue.closed_at, issue.closed_by
        for key in issue.comments:
            self.comments[key].repository, self.comments[key].issue = target.id, moved.number
        moved.comments = issue.comments
        self.record(moved, "transferred", actor)
        self.tell("issues", "transferred", issue, actor)
        self.touch(issue)
        issue.moved_to = (target.id, moved.number)
        return moved

    def refer(self, issue: Issue, source: Issue, actor: Person) -> None:
        """Let an issue's timeline show that another one mentions it."""
        self.touch(issue)
        self.record(issue, "cross-referenced", actor, source=[source.repository, source.number])
