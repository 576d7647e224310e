"""What the calendar and changes make of acceptances: over, refused for want of an answer, near their end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mapping.read import ACCEPTANCE_REQUESTED
from state import acceptances
from state.acceptance import Acceptance, AcceptancePolicy, AcceptanceState, fingerprint
from state.effects import Because, Effects, ItemChange
from state.lifecycle import BY_ITSELF
from state.model import ActionItem, ClaimKind, Comment, Field, Link, OperationKind, Status
from state.store import Store
from sync.diff import ours_again, rebased
from sync.plan import Operation

_ACCEPTED = ("title", "description", "priority", "controls", "risks")
"""What of an item is accepted, and makes another risk of it once it changes."""

Standing = Mapping[str, Sequence[Acceptance]]
"""The acceptances that something may still become of, by item."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be written down of one acceptance; `item` and `link` are as they are once it is.

    `comment` is what the ticket is told, and `changes` are the item's beside its status.
    """

    before: Acceptance
    after: Acceptance
    item: ActionItem
    link: Link | None
    comment: Comment
    changes: tuple[ItemChange, ...] = ()

    @property
    def why(self) -> str:
        """What happened, in words."""
        return self.after.ended_why or f"it ends on {self.after.terms.until}, and its ticket is told"

    @property
    def operation(self) -> Operation:
        """The operation that writes it down."""
        assumes = f"{self.before.ref}/{self.before.state}"
        return Operation(OperationKind.ACCEPTANCE, self.item.ref, "", f"{self.before.ref}: {self.why}", (), assumes)

    def effects(self, because: Because) -> Effects:
        """All of it, for one transaction."""
        told = replace(because, reason=self.why)
        over = self.after.state is not self.before.state
        return Effects(
            changes=[replace(change, because=told) for change in self.changes],
            touched=[self.link] if self.link is not None and over else (),
            comments=[(self.comment, told)],
            acceptances=[(self.before, self.after, told)],
            dirty=[self.item.ref],
            due_risks=risks_due(self.before, self.item, self.why),
            because=told,
        )


def risks_due(before: Acceptance, item: ActionItem, why: str) -> Mapping[str, str]:
    """The risks that are to be scored again once an acceptance ended, with the reason; none after a mere request."""
    if before.state is not AcceptanceState.ACTIVE:
        return {}
    return dict.fromkeys(item.risks, f"{before.ref} on {item.ref}: {why}")


def standing(store: Store) -> Standing:
    """What stands now, by item."""
    found: dict[str, list[Acceptance]] = {}
    for each in store.ask(acceptances.standing):
        found.setdefault(each.item, []).append(each)
    return found


def endings(store: Store, there: Standing, policy: AcceptancePolicy, now: datetime, run: str) -> Iterator[Ending]:
    """Yield what is to be written down by now; the rest stands as it is."""
    if not there:
        return
    known, links = store.items(there), store.links(there)
    for item, some in sorted(there.items()):
        for each in some:
            found = _Judged(store, each, known[item], links.get(item), policy, now, run).ending()
            if found is not None:
                yield found


@dataclass(frozen=True, slots=True)
class _Judged:
    store: Store
    each: Acceptance
    item: ActionItem
    link: Link | None
    policy: AcceptancePolicy
    now: datetime
    run: str

    def ending(self) -> Ending | None:
        if (after := over(self.store, self.each, self.item, self.now)) is not None:
            return self._over(after)
        return self._near() if self.each.state is AcceptanceState.ACTIVE else self._unanswered()

    def _unanswered(self) -> Ending | None:
        days = self.policy.answer_within_days
        if self.now - self.each.requested_at < timedelta(days=days):
            return None
        return self._over(_ended(self.each, AcceptanceState.REJECTED, f"nobody answered within {days} days", self.now))

    def _near(self) -> Ending | None:
        until = self.each.terms.until
        if self.each.warned_at or until is None or until - self.now.date() > timedelta(days=self.policy.warn_days):
            return None
        words = (
            f"The risk of {self.item.ref} is accepted until {until} ({self.each.ref}). After that day this ticket is "
            f"opened again, unless the work is done or the acceptance is renewed: `/accept-risk WHY until DATE` in a "
            f"comment asks for that, or `counterfoil accept renew {self.each.ref} --until DATE`."
        )
        return Ending(self.each, replace(self.each, warned_at=self.now), self.item, self.link, self._comment(words))

    def _over(self, after: Acceptance) -> Ending:
        words, link = end_words(after), None if self.link is None else sent_back(self.link)
        if self.each.state is AcceptanceState.ACTIVE:
            item = replace(self.item, status=Status.OPEN, accepted=None, claim=None, revision=self.item.revision + 1)
            return Ending(self.each, after, item, link, self._comment(words))
        change = unclaimed(self.item, after.ended_why, self.run)
        item = replace(self.item, claim=None, revision=self.item.revision + 1) if change else self.item
        return Ending(self.each, after, item, link, self._comment(words), change)

    def _comment(self, text: str) -> Comment:
        return Comment("", self.item.ref, "counterfoil", text, self.now, inbound=False)


def over(store: Store, each: Acceptance, item: ActionItem, now: datetime) -> Acceptance | None:
    """What has become of an acceptance by itself, whether or not that is written down; nothing while it stands."""
    if each.state_on(now.date()) is AcceptanceState.LAPSED:
        return _ended(each, AcceptanceState.LAPSED, f"its last day was {each.terms.until}", now)
    if fingerprint(item) == each.fingerprint:
        return None
    what = "was accepted" if each.state is AcceptanceState.ACTIVE else "was asked for"
    why = f"{item.ref} is not what {what} any more: {_changes(store, each)}"
    return _ended(each, AcceptanceState.VOIDED, why, now)


def _changes(store: Store, about: Acceptance) -> str:
    """Who has made another item of what an acceptance is about since it was asked for, as the records say."""
    known, since = False, dict[str, list[str]]()
    for record in (each.told for each in store.log([about.item])):
        known = known or (record["action"] == "acceptance.requested" and record["after"]["ref"] == about.ref)
        if known and record["action"] == "item.changed" and record["field"] in _ACCEPTED:
            actor = record["actor"]
            since.setdefault(actor["name"] or actor["account"] or actor["system"], []).append(record["field"])
    told = (f"{who} changed its {', '.join(dict.fromkeys(names))}" for who, names in since.items())
    return "; ".join(told) or "its text, rating, controls or risks have changed"


def _ended(each: Acceptance, state: AcceptanceState, why: str, now: datetime) -> Acceptance:
    return replace(each, state=state, ended_at=now, ended_why=why)


def unclaimed(item: ActionItem, why: str, run: str) -> tuple[ItemChange, ...]:
    """The change that takes back that an item's risk is to be accepted, if that is what is claimed of it."""
    if item.claim is None or item.claim.kind is not ClaimKind.ACCEPTANCE_REQUESTED:
        return ()
    return (ItemChange(item.ref, {"claim": None}, Because(BY_ITSELF, run, reason=why)),)


def sent_back(link: Link) -> Link:
    """The link by which a ticket that asks for acceptance goes back to where its item is."""
    agreed = link.baseline.get(Field.STATUS)
    if agreed is None or agreed.theirs != ACCEPTANCE_REQUESTED:
        return link
    return rebased(link, Field.STATUS, ours_again(agreed))


def end_words(after: Acceptance) -> str:
    """What a ticket is told when a request or an acceptance is over."""
    why = after.ended_why
    match after.state:
        case AcceptanceState.REJECTED:
            head = f"The request {after.ref} to accept the risk of {after.item} is refused: {why}."
        case AcceptanceState.LAPSED:
            head = f"The acceptance {after.ref} of the risk of {after.item} has ended: {why}."
        case AcceptanceState.VOIDED:
            head = f"{after.ref} is void: {why}."
        case _:
            head = f"The acceptance {after.ref} of the risk of {after.item} was {after.state.value}: {why}."
    if after.renewal_of:
        return f"{head} {after.renewal_of}, which it was to renew, is not changed by that."
    return f"{head} What {after.item} asks for is still to be done."
