"""What an embedded GitHub remembers: people, repositories, issues and everything that happened to them."""

from dataclasses import dataclass, field
from typing import Any

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
"""What a person may do in every repository, least first."""


@dataclass(slots=True)
class Person:
    """An account; `role` holds in every repository of the sandbox."""

    login: str
    id: int
    name: str
    email: str
    token: str
    role: str = "write"
    kind: str = "User"

    def may(self, role: str) -> bool:
        """Whether this person has at least `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(slots=True)
class Label:
    """A label as its repository defines it."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Hook:
    """A webhook, and what became of its deliveries."""

    id: int
    url: str
    secret: str
    events: list[str]
    created_at: str
    content_type: str = "json"
    active: bool = True
    deliveries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Repository:
    """A repository with its labels by lower-case name; `touched` orders its issues by their last change."""

    id: int
    full_name: str
    created_at: str
    private: bool = True
    archived: bool = False
    has_issues: bool = True
    next_number: int = 1
    labels: dict[str, Label] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    touched: list[tuple[str, int, int]] = field(default_factory=list)
    version: int = 0


@dataclass(slots=True)
class Event:
    """Something that happened to an issue, as the events and the timeline tell it."""

    id: int
    kind: str
    actor: str
    at: str
    via_app: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody found of a pull request: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`."""

    id: int
    author: str
    state: str
    at: str


@dataclass(slots=True)
class Pull:
    """What makes an issue a pull request."""

    head: str
    merged_at: str | None = None
    merged_by: str | None = None
    commit: str | None = None
    reviews: tuple[Review, ...] = ()


@dataclass(slots=True)
class Issue:
    """An issue or a pull request. Lists are replaced and never changed in place, so that a copy stays as it was."""

    id: int
    repository: int
    number: int
    title: str
    body: str | None
    author: str
    created_at: str
    updated_at: str
    via_app: bool = False
    state: str = "open"
    reason: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    comments: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    locked: bool = False
    lock_reason: str | None = None
    deleted: bool = False
    moved_to: tuple[int, int] | None = None
    pull: Pull | None = None
    touch: int = 0


@dataclass(slots=True)
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    repository: int
    issue: int
    author: str
    body: str
    created_at: str
    updated_at: str
    via_app: bool = False
    minimized: str | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something a webhook tells: the event's name, its action, and the facts that go with it."""

    event: str
    action: str
    repository: int
    issue: int
    actor: str
    comment: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
