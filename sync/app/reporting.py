"""A period to read, as a page or as tables, and what these need beyond the ledger: policy and charts."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from state.model import Priority
from sync.app import show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.programme_settings import DemandTable
from sync.app.settings import Configuration, Settings
from sync.app.shell import Shell
from sync.report.book import read
from sync.report.members import Member
from sync.report.model import Book, Period, Policy, Right
from sync.report.pack import Asked
from sync.report.page import page
from sync.report.sheets import csv_members

_NOBODY = "nobody is named"
_WRITERS = "who may change items, and who closes its ticket"


def html(shell: Shell, asked: Asked, out: Path) -> int:
    """Write the page of a period; the same records give the same bytes."""
    book = _book(shell, asked)
    return _written(shell, book, [(page(book, drawn(book), proofs=False), out)])


def csv(shell: Shell, asked: Asked, folder: Path) -> int:
    """Write the tables of a period into a folder, which is made if it is not there."""
    book = _book(shell, asked)
    return _written(shell, book, [(each, folder / each.name) for each in csv_members(book)])


def _book(shell: Shell, asked: Asked) -> Book:
    if asked.last < asked.first:
        raise Mistaken(f"--to {asked.last} is before --from {asked.first}")
    config = configuration(shell)
    days = Period(asked.first, asked.last)
    with open_store(shell, config) as store:
        return read(store, days, policy(config), framework=asked.framework, tracker=asked.tracker)


def _written(shell: Shell, book: Book, files: list[tuple[Member, Path]]) -> int:
    for member, file in files:
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"".join(member.content))
        except OSError as error:
            raise Mistaken(f"{file} cannot be written: {error.strerror or error}") from None
    answer = {"files": [str(file) for _, file in files], "records": book.position, "items": len(book.told)}
    items, records = show.counted(len(book.told), "item"), show.counted(book.position, "record")
    shell.answer(
        answer,
        lambda: show.rendered(f"From {records}, {items} in the period", show.bullets(str(file) for _, file in files)),
    )
    return IN_ORDER


def policy(config: Configuration) -> Policy:
    """What the configuration says today of who may do what, and of the days that work may take."""
    settings = config.settings
    due = {each.value: int(getattr(settings.due, each.value)) for each in Priority}
    return Policy((*_people(settings), *_accepting(settings), *_resolving(settings)), due)


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


def drawn(book: Book) -> Mapping[str, str]:
    """The charts of a book; none where what draws them is not installed."""
    if find_spec("matplotlib") is None:
        return {}
    from sync.report.charts import charts

    return charts(book)
