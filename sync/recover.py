"""Intents that a crash or a lost answer left open: looked for by their markers, never sent again blind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from connectors.errors import NotFound
from mapping.read import observe_after
from state.effects import Effects, Intent, Note
from state.model import Agreed, Baseline, Comment, Field, Hold, HoldKind, Link, OperationKind, Outcome
from state.ticket import Marker, Ticket
from sync.speaking import EDIT
from sync.unknown import not_ours
from sync.work import FRESH, Work

GRAIN = timedelta(seconds=1)
"""What a tracker's time is told in."""
CLOCK_SLACK = timedelta(days=1)
"""How far our clock may run ahead of a tracker's before what it did would be looked for too late in its history."""
FOUND = "found by its marker after a lost answer"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery may use. `wait` is how long a tracker may take to show what it did."""

    work: Work
    tracker: Tracker
    wait: timedelta
    now: datetime

    def run(self) -> int:
        """Settle what can be settled; how many lost tickets were found. What stays open is still in doubt.

        A create or a comment counts as not sent only after two negative answers, the last of them once `wait` has
        passed since the intent; that item is left alone until then, and the rest of the run goes on. Of a comment on
        a ticket that is gone there is no answer until that is there again or the item is parted from it. An update is
        looked for in its ticket once it can no longer happen late. What is still open where our clock was put back
        begins to wait now.
        """
        name = self.tracker.name
        found = self._ask(self.work.store.open_intents(name))
        found += self._ask([i for i in self.work.store.open_intents(name) if self._aged(i)])
        self._updates([i for i in self.work.store.open_intents(name) if i.kind is OperationKind.UPDATE])
        if ahead := {i.id: i.begun_there for i in self.work.store.open_intents(name) if i.begun_at > self.now}:
            self.work.commit("recovery", Effects(sent=ahead))
        return found

    def _ask(self, intents: list[Intent]) -> int:
        """Look for each once; how many tickets were found."""
        self._comments([i for i in intents if i.kind is OperationKind.COMMENT])
        return self._creates([i for i in intents if i.kind is OperationKind.CREATE])

    def _aged(self, intent: Intent) -> bool:
        return is_over(intent, self.tracker, self.wait, self.now)

    def _since(self, intents: list[Intent], known: datetime | None) -> datetime:
        """From when on to look: not after `known`, a time of the tracker's from before, as our clock may be wrong."""
        begun = [*(i.since for i in intents), *([] if known is None else [known])]
        return min(begun) - CLOCK_SLACK

    def _creates(self, creates: list[Intent]) -> int:
        if not creates:
            return 0
        fresh = self.work.store.feed(self.tracker.name).fresh
        since = self._since(creates, None if fresh is None else fresh.at)
        found = self._found(creates, since)
        suspected = self._suspected([i for i in creates if i.key not in found and self._is_last(i)], since)
        # What only came to be shown between these two answers is no other account's.
        found |= self._found([i for i in creates if i.key in suspected], since)
        for intent in creates:
            match found.get(intent.key, []):
                case [] if intent.key in suspected:
                    self._hold(intent, suspected[intent.key])
                case []:
                    self._absent(intent)
                case [ticket]:
                    self._link(intent, ticket)
                case tickets:
                    self._park(intent, tickets)
        return sum(len(tickets) == 1 for tickets in found.values())

    def _found(self, creates: list[Intent], since: datetime) -> dict[str, list[Ticket]]:
        """Tickets of ours that carry the keys of what was sent, by key."""
        found: dict[str, list[Ticket]] = {}
        for ticket in self.tracker.find([Marker(i.key, i.item) for i in creates], since) if creates else ():
            if ticket.marker is not None:
                found.setdefault(ticket.marker.key, []).append(ticket)
        return found

    def _suspected(self, creates: list[Intent], since: datetime) -> dict[str, Ticket]:
        """Tickets of another account that carry the keys of what would be sent again, by key."""
        if not creates:
            return {}
        markers = [Marker(i.key, i.item) for i in creates]
        there = self.tracker.suspects(markers, since)
        return {ticket.marker.key: ticket for ticket in there if ticket.marker is not None}

    def _hold(self, intent: Intent, ticket: Ticket) -> None:
        hold = not_ours(intent.item, ticket, int(intent.payload["generation"]))
        refused = {intent.id: Outcome("refused", hold.detail)}
        held = [(hold, self.work.because)]
        self.work.commit("recovery", Effects(finished=refused, held=held, dirty=[intent.item]))

    def _is_last(self, intent: Intent) -> bool:
        """Whether one more negative answer settles that nothing was made."""
        return intent.asked_at is not None and self._aged(intent)

    def _absent(self, intent: Intent) -> None:
        """Note a negative answer, or act on the one that settles the matter."""
        if self._is_last(intent):
            self._forget(intent, "not there after the wait; it will be sent again")
        else:
            self.work.commit("recovery", Effects(asked=[intent.id]))

    def _link(self, intent: Intent, ticket: Ticket) -> None:
        """Take the ticket as ours, with what we meant to write as the baseline, not what stands there now."""
        link = link_of(intent, ticket, self.work.because.run)
        because = replace(self.work.because, reason=FOUND)
        done = {intent.id: Outcome("done", FOUND)}
        self.work.commit("recovery", Effects(finished=done, linked=[(link, because)], dirty=[intent.item]))

    def _park(self, intent: Intent, tickets: list[Ticket]) -> None:
        keys = ", ".join(sorted(t.ref.key for t in tickets))
        detail = f"{keys} all carry the marker of {intent.item}; delete all but one, then link that one"
        number, ids = str(intent.payload["generation"]), " ".join(t.ref.id for t in tickets)
        hold = Hold(HoldKind.MANY_TICKETS, intent.item, self.tracker.name, detail, ours=number, theirs=ids)
        refused = {intent.id: Outcome("refused", detail)}
        self.work.commit("recovery", Effects(finished=refused, held=[(hold, self.work.because)]))

    def _forget(self, intent: Intent, reason: str) -> None:
        outcome = {intent.id: Outcome("deferred", reason)}
        self.work.commit("recovery", Effects(finished=outcome, dirty=[intent.item]))

    def _updates(self, intents: list[Intent]) -> None:
        """Agree on what the tickets show of updates that may have been written; of the rest no more will be known."""
        links = self.work.store.links([i.item for i in intents])
        tickets = {i.item: str(i.payload.get("ticket", "")) for i in intents}
        refs = [k.ref for k in links.values() if k.ref.tracker == self.tracker.name and k.ref.id == tickets[k.item]]
        found = self.tracker.fetch(refs) if refs else ()
        there = {t.ref.id: t for t in found if isinstance(t, Ticket)}
        for intent in filter(self._aged, intents):
            self._update(intent, there.get(tickets[intent.item]))

    def _update(self, intent: Intent, ticket: Ticket | None) -> None:
        link = self.work.store.link(intent.item)
        meant, before = baseline_from(intent.payload["baseline"]), intent.payload.get("before", {})
        written: Baseline = {}
        reached: dict[Field, str | None] = {}
        if link is not None and ticket is not None:
            rules, name = self.work.rules, self.tracker.name
            shown = observe_after(ticket, rules, name, baseline=link.baseline, meant=meant).values
            written = {f: agreed for f, agreed in meant.items() if f in shown and shown[f] == agreed.theirs}
            reached = {f: agreed.theirs for f, agreed in written.items()}
            if Field.STATUS in meant.keys() - written.keys() and self._is_ours_alone(link):
                reached[Field.STATUS] = shown[Field.STATUS]
                # Otherwise a person has decided on it meanwhile, and that stands.
                if link.baseline[Field.STATUS].theirs == before.get(Field.STATUS):
                    written[Field.STATUS] = replace(link.baseline[Field.STATUS], theirs=shown[Field.STATUS])
        because = replace(self.work.because, reason="what came of it was not known, and then the ticket was looked at")
        moves = {f: (before.get(f), reached.get(f, agreed.theirs)) for f, agreed in meant.items()}
        notes = [
            Note("ticket.changed" if f in reached else "ticket.perhaps_changed", intent.item, because, f, was, now)
            for f, (was, now) in moves.items()
            if was != now
        ]
        known = [replace(link, baseline={**link.baseline, **written})] if link is not None and written else []
        outcome = {intent.id: Outcome("deferred", "may have been written; both sides are compared again")}
        effects = Effects(finished=outcome, touched=known, notes=notes, dirty=[intent.item])
        self.work.commit("recovery", effects)

    def _is_ours_alone(self, link: Link) -> bool:
        """Whether we alone have moved the ticket's status since it was seen, which can take several requests."""
        seen = link.seen_at or link.linked_at
        acts = [act for act in self.tracker.activity(link.ref, seen) if act.field == Field.STATUS and act.at > seen]
        return bool(acts) and all(act.by.ours for act in acts)

    def _comments(self, intents: list[Intent]) -> None:
        if not intents:
            return
        waiting = {c.id: c for c in self.work.store.waiting_comments()}
        links = self.work.store.links([i.item for i in intents])
        for intent in intents:
            comment, link = waiting.get(str(intent.payload["comment"])), links.get(intent.item)
            if comment is None or link is None or not self._is_about(intent, link):
                self._part(intent)
            elif intent.payload.get(EDIT):
                self._edited(intent)
            else:
                self._comment(intent, comment, link)

    def _is_about(self, intent: Intent, link: Link) -> bool:
        return link.ref.tracker == self.tracker.name and intent.payload.get("ticket", link.ref.id) == link.ref.id

    def _edited(self, intent: Intent) -> None:
        """What a comment was to say is written again, once what was sent cannot happen late any more."""
        if self._aged(intent):
            self._forget(intent, "may have been written, and will be written again")

    def _part(self, intent: Intent) -> None:
        """The item has another ticket or none, so nobody will know what of the comment stands on the former one."""
        why = replace(self.work.because, reason="its answer was lost, and then the item was parted from the ticket")
        said = intent.payload
        where = {"tracker": self.tracker.name, "ticket": said.get("ticket", ""), "remote_id": said.get(EDIT, "")}
        after = {"id": said["comment"], **where}
        note = Note("comment.perhaps_sent", intent.item, why, after=after)
        outcome = {intent.id: Outcome("deferred", "nothing to say any more")}
        self.work.commit("recovery", Effects(finished=outcome, notes=[note], dirty=[intent.item]))

    def _comment(self, intent: Intent, comment: Comment, link: Link) -> None:
        since = self._since([intent], link.seen_at or link.linked_at)
        try:
            there = [a for a in self.tracker.activity(link.ref, since) if a.marker_key == intent.key]
        except NotFound:
            return
        if not there:
            self._absent(intent)
            return
        words = str(intent.payload.get("text", comment.text))
        sent = replace(comment, text=words, tracker=self.tracker.name, remote_id=there[0].id)
        because = replace(self.work.because, reason=FOUND)
        known = replace(link, ticket_revision="")
        done = {intent.id: Outcome("done", FOUND)}
        effects = Effects(finished=done, comments=[(sent, because)], touched=[known], dirty=[intent.item])
        self.work.commit("recovery", effects)


def is_over(intent: Intent, tracker: Tracker, wait: timedelta, now: datetime) -> bool:
    """Whether what was sent cannot happen any more, as `wait` has passed since the last of it went out.

    Both clocks have to say so, as ours may have been put forward. Where ours was put back, the tracker's has to do, and
    ours where the tracker did not tell its time, then or now. What takes no time at all is over by now.
    """
    here, theirs, enough = now - intent.begun_at, tracker.time(), wait and wait + FRESH
    if intent.begun_there is None or theirs is None:
        return here >= enough
    there = theirs - intent.begun_there + GRAIN
    return (there if here < timedelta(0) else min(here, there)) >= enough


def doubts(intents: Iterable[Intent], waits: Mapping[str, int]) -> tuple[str, ...]:
    """What is not known yet of each item, and from when on a run can find it out for good."""
    told: dict[str, str] = {}
    for intent in sorted(intents, key=lambda i: (i.item, i.begun_at)):
        words = f"{intent.item}: what came of a write to {intent.tracker} is not known"
        wait = waits.get(intent.tracker)
        if wait is None:
            told[intent.item] = f"{words}, and no tracker is called so any more"
        else:
            at = intent.begun_at + timedelta(seconds=wait) + FRESH + GRAIN
            told[intent.item] = f"{words}; a sync looks for it, and one after {at:%Y-%m-%d %H:%M:%S} UTC can settle it"
    return tuple(told.values())


def link_of(intent: Intent, ticket: Ticket, run: str) -> Link:
    """The link that a create intent leads to, once its ticket is known."""
    return Link(
        item=intent.item,
        ref=ticket.ref,
        url=ticket.url,
        marker=Marker(intent.key, intent.item),
        baseline=baseline_from(intent.payload["baseline"]),
        item_revision=int(intent.payload["revision"]),
        ticket_revision="",
        linked_at=ticket.created,
        linked_by=run,
        generation=int(intent.payload["generation"]),
    )


def baseline_from(stored: Mapping[str, tuple[str | None, str | None]]) -> Baseline:
    """A baseline as an intent's payload keeps it."""
    return {Field(name): Agreed(ours, theirs) for name, (ours, theirs) in stored.items()}


def baseline_payload(baseline: Baseline) -> dict[str, list[str | None]]:
    """A baseline in the form that an intent's payload can keep."""
    return {name.value: [agreed.ours, agreed.theirs] for name, agreed in baseline.items()}
