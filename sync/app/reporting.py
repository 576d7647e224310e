"""What a report needs beyond the ledger: who may do what, as configured, and charts where they can be drawn."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from state.model import Priority
from sync.app.programme_settings import DemandTable
from sync.app.settings import Configuration, Settings
from sync.report.model import Book, Policy, Right

_NOBODY = "nobody is named"
_WRITERS = "who may change items, and who closes its ticket"


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
