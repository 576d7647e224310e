"""The kit put to the test: trackers that each break one promise, each caught by exactly one test."""

import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.base import MARK, Page
from connectors.errors import Ambiguous, Denied, NotFound, RateLimited, Unavailable
from connectors.sandbox.memory import MemoryTracker
from connectors.sandbox.memory_bench import MemoryBench
from connectors.testing import TrackerContract
from state.model import Problem
from state.ticket import (
    KEEP,
    Account,
    Activity,
    ActivityKind,
    Body,
    Category,
    Created,
    Cursor,
    Draft,
    Marker,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TicketRef,
)

TESTS = sorted(name for name, _ in inspect.getmembers(TrackerContract, inspect.isfunction) if name.startswith("test_"))


class Saboteur(MemoryTracker):
    """Breaks the one promise that `caught_by` guards."""

    caught_by: str


class MovesDueDates(Saboteur):
    caught_by = "test_a_created_ticket_reads_back_with_the_fields_of_its_draft"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        yield from super().create([replace(draft, due_date=date(2031, 2, 2)) for draft in drafts])


class ForgetsMarkers(Saboteur):
    caught_by = "test_a_created_ticket_carries_its_marker"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        for found in super().fetch(refs, history=history):
            yield replace(found, marker=None) if isinstance(found, Ticket) else found

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        told = super().update(ref, patch, seen=seen)
        return told and replace(told, marker=None)


class LooksNoMore(Saboteur):
    caught_by = "test_no_request_goes_out_where_the_last_look_forbids_it"

    def _call(self, call: str, work: Callable[[], Any]) -> Any:
        return Context().run(super()._call, call, work)


class MixesUpBatches(Saboteur):
    caught_by = "test_every_draft_has_its_own_result"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        results = list(super().create(drafts))
        made = [result for result in results if isinstance(result, Created)]
        if len(made) < len(results):
            yield from results
            return
        for draft, result in zip(drafts, reversed(made), strict=True):
            yield replace(result, marker=draft.marker)


class RefusesTheWholeBatch(Saboteur):
    caught_by = "test_a_refused_draft_does_not_lose_the_others"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        results = list(super().create(drafts))
        bad = any(isinstance(result, NotCreated) for result in results)
        yield from [NotCreated(result.marker, "the batch is bad") for result in results] if bad else results


class CutsTitles(Saboteur):
    caught_by = "test_a_title_that_is_too_long_is_refused_and_not_cut"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        yield from super().create([replace(draft, title=draft.title[: self.caps.title_limit]) for draft in drafts])


class SendsAgain(Saboteur):
    caught_by = "test_a_create_without_an_answer_is_ambiguous_and_sent_once"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        try:
            yield from list(super().create(drafts))
        except Ambiguous:
            list(super().create(drafts))
            raise


class PlantsAnotherMarker(Saboteur):
    caught_by = "test_a_ticket_whose_answer_was_lost_is_found_by_its_marker"

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        return super().find(markers[:0] if len(markers) > 1 else markers, since)


class FindsAnything(Saboteur):
    caught_by = "test_only_the_tickets_that_were_looked_for_are_found"

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        return super().find([ticket.marker for ticket in self.far_side.tickets() if ticket.marker], since)


class ForgetsWhatWasInvisible(Saboteur):
    caught_by = "test_what_was_found_late_was_only_invisible"

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        return [] if self.far_side.lag else super().find(markers, since)


class CallsLimitsFailures(Saboteur):
    caught_by = "test_a_rate_limit_did_nothing_and_says_when_to_come_back"

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        try:
            yield from super().create(drafts)
        except RateLimited as limited:
            raise Unavailable(str(limited)) from None


class ClearsWhatIsNotSaid(Saboteur):
    caught_by = "test_an_update_touches_only_its_patch"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        wiped = replace(patch, due_date=None) if patch == Patch(title=patch.title) else patch
        return super().update(ref, wiped, seen=seen)


class SetsLabels(Saboteur):
    caught_by = "test_other_peoples_labels_stay"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        others = self.far_side.ticket(ref).labels - {MARK, "security"}
        return super().update(ref, replace(patch, remove_labels=(*patch.remove_labels, *others)), seen=seen)


class NeverClears(Saboteur):
    caught_by = "test_none_clears_a_field"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        kept = replace(patch, assignee=KEEP) if patch.assignee is None else patch
        return super().update(ref, kept, seen=seen)


class ReturnsTheTicketFromBefore(Saboteur):
    caught_by = "test_an_update_returns_the_ticket_as_it_is_then"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        before = self.far_side.ticket(ref)
        super().update(ref, patch, seen=seen)
        return before


class LeavesOutUnseen(Saboteur):
    caught_by = "test_an_update_that_leaves_something_out_shows_that"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        if not isinstance(patch.assignee, str):
            return super().update(ref, patch, seen=seen)
        super().update(ref, replace(patch, assignee=KEEP), seen=seen)
        return None


class ConcealsWhatItWrote(Saboteur):
    caught_by = "test_an_update_that_fails_says_whether_a_part_was_written"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        if patch.state is None:
            return super().update(ref, patch, seen=seen)
        super().update(ref, Patch(state=patch.state), seen=seen)
        return super().update(ref, replace(patch, state=None), seen="")


class NeverReopens(Saboteur):
    caught_by = "test_every_category_of_state_can_be_reached"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        reopens = patch.state is not None and patch.state.category is Category.NEW
        return super().update(ref, replace(patch, state=None) if reopens else patch, seen=seen)


class TakesAnyStateOfItsKind(Saboteur):
    caught_by = "test_a_state_that_stands_for_something_else_is_left_for_another_of_its_kind"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        state = replace(patch.state, others=()) if patch.state is not None else None
        return super().update(ref, replace(patch, state=state), seen=seen)


class CallsEverythingDone(Saboteur):
    caught_by = "test_a_ticket_is_closed_as_the_first_of_some_words_that_its_tracker_has"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        state = replace(patch.state, resolutions=("Done",)) if patch.state is not None else None
        return super().update(ref, replace(patch, state=state), seen=seen)


class WritesOverEdits(Saboteur):
    caught_by = "test_a_body_that_was_edited_since_it_was_read_is_not_written_over"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        return super().update(ref, patch, seen=seen if patch.body is KEEP else "")


class WritesIntoTheVoid(Saboteur):
    caught_by = "test_a_write_to_a_ticket_that_is_gone_is_not_found"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        try:
            return super().update(ref, patch, seen=seen)
        except NotFound:
            return self.far_side.view(self.far_side._stored[ref.id])


class AdoptsWithoutALabel(Saboteur):
    caught_by = "test_an_adopted_ticket_is_in_the_change_feed"

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        return super().update(ref, replace(patch, marker=None), seen=seen)


class IgnoresComments(Saboteur):
    caught_by = "test_a_revision_moves_when_something_happens_and_only_then"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        for found in super().fetch(refs, history=history):
            said = self.far_side.activity(found.ref)[-1:] if isinstance(found, Ticket) else []
            quiet = bool(said) and said[0].kind is ActivityKind.COMMENT
            yield replace(found, revision=self._before(found)) if quiet and isinstance(found, Ticket) else found

    def _before(self, ticket: Ticket) -> str:
        return self.far_side.stored(ticket.ref).versions[-2].revision


class ShowsEverything(Saboteur):
    caught_by = "test_the_change_feed_gives_only_marked_tickets"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        pages = list(super().changes(cursor))
        shown = {ticket.ref for page in pages for ticket in page.tickets}
        others = [ticket for ticket in self.far_side.tickets() if ticket.ref not in shown and MARK not in ticket.labels]
        yield from pages
        if others:
            yield Page(others, pages[-1].cursor)


class NewestFirst(Saboteur):
    caught_by = "test_the_change_feed_gives_the_oldest_first"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            yield Page(list(reversed(page.tickets)), page.cursor)


class RunsAhead(Saboteur):
    caught_by = "test_the_change_feed_resumes_without_losing_any"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            ahead = page.cursor.at + timedelta(hours=1)
            yield Page(page.tickets, Cursor(ahead) if page.tickets else page.cursor)


class SkipsTheCursorItself(Saboteur):
    caught_by = "test_what_changed_at_the_cursor_itself_is_given_again"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            yield Page([ticket for ticket in page.tickets if cursor is None or ticket.updated > cursor.at], page.cursor)


class SaysNothing(Saboteur):
    caught_by = "test_a_feed_without_news_is_one_empty_page_and_the_cursor_stays"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        yield from (page for page in super().changes(cursor) if page.tickets)


class HidesClosedTickets(Saboteur):
    caught_by = "test_the_change_feed_gives_closed_tickets_too"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            shown = [ticket for ticket in page.tickets if ticket.state.category is not Category.DONE]
            yield Page(shown, page.cursor)


class SurveysTheFirst(Saboteur):
    caught_by = "test_a_survey_names_the_marked_tickets_there_are_and_their_revisions"

    def survey(self) -> Iterator[Mapping[str, str]]:
        yield dict(list(next(super().survey()).items())[:1])


class AnswersForTheFirst(Saboteur):
    caught_by = "test_every_ticket_asked_for_is_answered"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        yield from super().fetch(refs[:2])


class ReadsFromTheIndex(Saboteur):
    caught_by = "test_a_direct_read_sees_past_the_index"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        for found in super().fetch(refs, history=history):
            stale = self.far_side.lag and isinstance(found, Ticket)
            yield self.far_side.stored(found.ref).versions[0] if stale else found


class FailsOnTheMissing(Saboteur):
    caught_by = "test_a_deleted_ticket_is_missing_and_no_exception"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        for found in super().fetch(refs, history=history):
            if isinstance(found, Missing):
                raise NotFound(found.detail)
            yield found


class TrustsCopies(Saboteur):
    caught_by = "test_a_copied_marker_is_not_trusted"

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        for found in super().fetch(refs, history=history):
            if isinstance(found, Ticket):
                yield replace(found, marker=self.far_side.stored(found.ref).marker)
            else:
                yield found


class ForgetsCommentKeys(Saboteur):
    caught_by = "test_our_comment_comes_back_as_ours_with_its_key"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        return [replace(event, marker_key=None) for event in super().activity(ref, since)]


class ReadsRawComments(Saboteur):
    caught_by = "test_a_comment_in_the_tracker_s_own_format_reads_as_its_words"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        told = super().activity(ref, since)
        return [replace(event, text=json.dumps({"type": event.text})) if "<" in event.text else event for event in told]


class TrustsCopiedComments(Saboteur):
    caught_by = "test_a_comment_that_copies_our_key_is_not_ours"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        told = self.far_side.activity(ref)
        return [event for event in told if event.kind is ActivityKind.COMMENT or event.at >= since]


class CutsComments(Saboteur):
    caught_by = "test_a_comment_that_is_too_long_is_rejected"

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        return super().comment(ref, str(text)[: self.caps.comment_limit], marker=marker)


class AnswersItself(Saboteur):
    caught_by = "test_a_comment_of_ours_is_edited_where_it_stands"

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        super().recomment(ref, remote_id, f"{text} (edited)", marker=marker)


class RenamesOnEditing(Saboteur):
    caught_by = "test_an_edited_comment_touches_nothing_else_of_the_ticket"

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        super().recomment(ref, remote_id, text, marker=marker)
        self.far_side.edit(ref, title="Commented")


class SaysItAnew(Saboteur):
    caught_by = "test_a_comment_that_is_not_there_is_not_found"

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        try:
            super().recomment(ref, remote_id, text, marker=marker)
        except NotFound:
            self.comment(ref, text, marker=marker)


class CutsEdits(Saboteur):
    caught_by = "test_an_edited_comment_that_is_too_long_is_rejected"

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        super().recomment(ref, remote_id, str(text)[: self.caps.comment_limit], marker=marker)


class ForgetsOldComments(Saboteur):
    caught_by = "test_comments_are_told_whatever_their_age"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        return [event for event in super().activity(ref, since) if event.at >= since]


class RemembersFirstWords(Saboteur):
    caught_by = "test_an_edited_comment_says_what_it_says_now_and_when_it_was_edited"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        return [replace(event, edited_at=None) for event in super().activity(ref, since)]


class TellsSecrets(Saboteur):
    caught_by = "test_a_comment_that_is_not_for_everybody_keeps_its_words"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        told = super().activity(ref, since)
        return [replace(event, text="swordfish", confined=False) if event.confined else event for event in told]


class CutsFiles(Saboteur):
    caught_by = "test_an_attachment_is_told_with_its_name_and_size_and_gives_its_bytes"

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:
        yield next(super().attachment(ref, remote_id))


class ForgetsApprovers(Saboteur):
    caught_by = "test_a_link_says_all_that_the_tracker_knows_of_it"

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        return [event for event in told if event.kind is ActivityKind.LINK]


class AsksForLinksAnyway(Saboteur):
    caught_by = "test_links_cost_nothing_where_there_are_none"

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        list(self.fetch([ticket.ref]))
        return super().links(ticket, told)


class ClosesAnonymously(Saboteur):
    caught_by = "test_history_names_who_closed_it"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        nobody = Account("unknown", "Unknown")
        told = super().activity(ref, since)
        return [replace(event, by=nobody) if event.field == "status" else event for event in told]


class TellsOldStories(Saboteur):
    caught_by = "test_history_begins_where_it_is_asked_to"

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        return super().activity(ref, datetime(1970, 1, 1, tzinfo=UTC))


class BelievesAnybody(Saboteur):
    caught_by = "test_a_delivery_that_is_not_signed_is_denied"

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        genuine = {"X-Hub-Signature-256": f"sha256={self.far_side.signature(body)}"}
        return super().hint(genuine, body)


class IgnoresDeliveries(Saboteur):
    caught_by = "test_a_genuine_delivery_names_its_ticket"

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        return super().hint(headers, body)[:0]


class ReadsNoAddresses(Saboteur):
    caught_by = "test_a_ticket_is_resolved_by_key_and_by_address"

    def resolve(self, key: str) -> Ticket:
        if "://" in key:
            raise NotFound(key)
        return super().resolve(key)


class GuessesKeys(Saboteur):
    caught_by = "test_a_key_that_nobody_has_is_not_found"

    def resolve(self, key: str) -> Ticket:
        try:
            return super().resolve(key)
        except NotFound:
            return self.far_side.tickets()[0]


class CallsDenialsFailures(Saboteur):
    caught_by = "test_bad_credentials_are_denied"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().changes(cursor)
        except Denied as denied:
            raise Unavailable(str(denied)) from None


class ChecksNothing(Saboteur):
    caught_by = "test_a_check_with_bad_credentials_says_so"

    def check(self) -> list[Problem]:
        return []


class FindsFaultWithEverything(Saboteur):
    caught_by = "test_a_check_of_a_sound_tracker_finds_nothing_fatal"

    def check(self) -> list[Problem]:
        return [Problem("something", "do something")]


class CountsHalf(Saboteur):
    caught_by = "test_every_request_is_counted"

    @property
    def requests(self) -> int:
        return super().requests // 2


class StopsTheClock(Saboteur):
    caught_by = "test_the_trackers_own_time_is_told_as_soon_as_it_has_answered"
    stopped: datetime | None = None

    def time(self) -> datetime | None:
        self.stopped = self.stopped or super().time()
        return None if self.stopped is None else self.stopped - timedelta(seconds=100)


class Blabs(Saboteur):
    caught_by = "test_no_secret_is_in_any_repr_log_line_or_error"

    def __repr__(self) -> str:
        return f"Blabs({self.far_side.secret})"


class LogsItsSecret(Saboteur):
    caught_by = "test_no_secret_is_in_any_repr_log_line_or_error"

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        logging.getLogger("blabs").debug("signed in with %s", self.far_side.secret)
        yield from super().changes(cursor)


SABOTEURS = sorted(Saboteur.__subclasses__(), key=lambda kind: kind.__name__)


def caught(kind: type[MemoryTracker], **values: Any) -> set[str]:
    """The tests of the kit that this tracker fails."""
    failed = set()
    for name in TESTS:
        try:
            getattr(TrackerContract(), name)(MemoryBench(kind, **values))
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception):  # noqa: BLE001
            failed.add(name)
    return failed


@pytest.mark.parametrize("kind", SABOTEURS)
def test_each_saboteur_is_caught_by_exactly_one_test(kind: type[Saboteur]) -> None:
    assert caught(kind) == {kind.caught_by}


def test_every_test_of_the_kit_catches_a_saboteur() -> None:
    assert {kind.caught_by for kind in SABOTEURS} == set(TESTS)


def test_an_honest_tracker_is_not_caught() -> None:
    assert caught(MemoryTracker) == set()
