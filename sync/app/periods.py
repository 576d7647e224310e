"""A period of the ledger as reports tell it: from one moment that was verified, with who may decide what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from state.known import Known
from state.model import Priority
from sync.app import show
from sync.app.failures import Mistaken, Untrusted
from sync.app.keys import public_keys
from sync.app.ledger import kept_elsewhere
from sync.app.opening import configuration, open_store
from sync.app.programme_settings import DemandTable
from sync.app.settings import Configuration, Settings
from sync.app.shell import Shell
from sync.proving import Finding, examined
from sync.report.book import read, registered
from sync.report.model import Book, Period, Policy, Right
from sync.report.pack import Asked
from sync.report.slice import Position

_NAMED = 10
_NOBODY = "nobody is named"
_WRITERS = "who may change items, and who closes its ticket"


@dataclass(frozen=True, slots=True)
class Told:
    """A period, the moment of the database that it is told from, and what came of checking the ledger of then.

    `silent` says which places could not be asked for the checkpoints that they keep.
    """

    book: Book
    position: Position
    config: Configuration
    known: Known
    connection: Connection
    found: Finding
    silent: list[str]

    @property
    def doubts(self) -> Iterator[str]:
        """What whoever hands a report on should know of it."""
        if self.book.framework or self.book.tracker:
            whole = show.counted(self.book.left_out + len(self.book.items), "item")
            yield f"Left out, since it is confined: {self.book.left_out:,} of {whole}"
        if strange := self.book.strange:
            which = ", ".join(f"{each.seq:,}" for each in strange[:_NAMED])
            many = show.counted(len(strange), "record")
            yield f"In no story, since this program cannot have written it: {many}, {which}"
        yield from self.silent


@contextmanager
def verified(shell: Shell, asked: Asked) -> Iterator[Told]:
    """What the ledger tells of a period.

    Raises `Untrusted` where it does not agree with itself, or with a checkpoint here or in a place that keeps them, and
    `Mistaken` where the period is none. What whoever tells it raises is theirs, and nothing that is wrong with the
    database.
    """
    failed: ValueError | None = None
    days = _days(asked)
    config = configuration(shell)
    keys = public_keys(shell, config, ())
    kept, silent = kept_elsewhere(shell, config, None, keys)
    with open_store(shell, config) as store, store.moment() as now, now.reading() as connection:
        found = examined(connection, kept, keys)
        tree = found.verdict.tree
        if found.verdict.first_bad is not None or tree is None:
            raise Untrusted(f"{found.verdict.first_bad and found.verdict.first_bad[1]}. Nothing was written")
        position = Position(tree.size, found.verdict.head, tree.root.hex())
        only = {"framework": registered(now, asked.framework), "tracker": asked.tracker}
        trackers = config.settings.trackers
        book = read(now, days, policy(config), position=position.records, trackers=trackers, **only)
        try:
            yield Told(book, position, config, now, connection, found, silent)
        except ValueError as error:
            failed = error
    if failed is not None:
        raise failed


def _days(asked: Asked) -> Period:
    if asked.last < asked.first:
        raise Mistaken(f"--to {asked.last} is before --from {asked.first}")
    if asked.last == date.max:
        raise Mistaken(f"--to {asked.last} is no day that another follows; name an earlier one")
    return Period(asked.first, asked.last)


def policy(config: Configuration) -> Policy:
    """What the configuration says today of who may do what, of the days that work may take, and of evidence."""
    settings = config.settings
    due = {each.value: int(getattr(settings.due, each.value)) for each in Priority}
    rights = (*_people(settings), *_accepting(settings), *_resolving(settings))
    return Policy(rights, due, settings.resolution.evidence)


def _people(settings: Settings) -> Iterator[Right]:
    roles = settings.roles
    everyone = "everyone in [[people]]: " + _named(each.email for each in settings.people)
    yield Right("Write and change items", everyone if roles.author is None else _named(roles.author))
    yield Right("Review evidence", _named(roles.reviewer))
    yield Right("Decide in the name of somebody else", _named(roles.delegate), "both are written down")


def _accepting(settings: Settings) -> Iterator[Right]:
    allowed = settings.authorities
    for each in Priority:
        rule = f"{allowed.approvals[each]} must approve, not counting who asked; {allowed.longest[each]} days at most"
        yield Right(f"Accept a risk of {each.value} priority", _named(sorted(allowed.risk_owners[each])), rule)
    how = "by a command, or by a comment in the ticket" if settings.accept.by_comment else "by a command only"
    yield Right("Say so", "the same people", how)


def _resolving(settings: Settings) -> Iterator[Right]:
    demands = settings.resolve
    for each in Priority:
        yield Right(f"Resolve an item of {each.value} priority", _WRITERS, _asked(getattr(demands, each.value)))
    for table in demands.controls:
        yield Right(f"Resolve an item of control {table.control}", _WRITERS, f"on top: {_asked(table)}")


def _asked(table: DemandTable) -> str:
    demand = table.demand()
    return str(demand) if demand.pieces or demand.review else "no evidence is asked for"


def _named(some: Iterator[str] | list[str]) -> str:
    return ", ".join(some) or _NOBODY
