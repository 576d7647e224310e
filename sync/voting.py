"""A risk owner's decision in a comment of the ticket, where that is allowed, and nothing leaves a doubt about it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.base import Tracker
from mapping.directives import Directive, directives
from mapping.rules import Rules
from state.acceptance import Acceptance, Channel, Decider, Terms
from state.model import ActionItem, Link, Person
from state.ticket import Activity, ActivityKind
from sync.accepting import Deciding, NotDecided, Word
from sync.plan import Move
from sync.rulings import because_of

APPROVE, REJECT = "approve-risk", "reject-risk"
"""The words of comments that decide: `/approve-risk RA-12 WHY`, `/reject-risk RA-12 WHY`."""


@dataclass(frozen=True, slots=True)
class Votes:
    """What comments decide, and why some were not taken for a decision."""

    taken: tuple[Move, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ballot:
    """The comments on one item's ticket that are news, and the request that they may be about."""

    tracker: Tracker
    rules: Rules
    deciding: Deciding
    item: ActionItem
    link: Link
    asked: Acceptance
    run: str

    def count(self, news: Sequence[Activity]) -> Votes:
        """Take the first decision that may be; each comment is read again by its id before it counts."""
        warnings: list[str] = []
        for act, said in _deciding(news):
            try:
                return Votes(self._taken(act, said), tuple(warnings))
            except NotDecided as no:
                warnings.append(f"{self.item.ref}: a comment of {act.by.name or act.by.id} decides nothing: {no}")
        return Votes((), tuple(warnings))

    def _taken(self, act: Activity, said: Directive) -> tuple[Move, ...]:
        about, _, why = said.rest.partition(" ")
        number = about.upper().removeprefix("RA-")
        if not number.isdigit() or self.asked.ref != f"RA-{int(number):06d}":
            raise NotDecided(f"it does not name {self.asked.ref}, which is asked for")
        if not why.strip():
            raise NotDecided("it says no reason")
        person = self._vouched(act)
        decider = Decider(person.email, person.names, channel=Channel.COMMENT)
        word = Word(why, act.id, hashlib.sha256(act.text.encode()).hexdigest())
        because = because_of(act, self.link.ref.tracker, self.run, f"{self.asked.ref}: {why.strip()}")
        if said.word == REJECT:
            return (self.deciding.rejection(self.asked, decider, because, word),)
        return self.deciding.approval(self.asked, Terms(""), decider, because, word)

    def _vouched(self, act: Activity) -> Person:
        """Who said it; raises `NotDecided` where anything leaves a doubt about that, or about what was said."""
        told = self.tracker.activity(self.link.ref, act.at.replace(microsecond=0))
        now = next((each for each in told if each.id == act.id and each.kind is ActivityKind.COMMENT), None)
        kind = self.rules.trackers[self.tracker.name].account_kind
        email = self.rules.person(act.by.id, kind)
        person = next((each for each in self.rules.people if each.email == email), None)
        doubts = {
            "it is not there any more": now is None,
            "it was edited": now is not None and (now.edited_at is not None or now.text != act.text),
            "somebody else is its author now": now is not None and now.by.id != act.by.id,
            "it was written by a program": act.by.bot or (now is not None and now.by.bot),
            "it came by e-mail": act.by_email or (now is not None and now.by_email),
            "it is not for everybody who sees the ticket": act.confined or (now is not None and now.confined),
            f"{self.tracker.name} does not vouch for who writes its comments": not self.tracker.caps.vouches,
            f"{act.by.id} is nobody in [[people]]": person is None,
        }
        found = [doubt for doubt, there in doubts.items() if there]
        if found or person is None:
            raise NotDecided(", ".join(found))
        return person


def _deciding(news: Sequence[Activity]) -> Iterator[tuple[Activity, Directive]]:
    for act in news:
        if act.kind is ActivityKind.COMMENT and not act.by.ours and act.marker_key is None:
            yield from ((act, said) for said in directives(act.text) if said.word in (APPROVE, REJECT))
