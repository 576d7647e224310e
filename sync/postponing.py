"""What a risk owner decides about a later due date that somebody asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from state import due_dates
from state.acceptance import UNKNOWN, Decider, DueChange, Involved, refusal
from state.effects import Because, Effects, ItemChange, Lease
from state.model import ActionItem, Comment, Field, Hold, HoldKind, Link
from state.store import Store
from sync.accepting import Deciding, NotDecided
from sync.diff import ours_again, rebased
from sync.involved import touched


@dataclass(frozen=True, slots=True)
class Postponing:
    """What such decisions are taken with."""

    deciding: Deciding
    clock: Callable[[], datetime]

    def approve(self, ref: str, decider: Decider, because: Because) -> DueChange:
        """The item gets the date that was asked for; raises `NotDecided`."""
        with self.deciding.store.alone(self.deciding.holder) as lease:
            item, asked = self._asked(ref)
            self._may(item, asked, decider)
            done = self._done(asked, "approved", decider, because)
            change = ItemChange(ref, {"due_date": asked.after}, because)
            self._commit(lease, Effects(changes=[change], later=[(done, because)]), ref, because)
            return done

    def reject(self, ref: str, decider: Decider, because: Because) -> DueChange:
        """The item's date stands and goes to the ticket, with the reason; raises `NotDecided`."""
        if not because.reason.strip():
            raise NotDecided("this needs --reason, which the ticket is told and the ledger keeps")
        with self.deciding.store.alone(self.deciding.holder) as lease:
            item, asked = self._asked(ref)
            self._may(item, asked, decider)
            done = self._done(asked, "rejected", decider, because)
            link = self.deciding.store.link(ref)
            words = f"The due date of {ref} stays {item.due_date}, and does not become {asked.after}: {because.reason}."
            said = Comment("", ref, decider.email, words, self.clock(), inbound=False)
            effects = Effects(later=[(done, because)])
            if link is not None:
                effects = replace(effects, touched=[_put_back(link)], comments=[(said, because)])
            self._commit(lease, effects, ref, because)
            return done

    def _asked(self, ref: str) -> tuple[ActionItem, DueChange]:
        item = self.deciding.store.item(ref)
        asked = self.deciding.store.ask(due_dates.asked_for, item.ref)
        if asked is None:
            raise NotDecided(f"nobody asks for a later due date of {ref}; see `counterfoil due list`")
        return item, asked

    def _may(self, item: ActionItem, asked: DueChange, decider: Decider) -> None:
        store, kinds = self.deciding.store, self.deciding.kinds
        editors = touched(store, kinds, [item.ref]) if asked.requester == UNKNOWN else frozenset()
        involved = Involved(requester=frozenset({asked.requester}), editors=editors)
        if why := refusal(decider, self.deciding.authorities.rating(item), involved, self.deciding.authorities):
            raise NotDecided(f"{item.ref}: {why}")

    def _done(self, asked: DueChange, verdict: str, decider: Decider, because: Because) -> DueChange:
        by = decider.email if decider.typist is None else f"{decider.email}, by {decider.typist.email}"
        return replace(
            asked, verdict=verdict, decided_by=by, decided_at=self.clock(), decided_why=because.reason.strip()
        )

    def _commit(self, lease: Lease, effects: Effects, ref: str, because: Because) -> None:
        """Write it down, and end what waited for it."""
        over = {h.id: because for h in self.deciding.store.holds(ref) if _waits(h)}
        self.deciding.store.commit(lease, replace(effects, released=over, dirty=[ref], because=because))


def history(store: Store, ref: str) -> list[DueChange]:
    """Every other due date that an item was given or asked for, oldest first, with who and why."""
    asked = store.ask(due_dates.changes, ref)
    return sorted((*asked, *map(_made, _set_at_once(store, ref))), key=lambda each: each.requested_at)


def _set_at_once(store: Store, ref: str) -> list[Mapping[str, Any]]:
    """The records of changes that nobody asked for beforehand: an approval sets the date just before it is recorded."""
    found: list[Mapping[str, Any]] = []
    for told in (record.told for record in store.log([ref])):
        if told["action"] == "item.changed" and told["field"] == Field.DUE_DATE.value:
            found.append(told)
        elif told["action"] == "due.decided" and told["after"]["verdict"] == "approved":
            found = [each for each in found if each["recorded"] != told["recorded"]]
    return found


def _made(told: Mapping[str, Any]) -> DueChange:
    before, after = date.fromisoformat(told["before"]), date.fromisoformat(told["after"])
    who, at = told["actor"], datetime.fromisoformat(told["at"])
    by = who["name"] or who["account"]
    return DueChange(told["object"], before, after, by, at, who["system"], "", "", "made", by, at, told["reason"])


def _waits(hold: Hold) -> bool:
    return hold.kind is HoldKind.DUE_CHANGE


def _put_back(link: Link) -> Link:
    """The link by which the item's due date goes to the ticket."""
    agreed = link.baseline.get(Field.DUE_DATE)
    return link if agreed is None else rebased(link, Field.DUE_DATE, ours_again(agreed))
