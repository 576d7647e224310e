"""What people on our side say about work that is done: that it is, that what shows it will do, or that it is not."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from state import audit, comments, proofs
from state.effects import Because, Effects, ItemChange, Lease
from state.errors import LeaseHeld, StateError
from state.lease import Holder
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Claim, ClaimKind, Comment, Field, Hold, HoldKind, Link, Status
from state.proof import Evidence, ResolutionPolicy, Review, Verdict
from state.store import Store
from sync.backing import TOPIC, Backing, backing_of
from sync.diff import ours_again, rebased


class NotResolved(StateError):
    """That cannot be said of this item; the message says why, and what can be done."""


@dataclass(frozen=True, slots=True)
class Resolving:
    """What is said with: the policy that decides, and `holder`, who keeps a run from beginning meanwhile."""

    store: Store
    policy: ResolutionPolicy
    clock: Callable[[], datetime]
    holder: Holder

    def claim(self, ref: str, by: str, because: Because) -> tuple[ActionItem, tuple[str, ...]]:
        """Say that an item is done: resolved, or where something is missing, claimed; the item, and what is missing.

        The next sync closes the ticket of a resolved item, and asks in that of another. Raises `NotResolved`.
        """
        with self.store.alone(self.holder) as lease:
            item = self.store.item(ref)
            if item.status not in UNFINISHED:
                raise NotResolved(
                    f"{ref} is {item.status.value} already; `counterfoil item show {ref}` says since when"
                )
            backing = self._backing(item)
            if backing.missing:
                claim = item.claim if backing.is_pending else None
                said = claim or Claim(ClaimKind.RESOLVED, by, self.clock(), because.reason)
                self.store.commit(lease, self._asking(backing, said, because))
            elif backing.is_pending:
                word = backing.settled(because.run)
                again = replace(word, reason=f"{word.reason} ({by}: {because.reason})")
                self.store.commit(lease, self._resolved(backing, again))
            else:
                self.store.commit(lease, self._resolved(backing, because))
            return self.store.item(ref), backing.missing

    def accept(self, ref: str, by: str, names: frozenset[str], because: Because) -> list[Evidence]:
        """Accept what was brought for an item by others, as far as nobody has reviewed it; raises `NotResolved`.

        An item that is said to be done is resolved by that with the next sync, or now where it has no ticket.
        """
        waiting = self.waiting(ref)
        mine = [e for e in waiting if e.draft.is_by(names)]
        if not waiting or len(mine) == len(waiting):
            why = (
                f"{by} brought what is there, and nobody reviews that themselves" if mine else "there is none to review"
            )
            raise NotResolved(f"{ref}: {why}; `counterfoil evidence list {ref}` shows it")
        others = [e for e in waiting if e not in mine]
        with self.store.alone(self.holder) as lease:
            found = Review(Verdict.ACCEPTED, by, self.clock(), because.reason)
            after = {(e.ref, e.version): replace(e, review=found) for e in others}
            done = [self._settled(item, because.run, after) for item in self._unlinked([ref])]
            self._write(lease, others, found, because, [effects for effects in done if effects is not None])
        return others

    def waiting(self, ref: str) -> list[Evidence]:
        """What was brought for an item and nobody has reviewed yet, or not since its link changed."""
        return [e for e in self._evidence(ref) if not e.superseded and (e.review is None or e.doubted)]

    def missing(self, item: ActionItem) -> tuple[str, ...]:
        """What is missing for an item to count as resolved, as long as it is unfinished."""
        return self._backing(item).missing if item.status in UNFINISHED else ()

    def settle(self, run: str, refs: Collection[str] | None = None) -> None:
        """Resolve what has no ticket, was said to be done and lacks nothing by now, because of who said so, as of then.

        That is of the items named and those that they list, or of all. While a run is under way it is left to the next.
        """
        if not self._unlinked(refs):
            return
        with suppress(LeaseHeld), self.store.alone(self.holder) as lease:
            for item in self._unlinked(refs):
                if (effects := self._settled(item, run, {})) is not None:
                    self.store.commit(lease, effects)

    def _unlinked(self, refs: Collection[str] | None) -> list[ActionItem]:
        """The items without a ticket that were said to be done."""
        held = [hold.item for hold in self.store.holds() if hold.kind is HoldKind.EVIDENCE_MISSING]
        linked = self.store.links(held)
        items = self.store.items(ref for ref in held if ref not in linked).values()
        return [item for item in items if refs is None or item.ref in refs or item.part_of in refs]

    def _settled(self, item: ActionItem, run: str, reviewed: Mapping[tuple[str, int], Evidence]) -> Effects | None:
        """What resolves an item that was said to be done, if it lacks nothing once these pieces are reviewed."""
        backing = self._backing(item).reviewed(reviewed)
        return self._resolved(backing, backing.settled(run)) if backing.is_pending and not backing.missing else None

    def reject(self, ref: str, by: str, names: frozenset[str], because: Because) -> list[Evidence]:
        """Refuse what is to show that an item is done: it is in progress, and the next sync opens its ticket again.

        What the reviewer brought themselves is left as it is. Raises `NotResolved`.
        """
        with self.store.alone(self.holder) as lease:
            item = self.store.item(ref)
            if item.status is Status.ACCEPTED_AS_RISK:
                raise NotResolved(f"the risk of {ref} is accepted; `counterfoil accept revoke {ref}` ends that")
            refused = [
                e for e in self._evidence(ref) if not e.superseded and not e.rejected and not e.draft.is_by(names)
            ]
            claimed = item.status is Status.RESOLVED or self._backing(item).is_pending
            if not refused and not claimed:
                raise NotResolved(f"{ref} is not said to be done, and nothing was brought that others could review")
            found = Review(Verdict.REJECTED, by, self.clock(), because.reason)
            undone = [refusal(self.store, item, by, found.at, because)] if claimed else []
            self._write(lease, refused, found, because, undone)
        return refused

    def _write(
        self, lease: Lease, some: Iterable[Evidence], found: Review, because: Because, effects: Iterable[Effects]
    ) -> None:
        """Keep a review of pieces, and what follows from it, in one transaction."""
        with self.store.writing(lease) as w:
            proofs.review_all(w.connection, w.ledger, [(each, found) for each in some], because)
            for each in effects:
                w.write(lease, each)

    def _evidence(self, ref: str) -> list[Evidence]:
        self.store.item(ref)
        return self.store.ask(proofs.of_items, [ref]).get(ref, [])

    def _backing(self, item: ActionItem) -> Backing:
        link = self.store.link(item.ref)
        standing = self.store.ask(comments.about, TOPIC, [item.ref], link.ref.tracker) if link is not None else {}
        asked = next((hold.opened_at for hold in _missing(self.store, item.ref)), None)
        known = backing_of(self.store, self.policy, self.clock(), [item])[item.ref]
        by = self.store.ask(audit.claimants, [item.ref]).get(item.ref, known.claimant)
        return replace(known, asked_at=asked, standing=standing.get(item.ref), claimant=by)

    def _asking(self, backing: Backing, said: Claim, because: Because) -> Effects:
        item, link = backing.item, self.store.link(backing.item.ref)
        tracker = "" if link is None else link.ref.tracker
        told = None if link is None else backing.says(backing.asking(), tracker)
        return Effects(
            changes=[ItemChange(item.ref, {"status": Status.IN_PROGRESS, "claim": said}, because, seen=item.revision)],
            held=[(backing.hold(tracker, f"{said.by} says that the work is done"), because)],
            comments=[] if told is None else [(told, because)],
        )

    def _resolved(self, backing: Backing, because: Because) -> Effects:
        item = backing.item
        held = _missing(self.store, item.ref)
        told = [backing.says(backing.answered(), h.tracker) for h in held if h.tracker and backing.standing is not None]
        return Effects(
            changes=[ItemChange(item.ref, {"status": Status.RESOLVED, "claim": None}, because, seen=item.revision)],
            released={hold.id: because for hold in held},
            comments=[(each, because) for each in told if each is not None],
        )


def refusal(store: Store, item: ActionItem, by: str, now: datetime, because: Because) -> Effects:
    """An item does not count as done: its ticket goes back to where it is, in progress if it was resolved, and is told
    why.
    """
    link = store.link(item.ref)
    held = _missing(store, item.ref)
    values = {"status": item.status if item.status in UNFINISHED else Status.IN_PROGRESS, "claim": None}
    effects = Effects(
        changes=[ItemChange(item.ref, values, because)],
        released={hold.id: because for hold in held},
        dirty=[item.ref],
    )
    if link is None:
        return effects
    text = f"**{item.ref} is not resolved.** {by}: {because.reason}"
    said = Comment("", item.ref, "counterfoil", text, now, inbound=False, tracker=link.ref.tracker, topic=TOPIC)
    return replace(effects, touched=[_sent_back(link)], comments=[(said, because)])


def _sent_back(link: Link) -> Link:
    """The link by which a ticket that says that the work is done goes back to where its item is."""
    agreed = link.baseline.get(Field.STATUS)
    if agreed is None or agreed.theirs != Status.RESOLVED:
        return link
    return rebased(link, Field.STATUS, ours_again(agreed))


def _missing(store: Store, ref: str) -> list[Hold]:
    return [hold for hold in store.holds(ref) if hold.kind is HoldKind.EVIDENCE_MISSING]
