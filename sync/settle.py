"""What a person decides about a hold, turned into what the next run does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from state import acceptances, due_dates
from state.effects import Because, Effects, ItemChange
from state.errors import StateError
from state.lease import Holder
from state.model import Agreed, Comment, Hold, HoldKind, Link, Status
from state.store import Store
from sync.diff import anything_but, ours_again, rebased
from sync.resolving import refusal

Side = Literal["item", "ticket"]


class Undecidable(StateError):
    """This hold cannot be settled that way; the message says what can be done instead."""


@dataclass(frozen=True, slots=True)
class _Settling:
    store: Store
    hold: Hold
    because: Because

    def prefer_item(self) -> Effects:
        """The item's value goes to the ticket with the next run."""
        return self._agreeing(ours_again(Agreed(self.hold.ours, self.hold.theirs)))

    def prefer_ticket(self) -> Effects:
        """The ticket's value comes into the item with the next run."""
        return self._agreeing(Agreed(self.hold.ours, anything_but(self.hold.theirs)))

    def decline(self) -> Effects:
        """The ticket goes back to the item's status, and says why."""
        text = f"{self.hold.detail}. Declined: {self.because.reason}. The ticket goes back to where the item is."
        author = self.because.agent.name or self.because.agent.account
        at = self.because.at or self.store.item(self.hold.item).updated_at
        said = Comment("", self.hold.item, author, text, at, inbound=False, tracker=self.hold.tracker)
        change = ItemChange(self.hold.item, {"claim": None}, self.because)
        effects = self.prefer_item() if self.hold.field is not None else self.release()
        return replace(effects, comments=[(said, self.because)], changes=[change])

    def decline_time(self) -> Effects:
        """The item's due date goes to the ticket, and the request for a later one is refused by that."""
        open_ = self.store.ask(due_dates.asked_for, self.hold.item)
        if open_ is None:
            return self.prefer_item()
        at = self.because.at or open_.requested_at
        by, why = self.because.agent.account, self.because.reason
        done = replace(open_, verdict="rejected", decided_by=by, decided_at=at, decided_why=why)
        return replace(self.prefer_item(), later=[(done, self.because)])

    def not_done(self) -> Effects:
        """The item does not count as done, and its ticket goes back to that."""
        item, now = self.store.item(self.hold.item), self.because.at
        if item.status is Status.ACCEPTED_AS_RISK:
            raise Undecidable(
                f"the risk of {item.ref} is accepted, so {self.hold.id} ends with the next sync; "
                f"`counterfoil accept revoke {item.ref}` ends the acceptance"
            )
        return refusal(
            self.store,
            item,
            self.because.agent.name or self.because.agent.account,
            now or item.updated_at,
            self.because,
        )

    def release(self) -> Effects:
        """Nothing more is to be decided; the item is compared again."""
        return self._effects(None)

    def _effects(self, link: Link | None) -> Effects:
        return Effects(touched=[link] if link else (), released={self.hold.id: self.because}, dirty=[self.hold.item])

    def _agreeing(self, agreed: Agreed) -> Effects:
        link, name = self._link(), self.hold.field
        if name is None:
            raise Undecidable(f"{self.hold.id} is about no single field; {_HELP[self.hold.kind]}")
        return self._effects(rebased(link, name, agreed))

    def _link(self) -> Link:
        link = self.store.link(self.hold.item)
        if link is None or link.ref.tracker != self.hold.tracker:
            raise Undecidable(f"{self.hold.item} has no ticket in {self.hold.tracker} any more")
        return link


_HELP: Mapping[HoldKind, str] = {
    HoldKind.ACCEPTANCE_REQUESTED: "a risk owner answers a request: `counterfoil accept approve`, or `counterfoil "
    "accept reject`, which opens the ticket again, with the reason",
    HoldKind.UNMAPPED: "name it in the tracker's tables of the configuration, or --take item puts the ticket back",
    HoldKind.DUPLICATE: "`Duplicate of KEY` in a comment there, or a link, lets it end with the item of that ticket; "
    "--take item reopens the ticket",
    HoldKind.GONE: "--take item forgets the ticket, and the next sync creates a new one",
    HoldKind.ARCHIVED: "restore the ticket in the tracker, or use --take item once it is no longer archived",
    HoldKind.NO_ROUTE: "add a [[routes]] entry that matches the item; the next sync settles this hold",
    HoldKind.NO_WAY: "--take item tries again, --take ticket gives the item the ticket's status",
    HoldKind.REJECTED: "--take item tries again, once the reason is mended",
    HoldKind.COMMENT_REFUSED: "--take item says it again, once the reason is mended",
    HoldKind.MANY_TICKETS: "delete all but one ticket, or open one there if none is left, then `counterfoil item "
    "link` that one (--take item if it is)",
    HoldKind.UNKNOWN_TICKET: "take its item in again, or `counterfoil item link` the ticket to the right item; "
    "--take item leaves the ticket alone, and the item, if there is one, gets another",
    HoldKind.EVIDENCE_MISSING: "bring it (`counterfoil evidence add`) and have it reviewed (`counterfoil review`); "
    "--take item opens the ticket again, with your reason",
    HoldKind.CONFLICT: "--take item or --take ticket",
    HoldKind.DUE_CHANGE: "a risk owner who did not ask for it gives more time: `counterfoil due approve`; --take item "
    "puts the ticket's date back",
}


def settle(store: Store, hold: Hold, take: Side, because: Because, *, holder: Holder) -> None:
    """Settle a hold for one side; `because.reason` is kept in the record. The next run carries it out.

    Raises `Undecidable` when that side cannot be taken, and `state.errors.LeaseHeld` while a run is under way, which
    could not take notice of it any more.
    """
    with store.alone(holder) as lease:
        effects = replace(_effects(store, hold, take, because), took={hold.id: take})
        with store.writing(lease) as transaction:
            transaction.write(lease, effects)
            if hold.kind is HoldKind.GONE:
                transaction.unlink(hold.item, because)


def _effects(store: Store, hold: Hold, take: Side, because: Because) -> Effects:
    if hold.id not in {each.id for each in store.holds(hold.item)}:
        raise Undecidable(f"{hold.id} is settled already")
    settling = _Settling(store, hold, because)
    match (hold.kind, take):
        case (HoldKind.CONFLICT | HoldKind.NO_WAY, "ticket"):
            return settling.prefer_ticket()
        case (_, "ticket"):
            raise Undecidable(f"{hold.id} ({hold.kind}): {_HELP[hold.kind]}")
        case (HoldKind.ACCEPTANCE_REQUESTED, _) if store.ask(acceptances.asked_for, hold.item) is not None:
            raise Undecidable(f"{hold.id} ({hold.kind}): {_HELP[hold.kind]}")
        case (HoldKind.ACCEPTANCE_REQUESTED | HoldKind.DUPLICATE, _):
            return settling.decline()
        case (HoldKind.EVIDENCE_MISSING, _):
            return settling.not_done()
        case (HoldKind.DUE_CHANGE, _):
            return settling.decline_time()
        case (HoldKind.CONFLICT | HoldKind.UNMAPPED, _):
            return settling.prefer_item()
        case (HoldKind.NO_ROUTE, _) | (HoldKind.MANY_TICKETS, _) if not store.links([hold.item]):
            raise Undecidable(f"{hold.id} ({hold.kind}): {_HELP[hold.kind]}")
        case _:
            return settling.release()
