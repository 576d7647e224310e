"""What a ticket gives as evidence: files, links, merged changes and a snapshot, each once, and by whom."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.errors import Unavailable
from connectors.sandbox.memory import MemoryTracker
from state import proofs
from state.model import Priority, Status
from state.proof import (
    DEMANDS,
    Demand,
    Evidence,
    EvidenceKind,
    EvidencePolicy,
    ResolutionPolicy,
    Review,
    Verdict,
)
from state.ticket import Artefact, TicketRef
from sync.capturing import snapshot

CHANGE = Artefact(
    "https://code.example/team/app/pull/7",
    "Rotate the key",
    commit="c0ffee",
    author="tom",
    approvers=("mia", "omar"),
    closes=True,
)


class Killed(BaseException):
    """A run dies."""


def mirrored(world: Any, **values: object) -> tuple[str, TicketRef]:
    item = world.add(**values)
    world.sync()
    return item.ref, world.link(item.ref).ref


def evidence(world: Any, item: str) -> list[Evidence]:
    found: dict[str, list[Evidence]] = world.store.ask(proofs.of_items, [item])
    return found.get(item, [])


def given(world: Any, item: str) -> list[tuple[str, str, str]]:
    return [(e.draft.kind.value, e.draft.url or e.draft.name, e.draft.by) for e in evidence(world, item)]


def test_an_attachment_is_evidence_once_with_the_hash_of_its_bytes(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.attach(ref, "scan.pdf", b"%PDF-1.7 all well", by="mia")
    world.sync()
    world.sync(full=True)
    world.far.comment(ref, "Is that enough?")
    world.sync()
    (piece,) = evidence(world, item)
    assert (piece.draft.kind, piece.draft.name, piece.draft.by) == ("ticket_attachment", "scan.pdf", "mia@acme.example")
    assert (piece.draft.size, piece.draft.stored, piece.draft.origin) == (17, False, "eng")
    assert piece.draft.sha256 == hashlib.sha256(b"%PDF-1.7 all well").hexdigest()


def test_a_closed_ticket_leaves_a_snapshot_of_itself_and_of_what_was_done(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.whisper(ref, "The password is swordfish.")
    world.far.move_to(ref, "Done", "Done", by="mia")
    planned = next(o for o in world.plan().operations if o.kind == "pull")
    assert "evidence: 1 ticket snapshot" in planned.reason
    world.sync()
    world.far.comment(ref, "Done at last")
    world.sync()
    (piece,) = evidence(world, item)
    assert (piece.draft.kind, piece.draft.mime) == (EvidenceKind.TICKET_SNAPSHOT, "application/json")
    assert piece.draft.by == "mia@acme.example"
    assert len(piece.draft.sha256 or "") == 64


def test_the_same_ticket_reads_the_same_in_a_snapshot_however_deep_its_body_is(world: Any) -> None:
    _, ref = mirrored(world)
    ticket, activity = world.far.ticket(ref), world.far.activity(ref)
    body: Any = "x"
    for _ in range(100_000):
        body = [body]
    assert snapshot(ticket, activity) == snapshot(world.far.ticket(ref), list(activity))
    deep = json.loads(snapshot(replace(ticket, body={"a": body}), activity))
    assert deep == json.loads(snapshot(replace(ticket, body=None), activity))


def test_links_in_the_closing_comment_are_evidence_and_others_are_not(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.comment(ref, "Have you seen https://news.example/today?", by="tom")
    world.clock.sleep(7200)
    world.far.comment(
        ref, "Fixed, see <https://wiki.example/rotation>, and https://ci.example/actions/runs/9.", by="mia"
    )
    world.far.move_to(ref, "Done", "Done", by="mia")
    world.sync()
    assert [(kind, url) for kind, url, _ in given(world, item) if kind != "ticket_snapshot"] == [
        ("link", "https://wiki.example/rotation"),
        ("ci_run", "https://ci.example/actions/runs/9"),
    ]


def test_a_merged_change_that_closes_the_ticket_is_evidence_with_its_commit_and_approvers(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, ref = mirrored(world)
    world.far.merge(ref, CHANGE, by="tom")
    world.far.move_to(ref, "Done", "Done", by="tom")
    world.sync()
    world.far.comment(ref, "Anything else?")
    monkeypatch.delattr(MemoryTracker, "links")
    world.sync()
    piece = next(e for e in evidence(world, item) if e.draft.kind is EvidenceKind.PULL_REQUEST)
    assert (piece.draft.url, piece.draft.by) == (CHANGE.url, "tom@acme.example")
    assert piece.draft.shows.endswith("Rotate the key, as c0ffee, approved by mia@acme.example, memory:omar")
    assert [kind for kind, *_ in given(world, item)].count("pull_request") == 1


def test_a_change_that_is_merged_after_the_ticket_was_closed_is_evidence_too(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.move_to(ref, "Done", "Done", by="tom")
    world.sync()
    world.far.merge(ref, CHANGE, by="tom")
    world.sync()
    assert "pull_request" in [kind for kind, *_ in given(world, item)]


def test_anybody_brings_evidence_by_a_line_in_a_comment(world: Any) -> None:
    item, ref = mirrored(world)
    lines = ("Here you are", "/evidence <https://ci.example/builds/7> the nightly scan, clean", "```")
    text = "\n".join((*lines, "/evidence https://no.example in code", "```"))
    world.far.comment(ref, text, by="zoe")
    world.sync()
    (piece,) = evidence(world, item)
    assert (piece.draft.url, piece.draft.shows) == ("https://ci.example/builds/7", "the nightly scan, clean")
    assert (piece.draft.kind, piece.draft.by) == (EvidenceKind.CI_RUN, "memory:zoe")


def test_nothing_of_ours_and_nothing_that_is_not_for_everybody_is_evidence(world: Any) -> None:
    item, ref = mirrored(world)
    world.store.add_comment(item, "olga@acme.example", "/evidence https://wiki.example/ours", world.because())
    world.sync()
    world.far.whisper(ref, secret := "/evidence https://wiki.example/secret")
    log = world.far.stored(ref).log
    log[:] = [replace(e, text=secret) if e.confined else e for e in log]
    world.sync()
    world.sync()
    assert evidence(world, item) == []


@pytest.mark.parametrize("point", ["pull.before", "pull.after"])
def test_what_a_ticket_gives_is_captured_once_whenever_the_run_dies(world: Any, point: str) -> None:
    item, ref = mirrored(world)
    world.far.attach(ref, "scan.pdf", b"all well", by="mia")
    world.far.comment(ref, "See https://wiki.example/a", by="mia")
    world.far.move_to(ref, "Done", "Done", by="mia")

    def crash(passed: str) -> None:
        if passed == point:
            raise Killed

    world.crash = crash
    with pytest.raises(Killed):
        world.sync()
    world.crash = lambda _: None
    world.sync()
    world.sync(full=True)
    assert sorted(kind for kind, *_ in given(world, item)) == ["link", "ticket_attachment", "ticket_snapshot"]


def test_bytes_that_cannot_be_had_now_leave_the_item_to_the_next_run(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.attach(ref, "scan.pdf", b"all well", by="mia")
    world.far.fail_next("attachment", Unavailable("503"))
    assert world.sync().tally.deferred == 1
    assert evidence(world, item) == []
    world.sync()
    assert [kind for kind, *_ in given(world, item)] == ["ticket_attachment"]


def test_a_file_that_cannot_be_had_for_a_day_holds_up_nothing_any_more(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.attach(ref, "core.dump", b"all well", by="mia")
    world.far.comment(ref, "Done, see the dump.", by="mia")
    for _ in range(2):
        world.far.fail_next("attachment", Unavailable("500"))
        assert world.sync().tally.deferred == 1
        world.clock.sleep(13 * 3600)
    world.far.fail_next("attachment", Unavailable("500"))
    assert "core.dump" in str(world.sync().warnings)
    assert [(e.draft.name, e.draft.sha256) for e in evidence(world, item)] == [("core.dump", None)]
    assert [said.text for said in world.store.comments(item)] == ["Done, see the dump."]


def test_an_address_is_evidence_once_while_it_counts_and_again_after_it_was_rejected(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.comment(ref, "/evidence https://wiki.example/a first", by="mia")
    world.sync()
    world.far.comment(ref, "/evidence https://wiki.example/a second", by="mia")
    world.sync()
    (piece,) = evidence(world, item)
    with world.store.writing() as w:
        found = Review(Verdict.REJECTED, "olga@acme.example", world.clock(), "it is empty")
        proofs.review(w.connection, w.ledger, piece, found, world.because())
    world.far.comment(ref, "/evidence https://wiki.example/a now it is there", by="mia")
    world.sync()
    assert [e.draft.shows for e in evidence(world, item)] == ["first", "now it is there"]


@pytest.mark.parametrize("first", [False, True])
def test_a_merged_change_is_by_its_author_though_somebody_else_named_its_address(world: Any, first: bool) -> None:
    item, ref = mirrored(world)
    world.far.comment(ref, f"/evidence {CHANGE.url} the fix", by="mia")
    if first:
        world.sync()
    world.clock.sleep(60)
    world.far.merge(ref, CHANGE, by="tom")
    world.far.move_to(ref, "Done", "Done", by="mia")
    for _ in range(2):
        world.sync()
    pieces = [e for e in evidence(world, item) if e.draft.kind is EvidenceKind.PULL_REQUEST]
    assert [e.draft.by for e in pieces if not e.superseded] == ["tom@acme.example"]
    assert [(e.ref, e.version) for e in pieces] == [(pieces[0].ref, n + 1) for n in range(len(pieces))]
    assert len(pieces) == 1 + first


def test_an_address_that_looks_like_a_change_meets_no_demand_for_one_unless_it_is_reviewed(world: Any) -> None:
    asked = Demand(1, frozenset({EvidenceKind.PULL_REQUEST}))
    world.resolution = ResolutionPolicy(EvidencePolicy({**DEMANDS, Priority.HIGH: asked}))
    item, ref = mirrored(world)
    world.far.comment(ref, "/evidence https://nobody.example/x/pull/1 fixed", by="mia")
    world.far.move_to(ref, "Done", "Done", by="mia")
    world.sync()
    assert world.item(item).status is not Status.RESOLVED
    world.far.merge(ref, CHANGE, by="tom")
    world.sync()
    assert world.item(item).status is Status.RESOLVED


def test_of_one_comment_the_first_twenty_addresses_are_evidence_and_the_last_says_so(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.comment(ref, "\n".join(f"/evidence https://wiki.example/{n} page" for n in range(1500)), by="tom")
    world.sync()
    shown = [e.draft.shows for e in evidence(world, item)]
    assert shown == [*["page"] * 19, "page (no more of the 1500 in this comment are kept)"]
    world.far.comment(ref, " ".join(f"https://wiki.example/more/{n}" for n in range(1500)), by="mia")
    world.far.move_to(ref, "Done", "Done", by="mia")
    world.sync()
    assert [kind for kind, *_ in given(world, item)].count("link") == 40


def test_what_a_ticket_calls_a_file_or_a_page_is_text_and_an_address_with_a_password_is_no_evidence(world: Any) -> None:
    item, ref = mirrored(world)
    world.far.attach(ref, "../a\u202e\x1b[31m\n.pdf", b"%PDF-1.7", by="mia")
    world.far.merge(ref, replace(CHANGE, name="Rotate\u202e the\n\x1b[31mkey"), by="tom")
    world.far.merge(ref, replace(CHANGE, url="https://tom:secret@code.example/team/app/pull/8"), by="tom")
    world.far.comment(ref, "/evidence https://tom:secret@wiki.example/ all is well", by="mia")
    world.far.move_to(ref, "Done", "Done", by="mia")
    world.sync()
    drafts = [e.draft for e in evidence(world, item)]
    assert sorted(d.name for d in drafts if d.url) == ["Rotate the [31mkey", "a[31m.pdf"]
    assert all(text.isprintable() for d in drafts for text in (d.name, d.shows))
    assert "secret" not in str([(d.url, d.shows) for d in drafts])
