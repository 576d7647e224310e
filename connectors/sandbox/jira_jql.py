"""The part of Jira's query language that a synchronisation needs: conditions joined by AND, and an order."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from operator import ge, gt, le, lt
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.jira_issues import Entry, Index, milliseconds


class Unclear(Exception):
    """The query cannot be answered; the text is what Jira says."""


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<op>>=|<=|!=|=|>|<|~)
    | (?P<mark>[(),])
    | (?P<word>[^\s"'(),=<>!~]+)
    )""",
    re.VERBOSE,
)

_FIELDS: dict[str, Callable[[Entry], Any]] = {
    "id": lambda e: str(e.id),
    "issue": lambda e: e.key,
    "key": lambda e: e.key,
    "issuekey": lambda e: e.key,
    "project": lambda e: e.project,
    "issuetype": lambda e: e.type,
    "type": lambda e: e.type,
    "status": lambda e: e.status,
    "statuscategory": lambda e: e.category,
    "resolution": lambda e: e.resolution or "Unresolved",
    "priority": lambda e: e.priority,
    "assignee": lambda e: e.assignee,
    "reporter": lambda e: e.reporter,
    "creator": lambda e: e.reporter,
    "labels": lambda e: e.labels,
    "created": lambda e: e.created,
    "updated": lambda e: e.updated,
}
_TIMES = ("created", "updated")
_KEYS = ("id", "issue", "key", "issuekey")
_COMPARE: dict[str, Callable[[int, int], bool]] = {">=": ge, ">": gt, "<=": le, "<": lt}
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause; `values` are lower-case texts, or milliseconds for a time, and none of them means EMPTY."""

    field: str
    op: str
    values: tuple[Any, ...]

    def holds(self, entry: Entry) -> bool:
        """Whether the entry fulfils it."""
        value = _FIELDS[self.field](entry)
        if self.field in _TIMES:
            return _COMPARE[self.op](value, self.values[0])
        present = {one.lower() for one in value} if self.field == "labels" else {value.lower()} if value else set()
        found = not present if not self.values else bool(present & set(self.values))
        return found if self.op in ("=", "in", "is") else not found


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for, and in which order: pairs of field and whether it descends."""

    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]

    def values(self, *fields: str) -> list[str]:
        """Every value that a clause on one of these fields asks for."""
        return [v for c in self.conditions if c.field in fields and c.op in ("=", "in") for v in c.values]

    def run(self, index: Index, after: tuple[Any, ...] | None = None) -> Iterator[Entry]:
        """The entries that fulfil it in their order, from behind the sort key `after` on."""
        by_age = self.order[:1] == (("updated", False),) and all(f in _KEYS and not d for f, d in self.order[1:])
        if by_age:
            floor = max(
                [int(c.values[0]) for c in self.conditions if c.field == "updated" and c.op in (">=", ">")] + [0]
            )
            begin = (floor, 0) if after is None else max((floor, 0), (int(after[0]), int(after[-1]) + 1))
            yield from (entry for entry in index.since(*begin) if self._fits(entry))
            return
        found = sorted((e for e in self._candidates(index) if self._fits(e)), key=self.place)
        yield from (entry for entry in found if after is None or self.place(entry) > tuple(after))

    def place(self, entry: Entry) -> tuple[Any, ...]:
        """The entry's sort key, which is unique."""
        key: list[Any] = []
        for field, descends in self.order:
            key += [_turned(value) if descends else value for value in _ranked(field, entry)]
        return (*key, entry.id)

    def _fits(self, entry: Entry) -> bool:
        return all(condition.holds(entry) for condition in self.conditions)

    def _candidates(self, index: Index) -> Sequence[Entry]:
        wanted = self.values("labels")
        if ids := self.values("id"):
            return [
                index.entries[int(one)]
                for one in dict.fromkeys(ids)
                if one.isascii() and one.isdigit() and int(one) in index.entries
            ]
        if wanted and all(c.op in ("=", "in") for c in self.conditions if c.field == "labels"):
            return [index.entries[id_] for id_ in index.labelled(wanted)]
        return list(index.entries.values())


def _ranked(field: str, entry: Entry) -> list[Any]:
    """What the field sorts by: keys by project, then as numbers."""
    if field == "id":
        return [entry.id]
    if field in _KEYS:
        project, _, number = entry.key.rpartition("-")
        return [project, int(number)]
    value = _FIELDS[field](entry)
    return [sorted(value) if isinstance(value, frozenset) else value or ""]


def _turned(value: Any) -> Any:
    """What sorts the other way round; texts letter by letter, with an end that sorts behind every letter."""
    if isinstance(value, int):
        return -value
    return [*(-ord(letter) for letter in value), 1] if isinstance(value, str) else value


def parse(text: str, now: datetime, timezone: str, me: str) -> Query:
    """Read a query as the person `me` at `now`, whose profile has this time zone. Raises `Unclear`."""
    # The name needs no time zone database, which small machines lack.
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    return _Parser(_tokens(text), now, zone, me).query()


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unclear(f"Error in the JQL Query: The character '{text[at]}' is a reserved JQL character.")
        found.append(match.group(0).strip())
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str], now: datetime, zone: tzinfo, me: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._now = now
        self._zone = zone
        self._me = me

    def query(self) -> Query:
        conditions: list[Condition] = []
        while self._peek() and self._peek().lower() != "order":
            conditions.append(self._condition())
            if self._peek() and self._peek().lower() not in ("and", "order"):
                raise Unclear(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{self._peek()}'.")
            if self._peek().lower() == "and":
                self._take()
        return Query(tuple(conditions), self._order())

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise Unclear("Error in the JQL Query: The query ends too early.")
        self._at += 1
        return token

    def _condition(self) -> Condition:
        field = self._field()
        op = self._take().lower()
        if op in ("not", "is") and self._peek().lower() in ("in", "not"):
            op = f"{op} {self._take().lower()}"
        if field in _TIMES:
            if op not in (">=", ">", "<=", "<"):
                raise Unclear(f"The operator '{op}' is not supported by the '{field}' field.")
            return Condition(field, op, (self._time(field, self._take()),))
        match op:
            case "=" | "!=":
                return Condition(field, op, self._several(self._take()))
            case "in" | "not in":
                return Condition(field, op, self._list())
            case "is" | "is not":
                self._take()
                return Condition(field, op, ())
            case _:
                raise Unclear(f"The operator '{op}' is not supported by the '{field}' field.")

    def _field(self) -> str:
        name = _plain(self._take())
        if name.lower() not in _FIELDS:
            raise Unclear(f"Field '{name}' does not exist or you do not have permission to view it.")
        return name.lower()

    def _several(self, token: str) -> tuple[str, ...]:
        if token.lower() == "currentuser" and self._peek() == "(":
            self._take()
            self._take()
            return (self._me.lower(),)
        return () if token.lower() in ("empty", "null") else (_plain(token).lower(),)

    def _list(self) -> tuple[str, ...]:
        values: list[str] = []
        if self._take() != "(":
            raise Unclear("Error in the JQL Query: Expecting '('.")
        while True:
            values.extend(self._several(self._take()))
            match self._take():
                case ")":
                    return tuple(values)
                case ",":
                    continue
                case other:
                    raise Unclear(f"Error in the JQL Query: Expecting ',' or ')' but got '{other}'.")

    def _time(self, field: str, token: str) -> int:
        text = _plain(token)
        if re.fullmatch(r"-?\d{1,18}", text):
            return int(text)
        if relative := re.fullmatch(r"(-?)(\d{1,5})([mhdw])", text):
            span = timedelta(seconds=int(relative[2]) * _UNITS[relative[3]])
            return milliseconds(self._now - span if relative[1] else self._now + span)
        for form in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
            try:
                read = datetime.strptime(text, form)  # noqa: DTZ007
            except ValueError:
                continue
            return milliseconds(read.replace(tzinfo=self._zone).astimezone(UTC))
        raise Unclear(
            f"Date value '{text}' for field '{field}' is invalid. Valid formats include: "
            "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d'."
        )

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._peek():
            return (("created", True),)
        self._take()
        if self._take().lower() != "by":
            raise Unclear("Error in the JQL Query: Expecting 'by'.")
        order: list[tuple[str, bool]] = []
        while True:
            field = self._field()
            descends = self._take().lower() == "desc" if self._peek().lower() in ("asc", "desc") else False
            order.append((field, descends))
            if self._peek() != ",":
                break
            self._take()
        if self._peek():
            raise Unclear(f"Error in the JQL Query: Expecting ',' but got '{self._peek()}'.")
        return tuple(order)


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[:1] in "\"'" else token
