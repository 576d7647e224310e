"""A person by every name they are recorded under: where they stand in what is kept, and how their names go."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unicodedata import normalize

from sqlalchemy import Connection, select, update

from state import acceptances, audit, salted
from state.audit import Ledger
from state.effects import Because
from state.errors import StateError
from state.lifecycle import UNFINISHED
from state.programme_tables import ControlRow, RiskRow
from state.salted import ERASED, GONE, PERSON, WORDS
from state.schema import METADATA
from state.series import chunks
from state.tables import CommentRow, ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]
COMMENT = CommentRow.__table__  # type: ignore[attr-defined]
CONTROL = ControlRow.__table__  # type: ignore[attr-defined]
RISK = RiskRow.__table__  # type: ignore[attr-defined]

_OWNED = {"item": (ITEM, ITEM.c.ref), "risk": (RISK, RISK.c.id), "control": (CONTROL, CONTROL.c.id)}
_NOT_WORK = frozenset({"audit", "salted", "checkpoint", "anchor"})
_SPEAKERS = ("author", "by", "requester")
_AT_ONCE = 1000
"""So many texts one record tells of."""


class Person:
    """A person by the names they are recorded under; letters of either case, in any form of Unicode, are the same."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_alike(name) for name in names}
        each = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        self._within = re.compile(rf"(?<![\w+-])(?<!\w\.)(?<![\w.+-]@)(?:{each})(?![\w@+-]|\.\w)")

    @property
    def words(self) -> frozenset[str]:
        """The names that are one word, which may be anybody's or nobody's."""
        return frozenset(name for name in self._names if "@" not in name and not re.search(r"\s", name))

    def goes_by(self, name: str | None) -> bool:
        """Whether this is a name of theirs."""
        return name is not None and _alike(name) in self._names

    def is_in(self, text: str) -> bool:
        """Whether a text has a name of theirs in it, as a word by itself or as somebody who is called upon: `@kim`."""
        return bool(self._within.search(_alike(text)))


def _alike(text: str) -> str:
    """A text as texts are compared."""
    return text.casefold() if text.isascii() else normalize("NFKC", normalize("NFKC", text).casefold())


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person stands: the hashes of their personal texts, and comments that have their name.

    `beside` are other names that acted under one of these, `owned` what is theirs to do, `in_clear` so many records
    that hold a name as such, and `working` how many rows of which columns do. `decided` are acceptances that are asked
    for or in force and that they had a hand in, `nobodys` names of one word that nobody is recorded under, and
    `in_tickets` items whose tickets have comments that name them.
    """

    texts: tuple[str, ...] = ()
    comments: int = 0
    beside: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    in_clear: int = 0
    working: Mapping[str, int] = field(default_factory=dict)
    decided: tuple[str, ...] = ()
    nobodys: tuple[str, ...] = ()
    in_tickets: tuple[str, ...] = ()


def traces(connection: Connection, person: Person, *, words: bool) -> Traces:
    """Where a person stands in all that is kept; with their `words`, also what they and nobody else said."""
    kept = {hash_: text for hash_, _, text in salted.every(connection)}
    names = {hash_ for hash_, text in kept.items() if person.goes_by(text)}
    within = [hash_ for hash_, text in kept.items() if person.is_in(text)]
    said = _Said(names)
    in_clear = 0
    for body in audit.bodies(connection):
        said.hear(body)
        in_clear += person.is_in(body)
    own = (hash_ for hash_ in said.own if words and hash_ in kept)
    return Traces(
        tuple(dict.fromkeys((*within, *own))),
        len(_comments(connection, person, words=words)),
        tuple(sorted(kept[hash_] for hash_ in said.beside if hash_ in kept)),
        tuple(_owned(connection, person)),
        in_clear,
        dict(_working(connection, person)),
        tuple(_decided(connection, person)),
        _nobodys(connection, person, kept.values()) if within else (),
        tuple(dict.fromkeys(_in_tickets(connection, person))),
    )


def erase(
    connection: Connection, ledger: Ledger, person: Person, because: Because, *, words: bool, decisions: bool = False
) -> Traces:
    """Let what a person is called in records go, with the record of that, and tell what went and what still stands.

    Who had a hand in an acceptance that stands goes only with their `decisions`, which the record then names. Raises
    `StateError` otherwise, where something is theirs to do, where a name is only a word, and where the record itself
    would name them.
    """
    if any(map(person.is_in, (because.agent.account, because.agent.name, because.reason))):
        raise StateError("the record of it would name them again: let somebody else do it, and name nobody in --reason")
    found = traces(connection, person, words=words)
    if found.owned:
        raise StateError(f"{', '.join(found.owned)}: still theirs; give them another owner first. Nothing was erased")
    if found.nobodys:
        raise StateError(f"nobody is recorded as {', '.join(found.nobodys)}: every text with that word would go")
    if found.decided and not decisions:
        who = "they asked for it, decided it, or are named in it, and it stands; with --decisions that goes too"
        raise StateError(f"{', '.join(found.decided)}: {who}, on record. Nothing was erased")
    kept = salted.hashes_of(connection, [because.reason])
    found = replace(found, texts=tuple(each for each in found.texts if each not in kept))
    for seq, values in _comments(connection, person, words=words).items():
        connection.execute(update(COMMENT).where(COMMENT.c.seq == seq).values(**values))
    if found.texts or found.comments:
        for some in chunks(found.texts or ("",), _AT_ONCE):
            gone = {"hashes": [each for each in some if each], "comments": found.comments}
            ledger.note(GONE, PERSON, because, after=gone | {"decisions": list(found.decided)})
        ledger.append(connection)
        salted.erase(connection, found.texts)
    return replace(found, working=dict(_working(connection, person)))


class _Said:
    """Who said what in the records: what only those with one of the `names` did, and the names beside theirs."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._mine: dict[str, None] = {}
        self._others: set[str] = set()
        self.beside: set[str] = set()

    def hear(self, body: str) -> None:
        """Look at one record."""
        if not salted.named_in(body):
            return
        try:
            told = json.loads(body)
            actor, after = told["actor"], told["after"]
            agent = {_hash(actor["account"]), _hash(actor["name"])} - {""}
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        speakers = {_hash(after.get(name)) for name in _SPEAKERS} if isinstance(after, dict) else set()
        if agent & self._names:
            self.beside |= agent - self._names
        words = set(_words(told))
        if (agent | speakers) & self._names:
            self._mine |= dict.fromkeys(sorted(words))
        else:
            self._others |= words

    @property
    def own(self) -> list[str]:
        """What only they said."""
        return [hash_ for hash_ in self._mine if hash_ not in self._others]


def _hash(value: Any) -> str:
    return str(value["salted"]) if isinstance(value, dict) and value.keys() == {"salted"} else ""


def _words(value: Any, name: str = "") -> Iterator[str]:
    """The hashes in a record that stand for what was said."""
    if hash_ := _hash(value):
        if name in WORDS:
            yield hash_
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _words(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each, name)


def _owned(connection: Connection, person: Person) -> Iterator[str]:
    """What has the person as its owner and is not at its end."""
    for name, (table, ref) in _OWNED.items():
        query = select(ref, table.c.owner).where(table.c.owner.is_not(None)).order_by(ref)
        if table is ITEM:
            query = query.where(ITEM.c.status.in_([status.value for status in UNFINISHED]))
        yield from (f"{name} {row[0]}" for row in connection.execute(query) if person.goes_by(row.owner))


def _decided(connection: Connection, person: Person) -> Iterator[str]:
    """The acceptances that stand and that the person had a hand in, or is named in."""
    for each in acceptances.standing(connection):
        terms, decided = each.terms, each.decisions
        people = (each.requester, *each.editors, *(who for one in decided for who in one.people))
        texts = (terms.justification, terms.compensating, terms.conditions, *(one.reason for one in decided))
        if any(person.goes_by(who) or person.goes_by(who.partition(":")[2]) for who in people) or any(
            map(person.is_in, texts)
        ):
            yield each.ref


def _nobodys(connection: Connection, person: Person, kept: Iterable[str]) -> tuple[str, ...]:
    """The names of one word that nobody is recorded under, nor wrote a comment under."""
    authors = connection.execute(select(COMMENT.c.author).distinct()).scalars()
    names = [_alike(each) for each in (*kept, *authors)]
    return tuple(sorted(person.words - {*names, *(each.partition(":")[2] for each in names)}))


def _comments(connection: Connection, person: Person, *, words: bool) -> dict[int, dict[str, str]]:
    """What of comments goes, by number: their author, and the text of what is ours or deleted in its tracker."""
    found: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(COMMENT).execution_options(yield_per=_AT_ONCE)):
        own = person.goes_by(row.author)
        values = {"author": ERASED} if own else {}
        if not _stands(row) and (person.is_in(row.text) or (own and words)):
            values["text"] = ERASED
        if values:
            found[row.seq] = values
    return found


def _stands(row: Any) -> bool:
    """Whether a comment is kept as its ticket has it, or is one that a sync says and keeps up to date there."""
    return row.deleted_at is None and bool(row.topic or row.inbound)


def _in_tickets(connection: Connection, person: Person) -> Iterator[str]:
    """The items with comments that name the person and that are kept as their tickets have them."""
    query = select(COMMENT).order_by(COMMENT.c.item)
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        if row.inbound and _stands(row) and person.is_in(row.text):
            yield row.item


def _working(connection: Connection, person: Person) -> Iterator[tuple[str, int]]:
    """Which columns of the tables that are worked with have a name of the person, and in how many rows."""
    for table in METADATA.sorted_tables:
        if table.name in _NOT_WORK:
            continue
        counts: dict[str, int] = {}
        for row in connection.execute(select(table).execution_options(yield_per=_AT_ONCE)):
            for name, value in zip(table.columns.keys(), row, strict=True):
                if person.is_in(" ".join(_texts(value))):
                    counts[name] = counts.get(name, 0) + 1
        yield from ((f"{table.name}.{name}", count) for name, count in sorted(counts.items()))


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    return [each for each in value if isinstance(each, str)] if isinstance(value, tuple | list) else ()
