"""The store as a whole: all or nothing, and exactly one record for each change."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from state import acceptances, risks
from state.acceptance import Acceptance, AcceptanceState, Decision, DecisionVerdict, DueChange, Terms
from state.effects import Effects, Feed, Intent, ItemChange, Note
from state.model import Comment, Hold, HoldKind, ItemDraft, Outcome, Priority, TestOutcome
from state.persons import Person
from state.proof import EvidenceDraft, EvidenceKind
from state.register import Risk, Treatment
from state.store import Batch, Holder, StateError, Store
from state.ticket import Cursor
from tests.databases import WHEN

if TYPE_CHECKING:
    from tests.state.conftest import Book

READING = {
    *("item", "items", "existing", "list_items", "dirty_items", "link", "links", "links_by_ticket"),
    *(
        "find_link_by_key",
        "called",
        "link_count",
        "has_links",
        "link_refs",
        "generations",
        "remembered",
        "feed",
        "open_intents",
        "content_at",
        "given_up",
    ),
    *(
        "waiting_comments",
        "comments",
        "known_comments",
        "holds",
        "hold",
        "log",
        "verify",
        "apart",
        "apart_of",
        "reading",
        "moment",
        "marker_key",
    ),
    *("given_up", "open", "close", "check_integrity", "ask"),
}
WITHOUT_RECORDS = {"create", "scrub", "take_lease", "renew_lease", "release_lease", "alone"}


def _add(book: "Book") -> None:
    draft = ItemDraft("New")
    due = book.store.item("AI-000001").due_date
    book.store.add_items([(draft, due, Priority.LOW)] * 2, book.because)


def _take_in(book: "Book") -> None:
    change = ItemChange("AI-000001", {"title": "New", "owner": "a@b.example"}, book.because)
    added = [(ItemDraft("New"), book.store.item("AI-000001").due_date, Priority.LOW)]
    book.store.take_in(Batch(added, [change], [("AI-000001", TestOutcome.PASS, book.clock(), "")]), book.because)


HERE = Holder("h1", 1)


def _move_and_return(book: "Book") -> None:
    book.store.leave("sqlite:///new.db", HERE, book.because)
    book.store.reclaim(book.because)


WALK: dict[str, tuple[Callable[["Book"], object], list[str]]] = {
    "add_items": (_add, ["item.created"] * 2),
    "take_in": (_take_in, ["item.changed", "item.changed", "item.created", "test.recorded"]),
    "add_comment": (
        lambda book: book.store.add_comment("AI-000001", "kim", "Hello", book.because),
        ["comment.added"],
    ),
    "leave": (lambda book: book.store.leave("sqlite:///new.db", HERE, book.because), ["state.moved"]),
    "erase_person": (
        lambda book: book.store.erase_person(Person(["ada"]), HERE, book.because, words=False),
        ["person.erased"],
    ),
    "remember": (lambda book: book.store.remember("last_sync", "{}"), []),
    "reclaim": (_move_and_return, ["state.moved", "state.reclaimed"]),
    "unlink": (lambda book: book.store.unlink("AI-000001", book.because), ["ticket.unlinked", "hold.settled"]),
}

PIECE = EvidenceDraft(EvidenceKind.LINK, "MFA is on", "kim@acme.example", WHEN, item="AI-000001", url="https://e/1")
HOLD = Hold(HoldKind.GONE, "AI-000001", "eng", "gone")

EFFECTS: dict[str, tuple[Callable[["Book"], Effects], list[str]]] = {
    "begun": (lambda book: Effects(begun=[book.intent("i2")]), []),
    "finished": (lambda book: Effects(finished={"i1": Outcome("refused", "no")}), []),
    "asked": (lambda book: Effects(asked=["i1"]), []),
    "sent": (lambda book: Effects(sent={"i1": None}), []),
    "changes": (
        lambda book: Effects(changes=[ItemChange("AI-000001", {"title": "x", "owner": "y"}, book.because)]),
        ["item.changed"] * 2,
    ),
    "linked": (
        lambda book: Effects(linked=[(book.link(book.store.item("AI-000002"), "2"), book.because)]),
        ["ticket.linked"],
    ),
    "touched": (
        lambda book: Effects(touched=[replace(book.link(book.store.item("AI-000001")), archived=True)]),
        ["ticket.archived"],
    ),
    "held": (lambda book: Effects(held=[(replace(HOLD, item="AI-000002"), book.because)]), ["hold.opened"]),
    "released": (lambda book: Effects(released={"H-1": book.because}), ["hold.settled"]),
    "took": (lambda book: Effects(released={"H-1": book.because}, took={"H-1": "item"}), ["hold.settled"]),
    "comments": (
        lambda book: Effects(
            comments=[(Comment("", "AI-000001", "Ada", "Hi", book.clock(), True, "eng", "r1"), book.because)]
        ),
        ["comment.received"],
    ),
    "revised": (
        lambda book: Effects(
            revised=[(Comment("C-000001", "AI-000001", "Ada", "Ho", book.clock(), True, "eng", "r0"), book.because)]
        ),
        ["comment.edited"],
    ),
    "notes": (lambda book: Effects(notes=[Note("ticket.written", "eng:1", book.because)]), ["ticket.written"]),
    "feeds": (lambda book: Effects(feeds=[Feed("eng", Cursor(book.clock(), "etag"))]), []),
    "clean": (lambda book: Effects(clean=[("AI-000001", 1)]), []),
    "dirty": (lambda book: Effects(dirty=["AI-000001"]), []),
    "fallen": (lambda book: Effects(fallen=["AI-000001"]), []),
    "because": (lambda book: Effects(because=book.because), []),
    "evidence": (lambda book: Effects(evidence=[(PIECE, book.because)]), ["evidence.added"]),
    "requests": (
        lambda book: Effects(requests=[(_asked(book, "AI-000001"), book.because)]),
        ["acceptance.requested"],
    ),
    "acceptances": (
        lambda book: Effects(acceptances=[(*_rejected(book), book.because)]),
        ["acceptance.decided", "acceptance.rejected"],
    ),
    "later": (
        lambda book: Effects(
            later=[(DueChange("AI-000001", date(2026, 12, 20), date(2027, 1, 5), "kim", book.clock()), book.because)]
        ),
        ["due.requested"],
    ),
    "due_risks": (lambda book: Effects(due_risks={"R-0001": "its last item has ended"}), ["risk.due"]),
}


def _asked(book: "Book", item: str) -> Acceptance:
    terms = Terms("the vendor will not mend it", date(2027, 1, 31))
    return Acceptance("", item, AcceptanceState.REQUESTED, terms, "kim@acme.example", book.clock(), "f")


def _rejected(book: "Book") -> tuple[Acceptance, Acceptance]:
    [before] = book.store.ask(acceptances.standing)
    no = Decision(DecisionVerdict.REJECT, "ada@acme.example", book.clock(), "not with this data", "risk owner")
    return before, replace(before, state=AcceptanceState.REJECTED, decisions=(no,), ended_at=book.clock())


@pytest.fixture
def busy(book: "Book") -> "Book":
    """Two items, one linked and held, the other to be accepted as a risk; an open intent, and a risk."""
    first = book.item()
    book.item()
    book.linked(first)
    heard = Comment("", "AI-000001", "Ada", "Hey", book.clock(), True, "eng", "r0")
    book.store.commit(None, Effects(comments=[(heard, book.because)]))
    asked = _asked(book, "AI-000002")
    book.store.commit(
        None,
        Effects(held=[(HOLD, book.because)], begun=[book.intent("i1")], requests=[(asked, book.because)]),
    )
    with book.store.writing() as w:
        risk = Risk("R-0001", "Accounts are taken over", None, Treatment.MITIGATE, "", (), None, WHEN, WHEN)
        risks.add(w.connection, w.ledger, [risk], book.because)
    return book


def test_every_method_that_writes_is_walked_here() -> None:
    public = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert public == READING | WITHOUT_RECORDS | set(WALK) | {"commit", "writing"}
    assert {each.name for each in fields(Effects)} == set(EFFECTS)


@pytest.mark.parametrize("name", WALK)
def test_each_method_writes_one_record_for_each_change(busy: "Book", name: str) -> None:
    write, expected = WALK[name]
    before = len(busy.records())
    write(busy)
    assert busy.actions(since=before) == expected
    assert busy.store.verify().ok


@pytest.mark.parametrize("name", EFFECTS)
def test_each_effect_writes_one_record_for_each_change(busy: "Book", name: str) -> None:
    make, expected = EFFECTS[name]
    before = len(busy.records())
    busy.store.commit(None, make(busy))
    assert busy.actions(since=before) == expected
    assert busy.store.verify().ok


def test_the_lease_leaves_no_record(book: "Book") -> None:
    lease = book.store.take_lease(Holder("here", 1), 60)
    book.store.release_lease(book.store.renew_lease(lease, 60))
    assert book.records() == []


TABLES = ("item", "link", "intent", "hold", "comment", "feed", "counter", "audit")


POISON = {
    "sqlite": ("CREATE TRIGGER poison BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'poisoned'); END",),
    "postgresql": (
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$",
        "CREATE TRIGGER poison BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION poison()",
    ),
}
CURE = {"sqlite": "DROP TRIGGER IF EXISTS poison", "postgresql": "DROP TRIGGER IF EXISTS poison ON audit"}


def _everything(book: "Book") -> list[object]:
    return [book.raw(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]  # noqa: S608


@pytest.mark.parametrize("poison", ["Note", "audit"])
def test_when_any_part_fails_nothing_is_written(busy: "Book", poison: str) -> None:
    made = [make(busy) for name, (make, _) in EFFECTS.items() if name not in ("asked", "because")]
    whole = Effects(
        **{
            each.name: next(value for effect in made if (value := getattr(effect, each.name)))
            for each in fields(Effects)
            if each.name not in ("asked", "because")
        }
    )
    before = _everything(busy)
    if poison == "audit":
        busy.raw(*POISON[busy.kind])
        failing = whole
    else:
        failing = replace(whole, notes=[*whole.notes, Note("x", "y", busy.because, after=1.5)])
    with pytest.raises(StateError):
        busy.store.commit(None, failing)
    assert _everything(busy) == before
    busy.raw(CURE[busy.kind])
    busy.store.commit(None, whole)
    assert _everything(busy) != before


def test_a_program_killed_while_it_writes_leaves_no_change_without_its_record(book: "Book") -> None:
    code = (
        "import datetime, itertools\n"
        "from state.effects import Because\n"
        "from state.model import Actor, Agent, ItemDraft, Priority\n"
        "from state.store import Store\n"
        "clock = lambda: datetime.datetime.now(datetime.UTC)\n"
        f"store = Store.open({book.url!r}, clock=clock)\n"
        "because = Because(Agent(Actor.BOT, 'counterfoil', 'child'))\n"
        "for n in itertools.count():\n"
        "    draft = (ItemDraft(f'Rotate key {n}'), clock().date(), Priority.LOW)\n"
        "    print(store.add_items([draft] * 40, because)[-1].ref, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [child.stdout.readline().strip() for _ in range(5)]
        child.kill()
    items = [item.ref for item in book.store.list_items()]
    assert set(told) <= set(items)
    assert len(items) % 40 == 0
    assert [record["object"] for record in book.records()] == items
    assert book.store.verify().ok


def test_where_a_feed_stands_is_read_back_and_replaced(book: "Book") -> None:
    assert book.store.feed("eng") == Feed("eng")
    now = book.clock()
    feed = Feed("eng", Cursor(now, "a"), Cursor(now, "b"), Cursor(now, "c"), now, "r", now)
    book.store.commit(None, Effects(feeds=[Feed("eng"), feed, Feed("web")]))
    assert book.store.feed("eng") == feed
    assert book.store.feed("web") == Feed("web")


def test_threads_that_write_at_once_keep_one_gapless_chain(book: "Book") -> None:
    def write(name: str) -> None:
        for number in range(10):
            begun = [Intent(f"{name}{number}", "r", book.intent("x").kind, "", "eng", "", {}, book.clock())]
            book.store.commit(None, Effects(begun=begun, notes=[Note("ticket.written", name, book.because)] * 3))

    threads = [Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = book.store.verify()
    assert (verdict.ok, verdict.records) == (True, 90)
    assert len(book.store.open_intents()) == 30


def test_two_programs_write_the_same_book(book: "Book") -> None:
    with Store.open(book.url, clock=book.clock) as other:
        book.item()
        other.add_comment("AI-000001", "kim", "Hello", book.because)
        book.change("AI-000001", title="Other")
        assert other.item("AI-000001").title == "Other"
    assert book.store.verify().records == 3
