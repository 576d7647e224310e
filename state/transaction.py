"""Transaction: what a run writes at once, in its order, with the records of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from state import acceptances, comments, due_dates, feeds, items, journal, links, proofs, risks, waiting
from state.audit import Ledger
from state.effects import Because, Effects, Lease
from state.lifecycle import BY_ITSELF
from state.model import Comment, Hold, HoldKind, Link


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction stored, with the ids it gave, in the order of its effects.

    `newest` is the number of its last record, 0 for none.
    """

    holds: tuple[Hold, ...] = ()
    comments: tuple[Comment, ...] = ()
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction that writes: its connection, the records it will add to the ledger, and its time (UTC)."""

    connection: Connection
    ledger: Ledger
    now: datetime

    def write(self, held: Lease | None, effects: Effects) -> Committed:
        """Write all effects and their records, as the run that has the lease if `held`."""
        self._journal(effects)
        done = items.change(self.connection, self.ledger, self.now, effects.changes)
        self._links(held, effects)
        stored = Committed(
            holds=waiting.place(self.connection, self.ledger, self.now, effects.held),
            comments=comments.put(self.connection, self.ledger, effects.comments),
        )
        comments.revise(self.connection, self.ledger, effects.revised)
        waiting.release(self.connection, self.ledger, self.now, effects.released, effects.took)
        self._programme(effects)
        acceptances.overtake(self.connection, self.ledger, self.now, done)
        self._notes(effects)
        feeds.put(self.connection, effects.feeds, self.now)
        items.mark_dirty(self.connection, effects.dirty)
        items.mark_overdue(self.connection, effects.fallen)
        return stored

    def unlink(self, item: str, because: Because) -> Link | None:
        """Forget an item's ticket and close what waits about it; the link that was, if any."""
        items.one(self.connection, item)
        ended = links.unlink(self.connection, self.ledger, self.now, item, because)
        if ended is not None:
            open_ = [h for h in waiting.holds(self.connection, item) if h.kind is not HoldKind.MANY_TICKETS]
            about = {each.id: because for each in open_ if each.tracker == ended.ref.tracker}
            waiting.release(self.connection, self.ledger, self.now, about, {})
            items.mark_dirty(self.connection, [item])
        return ended

    def _journal(self, effects: Effects) -> None:
        journal.begin(self.connection, effects.begun)
        journal.finish(self.connection, effects.finished, self.now)
        journal.ask(self.connection, effects.asked, self.now)
        journal.send(self.connection, effects.sent, self.now)

    def _links(self, held: Lease | None, effects: Effects) -> None:
        """Write new and touched links, and mark items clean, theirs too, where nothing newer is to be compared."""
        made: Sequence[Link] = [each for each, _ in effects.linked]
        if made:
            created = journal.created_keys(self.connection, (each.item for each in made))
            links.link(self.connection, self.ledger, self.now, effects.linked, created)
        if effects.touched:
            because = effects.because or Because(replace(BY_ITSELF, account=held.holder) if held else BY_ITSELF)
            made = [*made, *links.touch(self.connection, self.ledger, effects.touched, because)]
        items.mark_clean(self.connection, [*effects.clean, *((each.item, each.item_revision) for each in made)])

    def _programme(self, effects: Effects) -> None:
        if effects.revised:
            acceptances.note_comments(self.connection, self.ledger, effects.revised)
        if effects.evidence:
            proofs.add(self.connection, self.ledger, effects.evidence)
        for asked, because in effects.requests:
            known = replace(asked, requested_at=self.now)
            acceptances.request(self.connection, self.ledger, known, because)
        for before, after, because in effects.acceptances:
            acceptances.put(self.connection, self.ledger, self.now, before, after, because)
        for later, because in effects.later:
            due_dates.note(self.connection, self.ledger, later, because)
        if effects.due_risks:
            because = effects.because or Because(BY_ITSELF)
            risks.make_due(self.connection, self.ledger, self.now, effects.due_risks, because)

    def _notes(self, effects: Effects) -> None:
        for note in effects.notes:
            told = {"field": note.field, "before": note.before, "after": note.after}
            self.ledger.note(note.action, note.object, note.because, **told)
