"""Comments of ours on their way to a ticket: each said once, and one about a topic edited where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from connectors.errors import Ambiguous, NotFound, Rejected, TrackerError
from mapping.speech import comment_key, spoken
from state import journal
from state.comments import UNKNOWN
from state.effects import Effects, Intent
from state.model import Comment, Hold, HoldKind, Link, OperationKind, Outcome
from state.ticket import Body
from sync.work import DONE, Work

EDIT = "edit"
"""Has the tracker's id in the payload of an intent that lets a comment say something else, which may be done again."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """One run's comments."""

    work: Work

    def say(self, link: Link, comments: Sequence[Comment]) -> None:
        """Send comments in their order; one that the tracker refuses holds those after it for a person.

        One of which it is not known whether it arrived holds them too, until that is known.
        """
        doubtful = self._in_doubt(link) if comments else frozenset()
        for comment in comments:
            if comment_key(self.work.store.installation, comment) in doubtful:
                return
            try:
                link = self._edit(link, comment) if comment.remote_id else self._speak(link, comment)
            except Rejected as error:
                words = f"{link.ref.key} refused the comment {comment.id}: {error}"
                hold = Hold(HoldKind.COMMENT_REFUSED, link.item, link.ref.tracker, words, ours=comment.id)
                self.work.commit("failure", Effects(held=[(hold, self.work.because)]))
                self.work.tally.held += 1
                self.work.tally.failed += 1
                self.work.note_failure(link.ref.tracker, error)
                return

    def _in_doubt(self, link: Link) -> frozenset[str]:
        """The keys of the item's comments that were sent, and perhaps did not arrive."""
        open_ = self.work.store.ask(journal.open_intents, link.ref.tracker, link.item)
        return frozenset(intent.key for intent in open_ if intent.kind is OperationKind.COMMENT)

    def _speak(self, link: Link, comment: Comment) -> Link:
        """Send one comment under its own key, by which a lost answer can be found."""
        tracker = self.work.trackers[link.ref.tracker]
        intent = self._intent(link, comment, {})
        self.work.commit("saying", Effects(begun=[intent]))
        say = partial(tracker.comment, link.ref, self._text(link, comment), marker=intent.key)
        try:
            with self.work.sending(intent):
                remote = self.work.patiently(say)
        except Ambiguous:
            raise
        except TrackerError as error:
            self.work.commit("failure", Effects(finished={intent.id: Outcome("refused", str(error))}))
            raise
        said = replace(comment, tracker=tracker.name, remote_id=remote, standing="")
        return self._said(intent, replace(link, comments=link.comments + 1, ticket_revision=""), said)

    def _edit(self, link: Link, comment: Comment) -> Link:
        """Let a comment that stands there say its text; one that is not there any more is said anew."""
        tracker = self.work.trackers[link.ref.tracker]
        intent = self._intent(link, comment, {EDIT: comment.remote_id})
        doubtful = replace(comment, standing=UNKNOWN)
        self.work.commit("saying", Effects(begun=[intent], comments=[(doubtful, self.work.because)]))
        edit = partial(tracker.recomment, link.ref, comment.remote_id, self._text(link, comment), marker=intent.key)
        try:
            with self.work.sending(intent):
                self.work.patiently(edit)
        except Ambiguous:
            raise
        except NotFound:
            gone = replace(comment, remote_id="", standing="")
            lost = {intent.id: Outcome("refused", "the comment is not there any more")}
            self.work.commit("failure", Effects(finished=lost, comments=[(gone, self.work.because)]))
            return self._speak(link, gone)
        except TrackerError as error:
            self.work.commit("failure", Effects(finished={intent.id: Outcome("refused", str(error))}))
            raise
        return self._said(intent, replace(link, ticket_revision=""), replace(comment, standing=""))

    def _said(self, intent: Intent, link: Link, said: Comment) -> Link:
        effects = Effects(finished={intent.id: DONE}, touched=[link], comments=[(said, self.work.because)])
        self.work.commit("said", effects)
        self.work.tally.commented += 1
        return link

    def _intent(self, link: Link, comment: Comment, more: Mapping[str, object]) -> Intent:
        self.work.keep_pace(self.work.trackers[link.ref.tracker])
        key = comment_key(self.work.store.installation, comment)
        payload = {"comment": comment.id, "text": comment.text, "ticket": link.ref.id, **more}
        return self.work.intent(OperationKind.COMMENT, link.item, link.ref.tracker, key, payload)

    def _text(self, link: Link, comment: Comment) -> Body:
        caps = self.work.trackers[link.ref.tracker].caps
        accounts = partial(self.work.rules.mentioned, link.ref.tracker)
        return spoken(comment, caps.body_format, caps.comment_limit, accounts)
