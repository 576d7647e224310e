"""What a ticket asks a risk owner for: to live with a risk, or for more time; asked by whom, and in which words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from mapping.directives import directives, until
from mapping.read import ACCEPTANCE_REQUESTED
from mapping.rules import Rules
from state.acceptance import UNKNOWN, Acceptance, AcceptanceState, DueChange, Terms, fingerprint
from state.due_dates import WITHDRAWN
from state.effects import Because
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Actor, Agent, Claim, Field, Hold, HoldKind, Status
from state.ticket import Activity, ActivityKind
from sync.plan import Asked, Move
from sync.rulings import Ruling, Sighting, because_of, deed, start_of, who

ASK = "accept-risk"
"""The word of a comment that asks for acceptance."""

Request = tuple[Acceptance, Because]


def known_as(account: str, rules: Rules, tracker: str) -> str:
    """What a tracker's account is called here: the person's e-mail address if they are known, else `kind:account`."""
    kind = rules.trackers[tracker].account_kind
    return rules.person(account, kind) or f"{kind}:{account}"


@dataclass(frozen=True, slots=True)
class Asking:
    """One look at what is asked for on a ticket; `item` is as it is once the ticket's changes are taken in."""

    seen: Sighting
    item: ActionItem
    rulings: Sequence[Ruling]
    rules: Rules
    run: str

    def answer(self, over: Sequence[Hold]) -> Asked:
        """All that is asked; `over` are the holds that the ticket's own change ends."""
        request = self._request()
        loud = request is not None and not any(_asks(r) for r in self.rulings)
        return Asked(
            () if request is None else (request,),
            self._decided() or tuple(self._withdrawn()),
            (*self._later(), *self._no_longer(over)),
            (self._hold(request[0]),) if request is not None and loud else (),
        )

    def _decided(self) -> tuple[Move, ...]:
        """What comments decide; nothing is approved once the ticket asks no more, or made another item of it."""
        if self.seen.refused is not None:
            return self.seen.voted
        open_ = self.item.status in UNFINISHED or self.item.accepted is not None
        asked = self.seen.asked
        same = asked is not None and asked.fingerprint == fingerprint(self.item)
        return self.seen.voted if open_ and same and not any(self._withdrawn()) else ()

    def _request(self) -> Request | None:
        """The request that is news: that of a comment, else that of the ticket's own state."""
        open_ = self.item.status in UNFINISHED or self.item.status is Status.ACCEPTED_AS_RISK
        if self.seen.asked is not None or not open_ or self.item.is_group:
            return None
        claim = next((r.values.get("claim") for r in self.rulings if _asks(r)), None)
        said = self._said()
        if said is not None:
            return self._commented(*said, claim)
        return None if claim is None else self._closed(claim)

    def _said(self) -> tuple[Activity, Terms] | None:
        """The last comment that asks for acceptance, and on what terms."""
        found = None
        for act in self._news():
            for directive in directives(act.text):
                words, day = until(directive.rest)
                if directive.word == ASK:
                    found = act, Terms(words, day)
        return found

    def _news(self) -> Iterator[Activity]:
        for act in self.seen.activity:
            ours = act.by.ours or act.marker_key is not None
            if act.kind is ActivityKind.COMMENT and not ours and act.id not in self.seen.heard:
                yield act

    def _commented(self, act: Activity, terms: Terms, claim: Claim | None) -> Request:
        closer = {claim.by} - {None, act.by.id} if claim is not None else set()
        because = because_of(act, self._tracker, self.run, f"{self.seen.ticket.ref.key}: /{ASK}")
        return self._acceptance(act.by.id, act.at, act.id, terms, sorted(map(str, closer))), because

    def _closed(self, claim: Claim) -> Request:
        words, day = until(claim.text or "")
        mine = [a for a in self.seen.activity if a.by.id == claim.by and a.at == claim.at]
        event = mine[-1].id if mine else ""
        kind = Actor.UNKNOWN if claim.by is None else Actor.BOT if any(a.by.bot for a in mine) else Actor.HUMAN
        agent = Agent(kind, self._tracker, claim.by or UNKNOWN, mine[-1].by.name if mine else "")
        because = Because(agent, self.run, event, self._sign(), claim.at)
        at = claim.at or self.seen.ticket.updated
        others = [] if claim.by else sorted({a.by.id for a in self.seen.activity if not a.by.ours})
        return self._acceptance(claim.by, at, event, Terms(words, day), others), because

    def _sign(self) -> str:
        """By what the ticket asks without a comment: a label, a state that somebody named for that, or its closing."""
        ticket = self.seen.ticket
        marks = self.rules.trackers[self._tracker].asking([ticket.state.name, *ticket.labels])
        return f"{ticket.ref.key}: " + (
            f"marked {', '.join(marks)}" if marks else f"closed as {ticket.state.resolution or ticket.state.name}"
        )

    def _acceptance(self, by: str | None, at: datetime, event: str, terms: Terms, editors: Sequence[str]) -> Acceptance:
        return Acceptance(
            ref="",
            item=self.item.ref,
            state=AcceptanceState.REQUESTED,
            terms=terms,
            requester=UNKNOWN if by is None else known_as(by, self.rules, self._tracker),
            requested_at=at,
            fingerprint=fingerprint(self.item),
            editors=tuple(known_as(each, self.rules, self._tracker) for each in editors),
            system=self._tracker,
            event=event,
            renewal_of=self.item.accepted.ref if self.item.accepted else "",
        )

    def _hold(self, asked: Acceptance) -> Hold:
        words = f': "{start_of(asked.terms.justification)}"' if asked.terms.justification else ""
        detail = f"{asked.requester} asks on {self.seen.ticket.ref.key} to accept the risk{words}"
        return Hold(HoldKind.ACCEPTANCE_REQUESTED, self.item.ref, "", detail)

    def _withdrawn(self) -> Iterator[Move]:
        """The request that the ticket made, once its state asks no more."""
        asked, before = self.seen.asked, self.seen.link.baseline.get(Field.STATUS)
        moved = [r for r in self.rulings if r.change.field is Field.STATUS and r.change.theirs_moved]
        if asked is None or asked.system != self._tracker or before is None or before.theirs != ACCEPTANCE_REQUESTED:
            return
        for ruling in moved:
            why = f"{self.seen.ticket.ref.key} no longer asks for it"
            because = replace(who(self.seen, ruling.change, self.run), reason=why)
            ended = because.at or self.seen.ticket.updated
            after = replace(asked, state=AcceptanceState.WITHDRAWN, ended_at=ended, ended_why=why)
            yield asked, after, because

    def _later(self) -> Iterator[tuple[DueChange, Because]]:
        for ruling in self.rulings:
            if ruling.hold is None or ruling.hold.kind is not HoldKind.DUE_CHANGE:
                continue
            act, key = deed(self.seen, ruling.change), self.seen.ticket.ref.key
            agent = Agent(Actor.UNKNOWN, self._tracker, UNKNOWN)
            because = Because(agent, self.run, "", f"{key}: a later due date", self.seen.ticket.updated)
            if act is not None:
                because = because_of(act, self._tracker, self.run, f"{key}: a later due date")
            by = UNKNOWN if act is None else known_as(act.by.id, self.rules, self._tracker)
            at = because.at or self.seen.ticket.updated
            after = date.fromisoformat(ruling.change.theirs or "")
            yield DueChange(self.item.ref, self.item.due_date, after, by, at, self._tracker, because.event), because

    def _no_longer(self, over: Sequence[Hold]) -> Iterator[tuple[DueChange, Because]]:
        for hold in over:
            if hold.kind is HoldKind.DUE_CHANGE and hold.theirs:
                why = "no longer asked for in the tracker"
                at, day = self.seen.ticket.updated, date.fromisoformat(hold.theirs)
                agent = Agent(Actor.UNKNOWN, self._tracker, UNKNOWN)
                gone = DueChange(
                    self.item.ref,
                    self.item.due_date,
                    day,
                    "",
                    at,
                    verdict=WITHDRAWN,
                    decided_by=self._tracker,
                    decided_at=at,
                    decided_why=why,
                )
                yield gone, Because(agent, self.run, "", why, at)

    @property
    def _tracker(self) -> str:
        return self.seen.link.ref.tracker


def _asks(ruling: Ruling) -> bool:
    return ruling.hold is not None and ruling.hold.kind is HoldKind.ACCEPTANCE_REQUESTED
