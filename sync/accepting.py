"""What people decide about risks that are to be lived with: asked for, approved, refused, revoked, renewed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime

from state import acceptances
from state.acceptance import (
    Acceptance,
    AcceptanceState,
    Authorities,
    Decider,
    Decision,
    DecisionVerdict,
    Involved,
    Terms,
    again,
    fingerprint,
    flaws,
    refusal,
    status_on,
    wrong_end,
)
from state.effects import Because, Effects, Lease
from state.errors import StateError
from state.lease import Holder, this_process
from state.lifecycle import BY_ITSELF, UNFINISHED
from state.model import ActionItem, Comment, Person
from state.store import Store
from sync.endings import end_words, over, risks_due, sent_back, unclaimed
from sync.involved import involved
from sync.plan import Move

_LISTS = "counterfoil item list --group"
_INSTEAD = {
    AcceptanceState.REQUESTED: "decide about it: `counterfoil accept approve {0}` or `accept reject {0} --reason TEXT`",
    AcceptanceState.ACTIVE: "`counterfoil accept revoke {0} --reason TEXT` ends it, `accept renew {0}` asks for longer",
}
_OVER = "`counterfoil accept show {0}` says why"


@dataclass(frozen=True, slots=True)
class Word:
    """Why somebody decides as they do; said in a comment, with the tracker's id of it and a SHA-256 of what it said."""

    reason: str
    event: str = ""
    snapshot: str = ""


class NotDecided(StateError):
    """This person may not decide that, or it cannot be decided; the message says why, and what can be done."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decisions are taken with; `kinds` names each tracker's kind of accounts, as people have them."""

    store: Store
    authorities: Authorities
    kinds: Mapping[str, str]
    clock: Callable[[], datetime]
    holder: Holder = field(default_factory=this_process)
    people: Sequence[Person] = ()

    def request(self, ref: str, terms: Terms, decider: Decider, because: Because) -> Acceptance:
        """Ask for an item's risk to be accepted, or complete what is asked for already.

        Who completes a request has had a hand in it. Raises `NotDecided`.
        """
        with self.store.alone(self.holder) as lease:
            item = self.store.item(ref)
            asked = self.store.ask(acceptances.asked_for, ref)
            if asked is not None:
                self._possible(terms, item)
                return self._amend(lease, asked, terms, decider, because)
            if status_on(item, self._today) not in UNFINISHED:
                raise NotDecided(
                    f"{ref} is {item.status.value}, so there is nothing to ask for"
                    + (f"; `counterfoil accept renew {item.accepted.ref}` asks for longer" if item.accepted else "")
                )
            return self._ask(lease, item, terms, decider, because)

    def renew(self, ref: str, changed: Terms, decider: Decider, because: Because) -> Acceptance:
        """Ask for an active acceptance to go on, on its own terms but for what is `changed`; raises `NotDecided`."""
        with self.store.alone(self.holder) as lease:
            old = self._find(ref, AcceptanceState.ACTIVE)
            item = self.store.item(old.item)
            if (asked := self.store.ask(acceptances.asked_for, item.ref)) is not None:
                raise NotDecided(f"{asked.ref} asks for that already; `counterfoil accept show {asked.ref}` shows it")
            return self._ask(lease, item, _completed(old.terms, changed), decider, because, renewal_of=old.ref)

    def approve(self, ref: str, changed: Terms, decider: Decider, because: Because, reason: str = "") -> Acceptance:
        """Approve a request, completed by what is `changed`; it is active once enough people have approved.

        Raises `NotDecided` for who may not, and for terms that do not suffice.
        """
        with self.store.alone(self.holder) as lease:
            asked = self._find(ref, AcceptanceState.REQUESTED)
            moves = self.approval(asked, changed, decider, because, Word(reason))
            old, new, _ = moves[0]
            renewed = new.state is AcceptanceState.RENEWED
            due = {} if renewed else risks_due(old, self.store.item(asked.item), new.ended_why)
            self.store.commit(lease, Effects(acceptances=moves, due_risks=due))
            return moves[-1][1]

    def approval(
        self, asked: Acceptance, changed: Terms, decider: Decider, because: Because, word: Word
    ) -> tuple[Move, ...]:
        """What becomes of a request, and of what it renews, by an approval; writes nothing. Raises `NotDecided`."""
        item = self._bound(asked)
        self._may(asked, item, decider)
        if why := again(decider, asked.approvals):
            raise NotDecided(f"{asked.ref}: {why}")
        terms = _completed(asked.terms, changed)
        if asked.approvals and terms != asked.terms:
            raise NotDecided(f"{asked.ref}: somebody approved it on its terms already, so they stand as they are")
        if wrong := flaws(terms, item, self.authorities, self._today):
            raise NotDecided(f"{asked.ref} cannot be approved: {', '.join(wrong)}; say it with the command's options")
        made = self._decision(DecisionVerdict.APPROVE, item, decider, word)
        return self._approved(asked, replace(asked, terms=terms, decisions=(*asked.decisions, made)), item, because)

    def reject(self, ref: str, reason: str, decider: Decider, because: Because) -> Acceptance:
        """Refuse a request; the ticket that asked goes back to where the item is. Raises `NotDecided`."""
        with self.store.alone(self.holder) as lease:
            asked = self._find(ref, AcceptanceState.REQUESTED)
            return self._end(lease, self.rejection(asked, decider, because, Word(reason)))

    def rejection(self, asked: Acceptance, decider: Decider, because: Because, word: Word) -> Move:
        """What becomes of a request by a refusal; writes nothing. Raises `NotDecided`."""
        return self._over(asked, AcceptanceState.REJECTED, DecisionVerdict.REJECT, decider, because, word)

    def revoke(self, ref: str, reason: str, decider: Decider, because: Because) -> Acceptance:
        """End an active acceptance before its time; item and ticket are open again. Raises `NotDecided`."""
        with self.store.alone(self.holder) as lease:
            active = self._find(ref, AcceptanceState.ACTIVE)
            ended = (AcceptanceState.REVOKED, DecisionVerdict.REVOKE)
            over = self._over(active, *ended, decider, because, Word(reason))
            return self._end(lease, over, self._moot(over[1], because))

    def involved(self, about: Acceptance, item: ActionItem) -> Involved:
        """Who has to do with the item and the request, as far as is known here."""
        return involved(self.store, self.kinds, about, item)

    def person(self, email: str) -> Decider:
        """Somebody, by every name they have here."""
        mine = (each.names for each in self.people if each.email.casefold() == email.casefold())
        return Decider(email, frozenset().union(*mine))

    def able(self, about: Acceptance, item: ActionItem) -> list[str]:
        """Who may decide about what stands: a risk owner who is not involved, and of a request has not approved it."""
        named, barred, rating = self.authorities, self.involved(about, item), self.authorities.rating(item)
        owners = [self.person(each) for each in sorted(named.risk_owners.get(rating, ()))]
        done = about.approvals if about.state is AcceptanceState.REQUESTED else ()
        free = [each.email for each in owners if not refusal(each, rating, barred, named) and not again(each, done)]
        return free if about.state_on(self._today) in acceptances.STANDING else []

    def lacks(self, about: Acceptance, item: ActionItem) -> tuple[str, ...]:
        """What keeps a request from being approved as it is."""
        asked = about.state is AcceptanceState.REQUESTED
        return flaws(about.terms, item, self.authorities, self._today) if asked else ()

    def spent(self, about: Acceptance, item: ActionItem) -> dict[str, str]:
        """Who approved a request and may not decide about it any more, and why: their approval does not count."""
        barred, found = self.involved(about, item), {}
        for each in about.approvals if about.state is AcceptanceState.REQUESTED else ():
            typist = self.person(each.typed_by) if each.typed_by else None
            who = replace(self.person(each.by), typist=typist)
            if why := refusal(who, self.authorities.rating(item), barred, self.authorities):
                found[each.by] = why
        return found

    def _ask(
        self,
        lease: Lease,
        item: ActionItem,
        terms: Terms,
        decider: Decider,
        because: Because,
        renewal_of: str = "",
    ) -> Acceptance:
        if item.is_group:
            raise NotDecided(f"{item.ref} lists others, whose risks are accepted one by one: {_LISTS} {item.ref}")
        if not terms.justification.strip():
            raise NotDecided("a request says why the risk is to be lived with: --because TEXT")
        self._possible(terms, item)
        asked = Acceptance(
            ref="",
            item=item.ref,
            state=AcceptanceState.REQUESTED,
            terms=terms,
            requester=decider.email,
            requested_at=self.clock(),
            fingerprint=fingerprint(item),
            renewal_of=renewal_of,
        )
        with self.store.writing(lease) as w:
            return acceptances.request(w.connection, w.ledger, asked, because)

    def _possible(self, terms: Terms, item: ActionItem) -> None:
        """Raise `NotDecided` for an end that nobody could approve today."""
        if terms.until and (wrong := wrong_end(terms.until, item, self.authorities, self._today)):
            raise NotDecided(f"{item.ref}: {wrong}; say another with --until DATE")

    def _amend(self, lease: Lease, asked: Acceptance, terms: Terms, decider: Decider, because: Because) -> Acceptance:
        if asked.approvals:
            raise NotDecided(f"{asked.ref}: somebody approved it on its terms already, so they stand as they are")
        editors = tuple(dict.fromkeys((*asked.editors, decider.email)))
        mine = decider.email.casefold() == asked.requester.casefold()
        after = replace(asked, terms=_completed(asked.terms, terms), editors=asked.editors if mine else editors)
        self.store.commit(lease, Effects(acceptances=[(asked, after, because)]))
        return after

    def _approved(self, asked: Acceptance, after: Acceptance, item: ActionItem, because: Because) -> tuple[Move, ...]:
        """A further approval; where it is the last that was needed, the acceptance is active from now on.

        Approvals of people who may not decide any more are not counted.
        """
        counted = {each.by for each in after.approvals} - self.spent(after, item).keys()
        if len(counted) < self.authorities.needed(self.authorities.rating(item)):
            return ((asked, after, because),)
        last = (asked, replace(after, state=AcceptanceState.ACTIVE, active_from=self.clock()), because)
        old = self.store.ask(acceptances.active, item.ref)
        if old is None:
            return (last,)
        ended = over(self.store, old, item, self.clock())
        if ended is not None:
            return (old, ended, Because(BY_ITSELF, because.run, reason=ended.ended_why)), last
        why = f"renewed by {asked.ref}"
        renewed = replace(old, state=AcceptanceState.RENEWED, ended_at=self.clock(), ended_why=why)
        return (old, renewed, replace(because, reason=why)), last

    def _over(
        self,
        before: Acceptance,
        state: AcceptanceState,
        verdict: DecisionVerdict,
        decider: Decider,
        because: Because,
        word: Word,
    ) -> Move:
        if not word.reason.strip():
            raise NotDecided("this needs --reason, which the ticket is told and the ledger keeps")
        item = self.store.item(before.item)
        self._may(before, item, decider)
        made = self._decision(verdict, item, decider, word)
        why = f"{decider.email}: {made.reason}"
        decisions = (*before.decisions, made)
        return before, replace(before, state=state, decisions=decisions, ended_at=made.at, ended_why=why), because

    def _moot(self, revoked: Acceptance, because: Because) -> tuple[Move, ...]:
        """The request to go on with what is revoked, which asks for nothing any more."""
        asked = self.store.ask(acceptances.asked_for, revoked.item)
        if asked is None or asked.renewal_of != revoked.ref:
            return ()
        why = f"{revoked.ref}, which it was to renew, was revoked"
        after = replace(asked, state=AcceptanceState.WITHDRAWN, ended_at=self.clock(), ended_why=why)
        return ((asked, after, replace(because, reason=why)),)

    def _end(self, lease: Lease, move: Move, also: tuple[Move, ...] = ()) -> Acceptance:
        """Write down that a request or an acceptance is over, and what that is the end of; have the ticket told."""
        before, after, because = move
        item, link = self.store.item(before.item), self.store.link(before.item)
        said = Comment("", item.ref, after.decisions[-1].by, end_words(after), self.clock(), inbound=False)
        changes = unclaimed(item, after.ended_why, because.run) if before.state is AcceptanceState.REQUESTED else ()
        self.store.commit(
            lease,
            Effects(
                changes=[replace(each, because=because) for each in changes],
                touched=[sent_back(link)] if link is not None else (),
                comments=[(said, because)],
                acceptances=[move, *also],
                dirty=[item.ref],
                due_risks=risks_due(before, item, after.ended_why),
                because=because,
            ),
        )
        return after

    def _may(self, about: Acceptance, item: ActionItem, decider: Decider) -> None:
        if why := refusal(decider, self.authorities.rating(item), self.involved(about, item), self.authorities):
            raise NotDecided(f"{about.ref}: {why}")

    def _bound(self, asked: Acceptance) -> ActionItem:
        item = self.store.item(asked.item)
        if fingerprint(item) != asked.fingerprint:
            raise NotDecided(
                f"{item.ref} is not what {asked.ref} was asked for: its text, rating, controls or risks have changed. "
                "The next sync says so to both sides; ask anew then"
            )
        return item

    def _decision(self, verdict: DecisionVerdict, item: ActionItem, decider: Decider, word: Word) -> Decision:
        authority = f"risk owner for {self.authorities.rating(item).value}"
        typist = decider.typist.email if decider.typist is not None else ""
        words = f"{authority}, by {typist}, who may act for others" if typist else authority
        said = (word.reason.strip(), words, decider.channel, typist, word.event, word.snapshot)
        return Decision(verdict, decider.email, self.clock(), *said)

    def _find(self, ref: str, state: AcceptanceState) -> Acceptance:
        """The acceptance with this ref, or the item's, in this state; raises `NotDecided`."""
        found = find(self.store, ref, state) or find(self.store, ref)
        if found is None:
            raise NotDecided(f"{ref} has no acceptance; ask for one: `counterfoil accept request {ref}`")
        stands = found.state_on(self._today)
        if stands is not state:
            raise NotDecided(f"{found.ref} is {stands.value}; {_INSTEAD.get(stands, _OVER).format(found.ref)}")
        return found

    @property
    def _today(self) -> date:
        return self.clock().date()


def find(store: Store, ref: str, state: AcceptanceState | None = None) -> Acceptance | None:
    """The acceptance with this ref, or of this item the newest, or the one in a state; raises `UnknownRef`."""
    if ref.upper().startswith("RA-"):
        return store.ask(acceptances.get, ref)
    item = store.item(store.called(ref)).ref
    mine = store.ask(acceptances.of_items, [item]).get(item, [])
    return next((each for each in reversed(mine) if state in (None, each.state)), None)


def _completed(terms: Terms, changed: Terms) -> Terms:
    """The terms, with what is said otherwise now."""
    said = {each.name: getattr(changed, each.name) for each in fields(Terms)}
    return replace(terms, **{name: value for name, value in said.items() if value not in (None, "")})
