"""The tables by which items and tickets are read as each other, checked to be total and unambiguous."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256

from state.model import ActionItem, Authority, Field, Person, Priority, Problem, SourceKind, Status
from state.ticket import BodyFormat

LAYOUT = 1
"""Grows whenever this program changes how it writes or reads tickets, so that every link is compared anew."""

PRIORITY_NAMES: Mapping[Priority, str] = {
    Priority.CRITICAL: "Highest",
    Priority.HIGH: "High",
    Priority.MEDIUM: "Medium",
    Priority.LOW: "Low",
}
PRIORITY_LABELS: Mapping[Priority, str] = {priority: f"priority:{priority.value}" for priority in Priority}
STATUS_NAMES: Mapping[str, tuple[str, ...]] = {
    "open": (),
    "in_progress": (),
    "resolved": (),
    "acceptance": ("risk-accept",),
}
RESOLUTION_NAMES: Mapping[str, tuple[str, ...]] = {
    "resolved": ("Done", "Fixed", "Resolved", "Complete", "Completed"),
    "acceptance": (
        "Won't Do",
        "Wont Do",
        "Won't Fix",
        "Wont Fix",
        "Risk Accepted",
        "Declined",
        "not_planned",
    ),
    "duplicate": ("Duplicate",),
}
AUTHORITY: Mapping[Field, Authority] = {
    Field.STATUS: Authority.BOTH,
    Field.TITLE: Authority.ITEM,
    Field.BODY: Authority.ITEM,
    Field.PRIORITY: Authority.ITEM,
    Field.ASSIGNEE: Authority.BOTH,
    Field.DUE_DATE: Authority.ITEM,
    Field.LABELS: Authority.ITEM,
}
ACCEPTED_LABEL = "risk-accepted"
"""The label of a ticket whose item's risk is accepted; anywhere else it is taken off."""
ROUTE_KEYS = ("controls", "priority", "owner", "source", "risks")

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4`", "'"))


def folded(name: str) -> str:
    """The name as names are compared: case, typographic apostrophes and runs of blanks do not count."""
    return " ".join(name.translate(_APOSTROPHES).casefold().split())


@dataclass(frozen=True, slots=True)
class TrackerRules:
    """How items read in one tracker.

    `status` has the keys `open`, `in_progress`, `resolved`, `acceptance`; `resolution` has `resolved`, `acceptance`,
    `duplicate`. Of each list the first name is what we write; of the default resolutions only those of `acceptance`
    are written, and where work is done the tracker picks its own. `priority` names priorities, or labels where the
    tracker has no such field.
    """

    tracker: str
    account_kind: str
    fields: frozenset[Field]
    body_format: BodyFormat
    title_limit: int
    body_limit: int
    assignment_starts_work: bool = False
    mark: str = ""
    mentions: bool = False
    labels: tuple[str, ...] = ()
    status: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: STATUS_NAMES)
    resolution: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: RESOLUTION_NAMES)
    priority: Mapping[Priority, str] = field(default_factory=dict)
    authority: Mapping[Field, Authority] = field(default_factory=lambda: AUTHORITY)

    def __post_init__(self) -> None:
        """Complete what is left out, or empty, with the defaults."""
        priorities = PRIORITY_NAMES if Field.PRIORITY in self.fields else PRIORITY_LABELS
        object.__setattr__(self, "status", _completed(STATUS_NAMES, self.status))
        object.__setattr__(self, "resolution", _completed(RESOLUTION_NAMES, self.resolution))
        object.__setattr__(self, "priority", {**priorities, **{k: v for k, v in self.priority.items() if v}})
        object.__setattr__(self, "authority", {**AUTHORITY, **self.authority})

    @property
    def priority_labels(self) -> tuple[str, ...]:
        """The labels that say the priority; none where the tracker has priorities."""
        return () if Field.PRIORITY in self.fields else tuple(self.priority.values())

    def labels_of(self, item: ActionItem) -> frozenset[str]:
        """Every label of ours on the ticket of this item."""
        named = () if Field.PRIORITY in self.fields else (self.priority[item.priority],)
        accepted = (ACCEPTED_LABEL,) if item.status is Status.ACCEPTED_AS_RISK else ()
        return frozenset(label for label in (self.mark, *self.labels, *named, *accepted) if label)

    @property
    def our_labels(self) -> tuple[str, ...]:
        """Every label that we set on some ticket, and on no other."""
        named = (self.mark, *self.labels, *self.priority_labels, ACCEPTED_LABEL)
        return tuple(label for label in named if label)

    def priority_named(self, name: str) -> Priority | None:
        """The priority that the tracker calls `name`."""
        return next((p for p, known in self.priority.items() if folded(known) == folded(name)), None)

    def status_named(self, name: str) -> str | None:
        """The key of the status list that holds the state `name`."""
        return _key_of(self.status, name)

    def resolution_named(self, name: str) -> str | None:
        """The key of the resolution list that holds `name`."""
        return _key_of(self.resolution, name)

    def asking(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names of states and labels that ask for acceptance, sorted."""
        known = {folded(name) for name in self.status["acceptance"]}
        return tuple(sorted(name for name in names if folded(name) in known))

    def resolutions_to_write(self, status: Status) -> tuple[str, ...]:
        """The resolutions to ask for, the first that the tracker has; none leaves it to the tracker.

        An accepted risk is not work that is done: only a tracker that has no other word for it is told so.
        """
        done, usual = self.resolution["resolved"], RESOLUTION_NAMES["acceptance"]
        match status:
            case Status.RESOLVED:
                return () if done == RESOLUTION_NAMES["resolved"] else done[:1]
            case Status.ACCEPTED_AS_RISK:
                named = (name for name in usual if self.resolution_named(name) is None)
                return (*self.resolution["acceptance"], *named, *done)
            case _:
                return ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where items go that match: every key of `when` must match, by any of its patterns; none matches everything.

    Keys are `controls`, `risks`, `owner` (patterns with `*`, `?`, `[...]`), `priority` and `source`.
    """

    tracker: str
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def matches(self, item: ActionItem) -> bool:
        """Whether the item goes here."""
        return all(_matches(patterns, _values(item, key)) for key, patterns in self.when.items())


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the mapping knows: one table per tracker, the routes in order, and the people."""

    trackers: Mapping[str, TrackerRules]
    routes: tuple[Route, ...] = ()
    people: tuple[Person, ...] = ()
    _accounts: dict[tuple[str, str], str] = field(init=False, repr=False, compare=False, default_factory=dict)
    _emails: dict[tuple[str, str], str] = field(init=False, repr=False, compare=False, default_factory=dict)
    _digests: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index the people both ways."""
        for person in self.people:
            for kind, account in person.accounts.items():
                self._accounts[kind, person.email.casefold()] = account
                self._emails[kind, account.casefold()] = person.email

    def route(self, item: ActionItem) -> str | None:
        """The tracker the item belongs in: that of the first route that matches, `None` when none does."""
        return next((route.tracker for route in self.routes if route.matches(item)), None)

    def mentioned(self, tracker: str, name: str) -> str | None:
        """The account of the person whom `name`, an e-mail address or an account, means, if mentions are allowed."""
        known = self.trackers[tracker]
        email = self.person(name, known.account_kind) or name
        return self.account(email, known.account_kind) if known.mentions else None

    @property
    def routing(self) -> str:
        """A digest of the routes, equal in every process."""
        return _digest_of([[route.tracker, sorted(route.when.items())] for route in self.routes])

    def account(self, email: str, kind: str) -> str | None:
        """The account of the person with this e-mail address in trackers of this kind; never guessed."""
        return self._accounts.get((kind, email.strip().casefold()))

    def person(self, account: str, kind: str) -> str | None:
        """The e-mail address of the person who has this account in trackers of this kind."""
        return self._emails.get((kind, account.strip().casefold()))

    def digest(self, tracker: str) -> str:
        """A digest of everything that decides how items read in the tracker; equal in every process."""
        if tracker not in self._digests:
            self._digests[tracker] = self._digest(tracker)
        return self._digests[tracker]

    def _digest(self, tracker: str) -> str:
        known = self.trackers[tracker]
        accounts = {p.email: p.accounts[known.account_kind] for p in self.people if known.account_kind in p.accounts}
        facts = {
            "layout": LAYOUT,
            "tracker": [known.tracker, known.account_kind, known.body_format, known.title_limit, known.body_limit],
            "fields": sorted(known.fields),
            "starts": known.assignment_starts_work,
            "labels": [known.mark, *sorted(known.labels)],
            "status": {key: list(names) for key, names in known.status.items()},
            "resolution": {key: list(names) for key, names in known.resolution.items()},
            "priority": dict(known.priority),
            "authority": dict(known.authority),
            "people": accounts,
        }
        return _digest_of(facts)

    def problems(self) -> list[Problem]:
        """Everything that is ambiguous or leads nowhere in these tables, with the line that mends it."""
        return [
            *(problem for rules in self.trackers.values() for problem in _table_problems(rules)),
            *_route_problems(self.routes, self.trackers),
            *_people_problems(self.people),
        ]


def _digest_of(facts: object) -> str:
    return sha256(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _completed(
    defaults: Mapping[str, tuple[str, ...]], given: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {**defaults, **{key: tuple(names) for key, names in given.items() if names}}


def _key_of(lists: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    wanted = folded(name)
    return next((key for key, names in lists.items() if wanted in map(folded, names)), None)


def _values(item: ActionItem, key: str) -> tuple[str, ...]:
    match key:
        case "controls":
            return item.controls
        case "risks":
            return item.risks
        case "priority":
            return (item.priority.value,)
        case "owner":
            return (item.owner or "",)
        case "source":
            return (item.source_kind.value,)
        case _:
            return ()


def _matches(patterns: Iterable[str], values: Iterable[str]) -> bool:
    known = [value.casefold() for value in values]
    return any(fnmatchcase(value, pattern.casefold()) for pattern in patterns for value in known)


def _table_problems(rules: TrackerRules) -> Iterator[Problem]:
    table = f"[trackers.{rules.tracker}"
    for first, second, name in _shared({p.value: (n,) for p, n in rules.priority.items()}):
        yield Problem(
            f"tracker {rules.tracker}: priorities {first} and {second} are both called {name!r}",
            f"give each its own name in {table}.priority]",
            fatal=False,
        )
    for lists, section in ((rules.status, "status"), (rules.resolution, "resolution")):
        for first, second, name in _shared(lists):
            yield Problem(
                f"tracker {rules.tracker}: {section} {name!r} means both {first} and {second}",
                f"keep it in one list of {table}.{section}]",
            )
        for key in sorted(lists.keys() - (STATUS_NAMES if section == "status" else RESOLUTION_NAMES).keys()):
            yield Problem(f"tracker {rules.tracker}: unknown {section} {key!r}", f"remove it from {table}.{section}]")
    ours = set(map(folded, rules.our_labels))
    for name in rules.status["acceptance"]:
        if folded(name) in ours:
            yield Problem(
                f"tracker {rules.tracker}: label {name!r} asks for acceptance and is also one that we set",
                f"choose another name in {table}.status] acceptance",
            )


def _shared(lists: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    seen: dict[str, str] = {}
    for key, names in lists.items():
        for name in names:
            first = seen.setdefault(folded(name), key)
            if first != key:
                yield first, key, name


def _route_problems(routes: tuple[Route, ...], trackers: Mapping[str, TrackerRules]) -> Iterator[Problem]:
    if not routes:
        yield Problem("there is no route, so every item is held", 'add [[routes]] with tracker = "NAME"', fatal=False)
    catch_all = 0
    for number, route in enumerate(routes, start=1):
        if route.tracker not in trackers:
            known = ", ".join(sorted(trackers)) or "none"
            yield Problem(
                f"route {number} leads to the unknown tracker {route.tracker!r}", f"use one of the trackers: {known}"
            )
        if catch_all:
            yield Problem(
                f"route {number} is never reached, because route {catch_all} takes everything",
                f"move route {number} before route {catch_all}, or remove it",
                fatal=False,
            )
        yield from _condition_problems(number, route)
        catch_all = catch_all or (0 if route.when else number)


def _condition_problems(number: int, route: Route) -> Iterator[Problem]:
    closed = {"priority": [p.value for p in Priority], "source": [s.value for s in SourceKind]}
    for key, patterns in route.when.items():
        if key not in ROUTE_KEYS:
            yield Problem(f"route {number}: unknown condition {key!r}", f"use one of: {', '.join(ROUTE_KEYS)}")
        elif not patterns:
            yield Problem(f"route {number}: {key} lists nothing, so it never matches", f"name some, or remove {key}")
        for pattern in patterns:
            if key in closed and not _matches((pattern,), closed[key]):
                yield Problem(
                    f"route {number}: {key} {pattern!r} does not exist", f"use one of: {', '.join(closed[key])}"
                )


def _people_problems(people: tuple[Person, ...]) -> Iterator[Problem]:
    emails: set[str] = set()
    accounts: dict[tuple[str, str], str] = {}
    for person in people:
        if person.email.casefold() in emails:
            yield Problem(f"{person.email} is listed twice among the people", "merge the two [[people]] tables")
        emails.add(person.email.casefold())
        for kind, account in person.accounts.items():
            first = accounts.setdefault((kind, account.casefold()), person.email)
            if first.casefold() != person.email.casefold():
                yield Problem(
                    f"{first} and {person.email} have the same {kind} account {account!r}",
                    "give each person their own account in [[people]]",
                )


def transition_key(status: Status) -> str:
    """The key of the status list that names the tracker's states for an item's status."""
    return "resolved" if status in (Status.RESOLVED, Status.ACCEPTED_AS_RISK) else status.value
