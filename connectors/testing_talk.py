"""The promises of `connectors.base.Tracker` about what people say and do on a ticket."""

# ruff: noqa: S101

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.bench import Bench
from connectors.errors import NotFound, Rejected
from state.ticket import ActivityKind

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class TalkContract:
    """A part of `connectors.testing.TrackerContract`."""

    def test_our_comment_comes_back_as_ours_with_its_key(self, bench: Bench) -> None:
        """So that a comment whose answer was lost is not made twice."""
        ref = bench.make()
        identity = bench.tracker.comment(ref, "Mirrored from the register.", marker="c" * 26)
        (said,) = bench.comments(ref)
        assert (said.id, said.text.strip(), said.marker_key) == (identity, "Mirrored from the register.", "c" * 26)
        assert said.by.ours

    def test_a_comment_in_the_tracker_s_own_format_reads_as_its_words(self, bench: Bench) -> None:
        """Comments are written like bodies, and read as text."""
        ref = bench.make()
        bench.tracker.comment(ref, bench.body(bench.draft().marker, "Done by Friday."), marker="c" * 26)
        (said,) = bench.comments(ref)
        assert "Done by Friday." in said.text
        assert '"type"' not in said.text

    def test_a_comment_that_copies_our_key_is_not_ours(self, bench: Bench) -> None:
        """A key counts only where we wrote it."""
        ref = bench.make()
        bench.copy_comment(ref, "c" * 26)
        assert [said.marker_key for said in bench.comments(ref)] == [None]

    def test_a_comment_that_is_too_long_is_rejected(self, bench: Bench) -> None:
        """The stated limit is the real one."""
        ref = bench.make()
        with pytest.raises(Rejected):
            bench.tracker.comment(ref, "x" * (bench.tracker.caps.comment_limit + 1), marker="c" * 26)

    def test_a_comment_of_ours_is_edited_where_it_stands(self, bench: Bench) -> None:
        """The same comment says something else, however often it is told so, and is still known as ours."""
        ref = bench.make()
        ours = bench.tracker.comment(ref, "One piece of evidence is missing.", marker="c" * 26)
        bench.person.comment(ref.key, "I see.")
        before = {each.id: (each.text.strip(), each.marker_key) for each in bench.comments(ref)}
        for _ in range(2):
            bench.tracker.recomment(ref, ours, "Nothing is missing.", marker="c" * 26)
        said = {each.id: (each.text.strip(), each.marker_key) for each in bench.comments(ref)}
        assert said == {**before, ours: ("Nothing is missing.", before[ours][1])}

    def test_an_edited_comment_touches_nothing_else_of_the_ticket(self, bench: Bench) -> None:
        """Neither its fields nor how many comments there are."""
        ref = bench.make()
        ours = bench.tracker.comment(ref, "One piece of evidence is missing.", marker="c" * 26)
        before = bench.read(ref)
        bench.tracker.recomment(ref, ours, "Nothing is missing.", marker="c" * 26)
        after = bench.read(ref)
        assert replace(after, updated=before.updated, revision=before.revision) == before

    def test_a_comment_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        """Somebody deleted it; no other is made in its place."""
        ref = bench.make()
        ours = bench.tracker.comment(ref, "One piece of evidence is missing.", marker="c" * 26)
        bench.person.uncomment(ref.key, ours)
        with pytest.raises(NotFound):
            bench.tracker.recomment(ref, ours, "Nothing is missing.", marker="c" * 26)
        assert bench.comments(ref) == []

    def test_an_edited_comment_that_is_too_long_is_rejected(self, bench: Bench) -> None:
        """The same limit holds for saying it again."""
        ref = bench.make()
        ours = bench.tracker.comment(ref, "One piece of evidence is missing.", marker="c" * 26)
        with pytest.raises(Rejected):
            bench.tracker.recomment(ref, ours, "x" * (bench.tracker.caps.comment_limit + 1), marker="c" * 26)

    def test_comments_are_told_whatever_their_age(self, bench: Bench) -> None:
        """What is no longer among them was deleted."""
        ref = bench.make()
        stays, goes = (bench.person.comment(ref.key, text) for text in ("Which tenant?", "Forget it."))
        bench.advance(3600)
        bench.person.uncomment(ref.key, goes)
        told = bench.tracker.activity(ref, bench.now())
        assert [event.id for event in told if event.kind is ActivityKind.COMMENT] == [stays]

    def test_an_edited_comment_says_what_it_says_now_and_when_it_was_edited(self, bench: Bench) -> None:
        """Under the id that it always had."""
        ref = bench.make()
        said = bench.person.comment(ref.key, "It is done.")
        bench.advance(60)
        bench.person.recomment(ref.key, said, "It is half done.")
        (now,) = bench.comments(ref)
        assert (now.id, now.text.strip()) == (said, "It is half done.")
        assert now.edited_at is not None
        assert now.at < now.edited_at <= bench.now()

    def test_a_comment_that_is_not_for_everybody_keeps_its_words(self, bench: Bench) -> None:
        """It is told that there is one, and no more."""
        ref = bench.make()
        said = bench.whisper(ref, "The password is swordfish.")
        assert [(one.id, one.text, one.confined) for one in bench.comments(ref)] == [(said, "", True)]

    def test_an_attachment_is_told_with_its_name_and_size_and_gives_its_bytes(self, bench: Bench) -> None:
        """Byte for byte, where the tracker keeps files."""
        if not bench.tracker.caps.attachments:
            pytest.skip("the tracker keeps no files")
        ref, data = bench.make(), bytes(range(256)) * 300
        bench.attach(ref, "scan.pdf", data)
        told = bench.tracker.activity(ref, LONG_AGO)
        (event,) = [each for each in told if each.kind is ActivityKind.ATTACHMENT]
        assert event.artefact is not None
        assert (event.artefact.name, event.artefact.size, event.by.id) == ("scan.pdf", len(data), bench.account)
        assert b"".join(bench.tracker.attachment(ref, event.id)) == data

    def test_a_link_says_all_that_the_tracker_knows_of_it(self, bench: Bench) -> None:
        """Of a merged change its commit and who approved it."""
        ref = bench.make()
        made = bench.link(ref)
        told = bench.tracker.activity(ref, LONG_AGO)
        assert made in [event.artefact for event in bench.tracker.links(bench.read(ref), told)]

    def test_links_cost_nothing_where_there_are_none(self, bench: Bench) -> None:
        """The history shows that nobody linked anything."""
        ref = bench.make()
        bench.person.close(ref.key)
        ticket, told = bench.read(ref), bench.tracker.activity(ref, LONG_AGO)
        before = bench.tracker.requests
        assert bench.tracker.links(ticket, told) == []
        assert bench.tracker.requests == before

    def test_history_names_who_closed_it(self, bench: Bench) -> None:
        """A claim has a person behind it, and the state's own name."""
        ref = bench.make()
        bench.person.wont_do(ref.key)
        events = [event for event in bench.tracker.activity(ref, LONG_AGO) if event.field == "status"]
        assert (events[-1].by.id, events[-1].by.ours) == (bench.account, False)
        assert events[-1].after == bench.read(ref).state.name

    def test_history_begins_where_it_is_asked_to(self, bench: Bench) -> None:
        """What was read before is not read as new."""
        ref = bench.make()
        bench.person.edit_title(ref.key, "Earlier")
        bench.advance(60)
        since = bench.now().replace(microsecond=0)
        bench.person.edit_title(ref.key, "Later")
        events = [event for event in bench.tracker.activity(ref, since) if event.field == "title"]
        assert [event.after for event in events] == ["Later"]
