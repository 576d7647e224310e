"""What an embedded Jira remembers of its issues, and the search index that trails behind it."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.calls import User
from connectors.sandbox.jira_site import Status

Body = str | dict[str, Any] | None


def milliseconds(at: datetime) -> int:
    """A time as Jira counts it."""
    return int(at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Item:
    """One field of one change, as the changelog shows it."""

    field: str
    before: str | None
    before_text: str | None
    after: str | None
    after_text: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of an issue's changelog."""

    id: int
    author: User
    at: datetime
    items: tuple[Item, ...]


@dataclass(slots=True)
class Comment:
    """Something said on an issue."""

    id: int
    author: User
    body: Body
    created: datetime
    updated: datetime
    properties: list[dict[str, Any]] = field(default_factory=list)
    visibility: dict[str, Any] | None = None


@dataclass(slots=True)
class Issue:
    """One issue, as it is now."""

    id: int
    key: str
    project: str
    type: str
    summary: str
    status: Status
    reporter: User
    created: datetime
    updated: datetime
    description: Body = None
    priority: str | None = None
    resolution: str | None = None
    resolved: datetime | None = None
    assignee: User | None = None
    duedate: str | None = None
    labels: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    history: list[Change] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    archived: bool = False
    hidden: bool = False
    duplicates: list[tuple[int, "Issue"]] = field(default_factory=list, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of an issue; searches match this, and show the issue itself."""

    id: int
    key: str
    project: str
    type: str
    status: str
    category: str
    resolution: str | None
    priority: str | None
    assignee: str | None
    reporter: str
    labels: frozenset[str]
    created: int
    updated: int

    @classmethod
    def of(cls, issue: Issue) -> "Entry":
        """The issue as the index keeps it."""
        return cls(
            id=issue.id,
            key=issue.key,
            project=issue.project,
            type=issue.type,
            status=issue.status.name,
            category=issue.status.category.name,
            resolution=issue.resolution,
            priority=issue.priority,
            assignee=issue.assignee.id if issue.assignee else None,
            reporter=issue.reporter.id,
            labels=frozenset(issue.labels),
            created=milliseconds(issue.created),
            updated=milliseconds(issue.updated),
        )


class Index:
    """Every entry by id, by label and in the order of `updated`."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.by_label: dict[str, set[int]] = {}
        self._order: list[tuple[int, int]] = []
        self._waiting: deque[tuple[datetime, int, Entry | None]] = deque()

    def since(self, updated: int, id_: int = 0) -> Iterator[Entry]:
        """Entries in the order of (updated, id), from this point on."""
        for place in range(bisect_left(self._order, (updated, id_)), len(self._order)):
            yield self.entries[self._order[place][1]]

    def labelled(self, labels: Iterable[str]) -> set[int]:
        """The ids that carry any of the labels, which are given in lower case."""
        return set().union(*(self.by_label.get(label, set()) for label in labels))

    def later(self, due: datetime, id_: int, entry: Entry | None) -> None:
        """Take an entry in (or drop it, if it is `None`) once `due` has come."""
        self._waiting.append((due, id_, entry))

    def catch_up(self, now: datetime) -> None:
        """Take in what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            _, id_, entry = self._waiting.popleft()
            known = self.entries.get(id_)
            if entry is None or known is None or entry.updated >= known.updated:
                self.put(id_, entry)

    def put(self, id_: int, entry: Entry | None) -> None:
        """Take an entry in at once, or drop it."""
        known = self.entries.pop(id_, None)
        if known is not None:
            del self._order[bisect_left(self._order, (known.updated, id_))]
            for label in known.labels:
                self.by_label[label.lower()].discard(id_)
        if entry is not None:
            self.entries[id_] = entry
            insort(self._order, (entry.updated, id_))
            for label in entry.labels:
                self.by_label.setdefault(label.lower(), set()).add(id_)


class Issues:
    """All issues of a site by id and by every key they ever had."""

    def __init__(self) -> None:
        self.by_id: dict[int, Issue] = {}
        self.index = Index()
        self._keys: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._ids = 9_999
        self._minor = 0

    def next_id(self) -> int:
        """An id for the next issue."""
        self._ids += 1
        return self._ids

    def next_key(self, project: str) -> str:
        """A key for the next issue in `project`."""
        self._numbers[project] = self._numbers.get(project, 0) + 1
        return f"{project}-{self._numbers[project]}"

    def next_minor(self) -> int:
        """An id for a comment, a change or another small thing."""
        self._minor += 1
        return 10_000 + self._minor

    def get(self, id_or_key: str) -> Issue | None:
        """The issue of this id or key, also by a key it had before; hidden issues are not there."""
        number = int(id_or_key) if id_or_key.isascii() and id_or_key.isdigit() else self._keys.get(id_or_key.upper())
        issue = self.by_id.get(number) if number is not None else None
        return None if issue is None or issue.hidden else issue

    def add(self, issue: Issue, lag: float) -> None:
        """Remember a new issue."""
        self.by_id[issue.id] = issue
        self._keys[issue.key] = issue.id
        self.indexed(issue, issue.created, lag)

    def remove(self, issue: Issue, at: datetime, lag: float) -> None:
        """Forget an issue, with all its keys; the index notices later."""
        del self.by_id[issue.id]
        self._keys = {key: id_ for key, id_ in self._keys.items() if id_ != issue.id}
        self._index(issue.id, None, at, lag)

    def rekey(self, issue: Issue, project: str) -> str:
        """Move an issue; the key it had leads to it still. Returns that key."""
        had = issue.key
        issue.key, issue.project = self.next_key(project), project
        self._keys[issue.key] = issue.id
        return had

    def rename(self, old: str, new: str, at: datetime, lag: float) -> None:
        """Give a project another key, and so all its issues."""
        self._numbers[new] = self._numbers.pop(old, 0)
        for issue in self.by_id.values():
            if issue.project == old:
                issue.project, issue.key = new, f"{new}-{issue.key.rpartition('-')[2]}"
                self._keys[issue.key] = issue.id
                self.indexed(issue, at, lag)

    def changed(self, issue: Issue, author: User, at: datetime, items: Sequence[Item], lag: float) -> Change | None:
        """Note that an issue changed, with an entry in its changelog if fields did."""
        issue.updated = at
        change = Change(self.next_minor(), author, at, tuple(items)) if items else None
        if change is not None:
            issue.history.append(change)
        self.indexed(issue, at, lag)
        return change

    def indexed(self, issue: Issue, at: datetime, lag: float) -> None:
        """Let the index know, `lag` seconds from `at`; it does not hold what is archived or hidden."""
        self._index(issue.id, None if issue.archived or issue.hidden else Entry.of(issue), at, lag)

    def reconcile(self, ids: Iterable[int]) -> None:
        """Bring the index up to date for these issues at once."""
        for id_ in ids:
            issue = self.by_id.get(id_)
            self.index.put(id_, None if issue is None or issue.archived or issue.hidden else Entry.of(issue))

    def _index(self, id_: int, entry: Entry | None, at: datetime, lag: float) -> None:
        if lag > 0:
            self.index.later(at + timedelta(seconds=lag), id_, entry)
        else:
            self.index.put(id_, entry)


def properties_of(given: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A list of `{key, value}` as one mapping."""
    return {str(one["key"]): one.get("value") for one in given}
