"""Risks that are to be lived with, as people ask for them, decide about them and look at them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from state import acceptances
from state.acceptance import Acceptance, AcceptanceState, Terms
from state.lease import this_process
from state.store import Store
from sync.accepting import Deciding, find
from sync.app import identity, shapes, show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line says of the terms; `None` is not said."""

    because: str | None
    until: date | None
    compensating: str | None
    likelihood: int | None
    impact: int | None
    conditions: str | None

    def terms(self) -> Terms:
        """The terms, with what was said."""
        words = (self.because or "", self.until, self.compensating or "", self.likelihood, self.impact)
        return Terms(*words, self.conditions or "")


def deciding(shell: Shell, config: Configuration, store: Store) -> Deciding:
    """What decisions are taken with."""
    kinds = {name: str(table["kind"]) for name, table in config.settings.trackers.items()}
    return Deciding(store, identity.authorities(config), kinds, shell.clock, this_process(), identity.people(config))


def request(shell: Shell, ref: str, said: Said) -> int:
    """Ask for a risk to be accepted."""
    config = configuration(shell)
    who, terms = identity.acting(config), said.terms()
    with open_store(shell, config, writes=True) as store:
        ref = store.called(ref)
        made = deciding(shell, config, store).request(ref, terms, who.decider, who.because(shell, "accept request"))
    return _answer(shell, made, f"{made.ref} asks to accept the risk of {ref}; a risk owner decides: {_ways(made)}")


def approve(shell: Shell, ref: str, said: Said, reason: str, on_behalf: str | None) -> int:
    """Approve a request."""
    config = configuration(shell)
    who, terms = identity.acting(config, on_behalf), said.terms()
    with open_store(shell, config, writes=True) as store:
        because = who.because(shell, reason or "accept approve")
        made = deciding(shell, config, store).approve(ref, terms, who.decider, because, reason)
    if made.state is AcceptanceState.ACTIVE:
        words = f"{made.ref}: the risk of {made.item} is accepted until {made.terms.until}; run: counterfoil sync"
    else:
        words = f"{made.ref} is approved by {who.email}; it takes another person: {_ways(made)}"
    return _answer(shell, made, words)


def reject(shell: Shell, ref: str, reason: str, on_behalf: str | None) -> int:
    """Refuse a request."""
    config = configuration(shell)
    who = identity.acting(config, on_behalf)
    with open_store(shell, config, writes=True) as store:
        made = deciding(shell, config, store).reject(ref, reason, who.decider, who.because(shell, reason))
    return _answer(shell, made, f"{made.ref} is refused; the next sync opens the ticket again, with the reason")


def revoke(shell: Shell, ref: str, reason: str, on_behalf: str | None) -> int:
    """End an acceptance before its time."""
    config = configuration(shell)
    who = identity.acting(config, on_behalf)
    with open_store(shell, config, writes=True) as store:
        made = deciding(shell, config, store).revoke(ref, reason, who.decider, who.because(shell, reason))
    return _answer(shell, made, f"{made.ref} is revoked and {made.item} open; the next sync opens the ticket again")


def renew(shell: Shell, ref: str, said: Said) -> int:
    """Ask for an acceptance to go on."""
    config = configuration(shell)
    who, terms = identity.acting(config), said.terms()
    with open_store(shell, config, writes=True) as store:
        made = deciding(shell, config, store).renew(ref, terms, who.decider, who.because(shell, "accept renew"))
    return _answer(shell, made, f"{made.ref} asks to renew {made.renewal_of}; a risk owner decides: {_ways(made)}")


def _ways(made: Acceptance) -> str:
    return f"counterfoil accept approve {made.ref}, or accept reject {made.ref} --reason TEXT"


def _answer(shell: Shell, made: Acceptance, words: str) -> int:
    shell.answer(shapes.acceptance(made, shell.today), lambda: words)
    return IN_ORDER


def list_all(shell: Shell, ending: int | None, *, over: bool) -> int:
    """List requests and acceptances that stand, and those that are over if that is wanted."""
    with open_store(shell, configuration(shell)) as store:
        if ending is not None:
            rows = store.ask(acceptances.ending, shell.today, ending)
        else:
            rows = store.ask(acceptances.every if over else acceptances.standing)
    answer = [shapes.acceptance(each, shell.today) for each in rows]
    shell.answer(answer, lambda: _listing(answer))
    return IN_ORDER


def _listing(answer: list[dict[str, Any]]) -> str:
    if not answer:
        return "No risk is accepted or asked to be."
    names = ("ref", "item", "state", "until", "requester", "justification")
    cells = [[show.short(each[name], 50) for name in names] for each in answer]
    return show.rendered(show.table(names, cells)) + f"\n{show.counted(len(cells), 'acceptance')}"


def show_one(shell: Shell, ref: str) -> int:
    """Show one request or acceptance."""
    config = configuration(shell)
    with open_store(shell, config) as store:
        found = find(store, ref)
        if found is None:
            raise Mistaken(f"{ref} has no acceptance; ask for one: `counterfoil accept request {ref}`")
        item = store.item(found.item)
        doubts = [each for each in store.ask(acceptances.questioned, [item.ref]) if each.ref == found.ref]
        court = deciding(shell, config, store)
        answer = shapes.acceptance(found, shell.today) | {"asked": _asked(store, found)}
        answer |= {"lacks": list(court.lacks(found, item)), "may_decide": court.able(found, item)}
        lost = court.spent(found, item)
    answer["questioned"] = [shapes.questioned(each) for each in doubts]
    answer["not_counted"] = [{"by": by, "why": why} for by, why in lost.items()]
    words = (*map(str, doubts), *(f"the approval of {by} does not count: {why}" for by, why in lost.items()))
    shell.answer(answer, lambda: show.rendered(*_whole(answer, item.title, words)))
    return IN_ORDER


def _asked(store: Store, about: Acceptance) -> str:
    """How it was asked for, as the record of it says."""
    records = (each.told for each in store.log([about.item], action="acceptance.requested"))
    return next((str(each["reason"]) for each in records if each["after"]["ref"] == about.ref), "")


def _whole(answer: dict[str, Any], title: str, doubts: Sequence[str]) -> Iterator[object]:
    yield show.heading(f"{answer['ref']}  {answer['item']}  {title}")
    names = ("state", "until", "justification", "compensating", "likelihood", "impact", "conditions", "requester")
    more = ("requested_at", "asked", "renewal_of", "ended_at", "ended_why")
    facts = [(name.replace("_", " "), answer[name]) for name in (*names, *more) if answer[name]]
    facts += [("lacks", each) for each in answer["lacks"]]
    if answer["state"] in acceptances.STANDING:
        facts.append(("may decide", ", ".join(answer["may_decide"]) or "nobody"))
    yield show.table(("", ""), facts)
    if answer["decisions"]:
        yield show.heading("Decisions")
        yield show.bullets(
            f"{show.minute(each['at'])} {each['by']}: {each['verdict']} ({each['authority']}) {each['reason']}"
            for each in answer["decisions"]
        )
    if doubts:
        yield show.bullets(doubts)
