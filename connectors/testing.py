"""The promises of `connectors.base.Tracker`, each a test in plain words that every tracker passes."""

# ruff: noqa: S101

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.base import MARK, looking
from connectors.bench import Bench, Lines
from connectors.errors import Ambiguous, Denied, NotFound, RateLimited, Rejected, Stale, TrackerError
from connectors.testing_talk import TalkContract
from state.ticket import (
    Category,
    Created,
    Cursor,
    Gone,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TransitionTo,
)


class TrackerContract(TalkContract):
    """Subclass it as `Test...` and override the fixture `bench`; nothing else is needed."""

    @pytest.fixture
    def bench(self) -> Bench:
        """A new bench with an empty tracker for every test."""
        raise NotImplementedError("override the fixture `bench`")

    def test_a_created_ticket_reads_back_with_the_fields_of_its_draft(self, bench: Bench) -> None:
        """What was asked for is what is there."""
        draft = bench.draft()
        ticket = bench.read(bench.make())
        assert (ticket.title, ticket.body, ticket.priority) == (draft.title, draft.body, draft.priority)
        assert (ticket.assignee, ticket.due_date) == (draft.assignee, draft.due_date)
        assert ticket.labels >= {*draft.labels, MARK}
        assert ticket.state.category is Category.NEW

    def test_a_created_ticket_carries_its_marker(self, bench: Bench) -> None:
        """The marker goes with the very request that creates."""
        assert bench.read(bench.make()).marker == bench.draft().marker

    def test_every_draft_has_its_own_result(self, bench: Bench) -> None:
        """A batch does not mix up whose ticket is whose."""
        drafts = [bench.draft(number) for number in (1, 2, 3)]
        results = [result for result in bench.send(*drafts) if isinstance(result, Created)]
        told = {result.marker: bench.read(result.ref).title for result in results}
        assert told == {draft.marker: draft.title for draft in drafts}

    def test_a_refused_draft_does_not_lose_the_others(self, bench: Bench) -> None:
        """One bad draft in a batch is told apart from the good ones."""
        drafts = [bench.draft(1), bench.draft(2, title=""), bench.draft(3)]
        results = {result.marker: type(result) for result in bench.send(*drafts)}
        assert [results[draft.marker] for draft in drafts] == [Created, NotCreated, Created]

    def test_a_title_that_is_too_long_is_refused_and_not_cut(self, bench: Bench) -> None:
        """Cutting is the mapping's business; a connector loses nothing silently."""
        (result,) = bench.send(bench.draft(title="x" * (bench.tracker.caps.title_limit + 1)))
        assert isinstance(result, NotCreated)
        assert bench.titles() == []

    def test_a_create_without_an_answer_is_ambiguous_and_sent_once(self, bench: Bench) -> None:
        """Nothing but a look for the marker tells what happened."""
        bench.lose_answer()
        with pytest.raises(Ambiguous):
            bench.make()
        assert bench.titles() == [bench.draft().title]

    def test_a_ticket_whose_answer_was_lost_is_found_by_its_marker(self, bench: Bench) -> None:
        """The marker that was sent is the marker that is found."""
        began = bench.now()
        bench.lose_answer()
        with pytest.raises(Ambiguous):
            bench.make()
        found = bench.tracker.find([bench.draft().marker, bench.draft(2).marker], began)
        assert bench.draft().marker in [ticket.marker for ticket in found]

    def test_only_the_tickets_that_were_looked_for_are_found(self, bench: Bench) -> None:
        """An empty answer is an answer."""
        began = bench.now()
        bench.make(1)
        assert bench.tracker.find([bench.draft(2).marker], began) == []

    def test_what_was_found_late_was_only_invisible(self, bench: Bench) -> None:
        """A ticket is found at the latest when the stated lag has passed."""
        began = bench.now()
        bench.lag(bench.tracker.caps.visibility_lag_seconds)
        ref = bench.make()
        bench.advance(bench.tracker.caps.visibility_lag_seconds + 2)
        assert ref in [ticket.ref for ticket in bench.tracker.find([bench.draft().marker], began)]

    def test_a_rate_limit_did_nothing_and_says_when_to_come_back(self, bench: Bench) -> None:
        """The engine waits until then and sends the same again."""
        bench.limit_rate(90)
        with pytest.raises(RateLimited) as limited:
            bench.make()
        assert bench.now() < limited.value.retry_at <= bench.now() + timedelta(hours=2)
        assert bench.titles() == []

    def test_an_update_touches_only_its_patch(self, bench: Bench) -> None:
        """What a patch keeps silent about stays."""
        before = bench.read(bench.make())
        bench.change(before.ref, Patch(title="Another title"))
        after = bench.read(before.ref)
        assert after.title == "Another title"
        assert replace(after, title=before.title, updated=before.updated, revision=before.revision) == before

    def test_other_peoples_labels_stay(self, bench: Bench) -> None:
        """Labels are added and removed one by one."""
        ref = bench.make()
        bench.person.add_label(ref.key, "team-red")
        bench.change(ref, Patch(add_labels=("ours",), remove_labels=("security",)))
        labels = bench.read(ref).labels
        assert "team-red" in labels
        assert ("ours" in labels, "security" in labels) == (True, False)

    def test_none_clears_a_field(self, bench: Bench) -> None:
        """`None` is a value; `KEEP` is none."""
        ref = bench.make()
        bench.change(ref, Patch(assignee=None))
        assert bench.read(ref).assignee is None

    def test_an_update_returns_the_ticket_as_it_is_then(self, bench: Bench) -> None:
        """By its revision the echo of our own write is known; `None` says that this is still to be read."""
        before = bench.read(bench.make())
        patch = Patch(title="New", state=TransitionTo(Category.DONE))
        told = bench.tracker.update(before.ref, patch, seen=before.revision)
        assert told in (None, bench.read(before.ref))

    def test_an_update_that_leaves_something_out_shows_that(self, bench: Bench) -> None:
        """`None` says that all of it was written."""
        before, patch = bench.read(bench.make()), Patch(assignee="nobody-of-this-name")
        with suppress(Rejected):
            told = bench.tracker.update(before.ref, patch, seen=before.revision)
            assert told is not None or bench.read(before.ref).assignee == patch.assignee

    def test_an_update_that_fails_says_whether_a_part_was_written(self, bench: Bench) -> None:
        """What may have been written is looked at before it is recorded; what was not is not."""
        before = bench.read(bench.make())
        patch = Patch(title="x" * (bench.tracker.caps.title_limit + 1), state=TransitionTo(Category.DONE))
        with pytest.raises(Rejected) as refused:
            bench.tracker.update(before.ref, patch, seen=before.revision)
        assert refused.value.partly is (bench.read(before.ref) != before)

    def test_every_category_of_state_can_be_reached(self, bench: Bench) -> None:
        """Begun, done, and open again."""
        ref = bench.make(assignee=None)
        seen = []
        for category in (Category.INDETERMINATE, Category.DONE, Category.NEW):
            bench.change(ref, Patch(state=TransitionTo(category)))
            seen.append(bench.read(ref).state.category)
        assert seen == [Category.INDETERMINATE, Category.DONE, Category.NEW]

    def test_a_state_that_stands_for_something_else_is_left_for_another_of_its_kind(self, bench: Bench) -> None:
        """Left there, the ticket would be sent its state with every run."""
        ref = bench.make(assignee=None)
        for other, wanted in zip(bench.alike, reversed(bench.alike), strict=True):
            bench.change(ref, Patch(state=TransitionTo(Category.INDETERMINATE, others=(other,))))
            assert bench.read(ref).state.name == wanted

    def test_a_ticket_is_closed_as_the_first_of_some_words_that_its_tracker_has(self, bench: Bench) -> None:
        """What nobody will do is not told as done, whatever the tracker calls it."""
        ref, words = bench.make(), ("Won't Do", "not_planned", "Done", "completed")
        bench.change(ref, Patch(state=TransitionTo(Category.DONE, (), words)))
        assert bench.read(ref).state.resolution in ("Won't Do", "not_planned")

    def test_a_body_that_was_edited_since_it_was_read_is_not_written_over(self, bench: Bench) -> None:
        """A body is written as a whole, and what people wrote into it meanwhile would be lost."""
        old, marker = bench.read(bench.make()), bench.draft().marker
        bench.advance(60)
        bench.person.set_body(old.ref.key, bench.body(marker, "Their words"))
        with pytest.raises(Stale):
            bench.tracker.update(old.ref, Patch(body=bench.body(marker, "Our words")), seen=old.revision)
        assert "Their words" in json.dumps(bench.person.body(old.ref.key))

    def test_a_write_to_a_ticket_that_is_gone_is_not_found(self, bench: Bench) -> None:
        """A write never vanishes silently."""
        ref = bench.make()
        bench.person.delete(ref.key)
        with pytest.raises(NotFound):
            bench.tracker.update(ref, Patch(title="New"), seen="")

    def test_an_adopted_ticket_is_in_the_change_feed(self, bench: Bench) -> None:
        """Adopting marks a ticket that people made."""
        ref, draft = bench.open("Made by hand"), bench.draft()
        bench.change(ref, Patch(body=draft.body, marker=draft.marker))
        assert [ticket.ref for ticket in bench.feed()] == [ref]

    def test_a_revision_moves_when_something_happens_and_only_then(self, bench: Bench) -> None:
        """Equal revisions mean nothing new, and later ones sort later."""
        ref = bench.make()
        first, second = bench.read(ref).revision, bench.read(ref).revision
        bench.advance(2)
        bench.person.comment(ref.key, "Have you seen this?")
        assert first == second < bench.read(ref).revision

    def test_the_change_feed_gives_only_marked_tickets(self, bench: Bench) -> None:
        """Other people's tickets are none of our business."""
        ref = bench.make()
        bench.open("Made by hand")
        assert [ticket.ref for ticket in bench.feed()] == [ref]

    def test_the_change_feed_gives_the_oldest_first(self, bench: Bench) -> None:
        """So that a cursor never passes what was not given yet."""
        refs = []
        for number in (1, 2, 3):
            refs.append(bench.make(number))
            bench.advance(2)
        bench.person.edit_title(refs[0].key, "Changed last")
        assert [ticket.ref for ticket in bench.feed()] == [refs[1], refs[2], refs[0]]

    def test_the_change_feed_resumes_without_losing_any(self, bench: Bench) -> None:
        """What happens after a page was read is given from that page's cursor on."""
        refs = [bench.make(number) for number in (1, 2)]
        *_, last = bench.tracker.changes(None)
        bench.advance(2)
        bench.person.edit_title(refs[0].key, "Changed")
        third = bench.make(3)
        assert {refs[0], third} <= {ticket.ref for ticket in bench.feed(last.cursor)}

    def test_what_changed_at_the_cursor_itself_is_given_again(self, bench: Bench) -> None:
        """At least once, never at most once."""
        ref = bench.make()
        assert ref in [ticket.ref for ticket in bench.feed(Cursor(bench.read(ref).updated))]

    def test_a_feed_without_news_is_one_empty_page_and_the_cursor_stays(self, bench: Bench) -> None:
        """Nothing new is told as such, and is cheap."""
        bench.make()
        cursor = Cursor(bench.now() + timedelta(hours=1))
        pages = list(bench.tracker.changes(cursor))
        assert [list(page.tickets) for page in pages] == [[]]
        assert pages[0].cursor.at == cursor.at

    def test_the_change_feed_gives_closed_tickets_too(self, bench: Bench) -> None:
        """Closing is the change that matters most."""
        ref = bench.make()
        bench.person.close(ref.key)
        assert [ticket.state.category for ticket in bench.feed() if ticket.ref == ref] == [Category.DONE]

    def test_a_survey_names_the_marked_tickets_there_are_and_their_revisions(self, bench: Bench) -> None:
        """What is not named is read directly; a revision is told truly or not at all."""
        refs = [bench.make(1), bench.make(2), bench.make(3)]
        bench.person.delete(refs[0].key)
        bench.open("Nobody mirrors this")
        told = {ident: known for page in bench.tracker.survey() for ident, known in page.items()}
        assert told.keys() == {ref.id for ref in refs[1:]}
        assert all(known in ("", bench.read(ref).revision) for ref in refs[1:] for known in [told[ref.id]])

    def test_every_ticket_asked_for_is_answered(self, bench: Bench) -> None:
        """One answer per ticket, in any order."""
        refs = {bench.make(number) for number in (1, 2, 3)}
        assert sorted(found.ref for found in bench.tracker.fetch(list(refs))) == sorted(refs)

    def test_a_direct_read_sees_past_the_index(self, bench: Bench) -> None:
        """What the feed cannot show yet, a direct read does."""
        bench.lag(300)
        ref = bench.make()
        bench.person.edit_title(ref.key, "Changed just now")
        assert bench.read(ref).title == "Changed just now"

    def test_a_deleted_ticket_is_missing_and_no_exception(self, bench: Bench) -> None:
        """One that is gone does not hide the others."""
        gone, stays = bench.make(1), bench.make(2)
        bench.person.delete(gone.key)
        found = {type(one): one for one in bench.tracker.fetch([gone, stays])}
        missing, ticket = found[Missing], found[Ticket]
        assert (missing.ref, ticket.ref) == (gone, stays)
        assert isinstance(missing, Missing)
        assert missing.why in (Gone.DELETED, Gone.NOT_FOUND)

    def test_a_copied_marker_is_not_trusted(self, bench: Bench) -> None:
        """A clone or a forgery by somebody else is a ticket without a marker."""
        copy = bench.open("Copy", bench.draft())
        assert bench.read(copy).marker is None

    def test_a_delivery_that_is_not_signed_is_denied(self, bench: Bench) -> None:
        """Neither without a signature, nor with that of another delivery."""
        headers, body = bench.delivery(bench.make())
        for bad, text in (({}, body), (headers, body + b" ")):
            with pytest.raises(Denied):
                bench.tracker.hint(bad, text)

    def test_a_genuine_delivery_names_its_ticket(self, bench: Bench) -> None:
        """And nothing else of it is believed."""
        ref = bench.make()
        assert bench.tracker.hint(*bench.delivery(ref)) == [ref]

    def test_a_ticket_is_resolved_by_key_and_by_address(self, bench: Bench) -> None:
        """As people paste it."""
        ticket = bench.read(bench.make())
        assert [bench.tracker.resolve(name).ref for name in (ticket.ref.key, ticket.url)] == [ticket.ref] * 2

    def test_a_key_that_nobody_has_is_not_found(self, bench: Bench) -> None:
        """Never another ticket instead."""
        key = bench.make().key
        with pytest.raises(NotFound):
            bench.tracker.resolve(f"{key}99")

    def test_bad_credentials_are_denied(self, bench: Bench) -> None:
        """That stops this tracker and no other."""
        with pytest.raises(Denied):
            list(bench.stranger().changes(None))

    def test_a_check_with_bad_credentials_says_so(self, bench: Bench) -> None:
        """With the step that mends it."""
        problems = bench.stranger().check()
        assert [problem for problem in problems if problem.fatal and problem.fix]

    def test_a_check_of_a_sound_tracker_finds_nothing_fatal(self, bench: Bench) -> None:
        """And changes nothing."""
        assert [problem.what for problem in bench.tracker.check() if problem.fatal] == []
        assert bench.titles() == []

    def test_no_request_goes_out_where_the_last_look_forbids_it(self, bench: Bench) -> None:
        """Who was taken over between two requests sends nothing more, and hears what the look said."""
        ref = bench.make()
        received = bench.received()
        for call in (lambda: bench.make(2), lambda: bench.change(ref, Patch(title="Another")), bench.feed):
            with looking(_forbid), pytest.raises(TimeoutError, match="taken over"):
                call()
        assert bench.received() == received
        assert bench.titles() == [bench.draft().title]

    def test_every_request_is_counted(self, bench: Bench) -> None:
        """What a run costs is told exactly."""
        received, counted = bench.received(), bench.tracker.requests
        bench.feed()
        bench.send(bench.draft())
        assert bench.tracker.requests - counted == bench.received() - received > 0

    def test_the_trackers_own_time_is_told_as_soon_as_it_has_answered(self, bench: Bench) -> None:
        """What waits for something to happen there does not go by our clock."""
        assert bench.tracker.time() is None
        bench.feed()
        bench.advance(100)
        bench.feed()
        told = bench.tracker.time()
        assert told is not None
        assert abs(told - bench.now()) <= timedelta(seconds=1)

    def test_no_secret_is_in_any_repr_log_line_or_error(self, bench: Bench) -> None:
        """Whatever is written down may be read by anybody."""
        with Lines() as lines:
            stranger = bench.stranger()
            told = [_failure(bench, stranger), *(str(problem) for problem in stranger.check())]
            told += [str(bench.feed()), repr(bench.tracker), repr(vars(bench.tracker)), repr(bench.tracker.caps)]
        seen = "\n".join([*told, *lines.seen])
        assert [secret for secret in bench.secrets if secret in seen] == []


def _forbid() -> None:
    raise TimeoutError("taken over")


def _failure(bench: Bench, stranger: object) -> str:
    told = []
    for attempt in (lambda: list(bench.stranger().changes(None)), lambda: bench.tracker.hint({}, b"{}")):
        try:
            attempt()
        except TrackerError as error:
            told.append(f"{error!r} {error} {error.__cause__!r} {vars(error)}")
    return f"{stranger!r} {told}"
