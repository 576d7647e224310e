"""Later due dates that somebody asks for, as risk owners see them and decide about them."""

from datetime import date
from typing import Any

from state import due_dates
from state.acceptance import DueChange
from state.effects import Because
from state.model import ActionItem
from sync.app import identity, shapes, show
from sync.app.accepting import deciding
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.postponing import Postponing


def is_request(config: Configuration, item: ActionItem, day: date | None) -> bool:
    """Whether another due date is to be asked for: it is later, and somebody is named who decides about that."""
    known = identity.authorities(config)
    return day is not None and day > item.due_date and bool(known.risk_owners[known.rating(item)])


def asking(shell: Shell, config: Configuration, item: ActionItem, day: date, reason: str) -> tuple[DueChange, Because]:
    """The request for a later due date, by who gives the command; raises `Mistaken`."""
    if not reason.strip():
        raise Mistaken(f"{day} is later than {item.due_date}, so a risk owner decides: say why, with --reason")
    who = identity.acting(config)
    asked = DueChange(item.ref, item.due_date, day, who.email, shell.clock(), reason=reason.strip())
    return asked, who.because(shell, reason)


def list_all(shell: Shell) -> int:
    """List what nobody has decided about."""
    with open_store(shell, configuration(shell)) as store:
        answer = [shapes.due_change(each) for each in store.ask(due_dates.changes)]
    shell.answer(answer, lambda: _listing(answer))
    return IN_ORDER


def _listing(answer: list[dict[str, Any]]) -> str:
    if not answer:
        return "Nobody asks for a later due date."
    names = ("item", "before", "after", "requester", "requested_at")
    return show.rendered(show.table(names, [[each[name] for name in names] for each in answer]))


def decide(shell: Shell, ref: str, reason: str, on_behalf: str | None, *, approved: bool) -> int:
    """Give the item the date that is asked for, or keep its own."""
    config = configuration(shell)
    who = identity.acting(config, on_behalf)
    with open_store(shell, config, writes=True) as store:
        postponing = Postponing(deciding(shell, config, store), shell.clock)
        ref, because = store.called(ref), who.because(shell, reason or ("due approve" if approved else ""))
        done = (postponing.approve if approved else postponing.reject)(ref, who.decider, because)
    words = f"{ref} is due on {done.after} now" if approved else f"{ref} stays due on {done.before}"
    shell.answer(shapes.due_change(done), lambda: f"{words}; the next sync carries it over")
    return IN_ORDER
