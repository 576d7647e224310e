"""Every function that writes, found in the source: it makes exactly one record for each change, or says why none."""

import ast
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

import state
from state import acceptances, controls, due_dates, groups, items, persons, proofs, risks
from state.acceptance import AcceptanceState, Channel, Decision, DecisionVerdict, DueChange
from state.effects import Effects
from state.grouping import Grouping, GroupRule
from state.model import Accepted, Actor, Agent, Comment, ItemDraft, Priority
from state.persons import Person
from state.proof import LinkCheck, LinkHealth, Review, Verdict
from state.register import ControlDraft, ControlStatus, Exemption, Framework, Risk, Score, ScoreKind, Treatment
from state.transaction import Transaction
from tests.databases import WHEN
from tests.state.test_store import EFFECTS, PIECE, WALK, busy

if TYPE_CHECKING:
    from tests.state.conftest import Book

__all__ = ["busy"]

SILENT = {
    "checkpoints.put": "it is about the ledger, and is a proof by itself",
    "checkpoints.drop": "what is forgotten is told by `ledger.forked`, which the same step writes",
    "checkpoints.note_anchor": "how far copies are is no change of an item",
    "comments._update": "recorded by whoever calls it: `_settle`, `_reword` and `revise`",
    "controls.heard": "the latest word of a test is in its source; what it leads to is recorded",
    "feeds.put": "how far a tracker was read is no change of an item",
    "grounds.age": "a day that begins marks what is to be looked at; what is found is recorded",
    "grounds._set_day": "the same",
    "items.mark_overdue": "that it was told of; the due date is the record",
    "items.mark_dirty": "that it is to be compared",
    "items.mark_clean": "that it was compared",
    "journal.begin": "an intention; what came of it is recorded as a note",
    "journal.finish": "the same",
    "journal.ask": "the same",
    "journal.send": "the same",
    "journal.forget": "intentions that ended long ago",
    "lease.take": "who runs now, which each record of the run says",
    "lease.renew": "the same",
    "lease.release": "the same",
    "links._insert": "recorded by `link`",
    "links._replace": "recorded by `touch`, but for what is only compared again",
    "links._end": "recorded by `link` and `unlink`",
    "moving._fill": "brings the ledger itself",
    "naming._name_anew": "an index of what items and tests say, which is recorded with them",
    "naming._insert": "the same",
    "naming._touch_controls": "that it is to be looked at",
    "naming._touch_risks": "the same",
    "risks.looked_at": "that it was looked at; what was found is recorded",
    "salted.erase": "recorded before it by `persons.erase`, which the database insists on",
    "salted.commit": "the words that records stand for",
    "series.next_numbers": "a number that is given out is in the record of what has it",
    "store._name": "the installation's name is made with its tables",
    "waiting._write": "recorded by `place` and `release`",
}
"""Functions that write to the database and not to the ledger, and why that is right."""

SOC2 = Framework("soc2", "SOC 2", "2017", "soc2.csv", "a" * 64, WHEN)
SCORE = Score(ScoreKind.CURRENT, 2, 4, "kim", WHEN, "MFA is on")
RISK = Risk("R-0002", "Data leaks", None, Treatment.MITIGATE, "", ("Kim looks",), None, WHEN, WHEN, scores=(SCORE,))
LATER = DueChange("AI-000001", date(2026, 12, 20), date(2027, 1, 5), "kim", WHEN)
DECIDED = replace(LATER, verdict="approved", decided_by="ruth@acme.example", decided_at=WHEN)
FOUND = ItemDraft("Close a", source_ref="ssh_open", fingerprint="a")

Act = Callable[[Transaction, "Book"], object]


def _framework(w: Transaction, book: "Book") -> None:
    drafts = [ControlDraft("CC6.1", "Access"), ControlDraft("CC7.2", "Monitoring")]
    controls.add_framework(w.connection, w.ledger, SOC2, drafts, book.because)


def _exempt(w: Transaction, book: "Book") -> None:
    _framework(w, book)
    about = controls.control(w.connection, "CC7.2")
    controls.exempt(w.connection, w.ledger, about, Exemption("no hosts", "kim", WHEN), book.because)


def _answer(w: Transaction, book: "Book") -> None:
    _framework(w, book)
    controls.answer(w.connection, w.ledger, {"soc2:CC6.1": "soc2:CC7.2"}, book.because)


def _stand(w: Transaction, book: "Book") -> None:
    _framework(w, book)
    found = {f"soc2:{code}": (ControlStatus.IN_PROGRESS, "evidence is short") for code in ("CC6.1", "CC7.2")}
    controls.stand(w.connection, w.ledger, w.now, found, book.because)


def _group(w: Transaction, book: "Book") -> None:
    [item] = items.add(w.connection, w.ledger, w.now, [(FOUND, WHEN.date(), Priority.HIGH)], book.because)
    grouping = Grouping((GroupRule("check"),))
    groups.join(w.connection, w.ledger, w.now, [(FOUND, item)], grouping, book.because)


def _evidence(w: Transaction, book: "Book") -> Any:
    [(stored, _)] = proofs.add(w.connection, w.ledger, [(PIECE, book.because)])
    return stored


def _stored(w: Transaction, book: "Book") -> None:
    piece = replace(PIECE, origin="eng", remote_id="77", sha256="a" * 64)
    for each in (piece, replace(piece, stored=True)):
        proofs.add(w.connection, w.ledger, [(each, book.because)])


def _version(w: Transaction, book: "Book") -> None:
    later = replace(PIECE, url="https://e/2")
    proofs.add_version(w.connection, w.ledger, _evidence(w, book).ref, later, book.because)


def _review(w: Transaction, book: "Book") -> None:
    said = Review(Verdict.ACCEPTED, "rae@acme.example", WHEN)
    proofs.review(w.connection, w.ledger, _evidence(w, book), said, book.because)


def _check(w: Transaction, book: "Book") -> None:
    proofs.check(w.connection, w.ledger, _evidence(w, book), LinkCheck(LinkHealth.GONE, WHEN), book.because)


def _accept(w: Transaction, book: "Book") -> None:
    accepted = Accepted("RA-000001", date(2027, 1, 31), "f")
    items.accept(w.connection, w.ledger, w.now, "AI-000002", accepted, book.because)


def _overtake(w: Transaction, book: "Book") -> None:
    acceptances.overtake(w.connection, w.ledger, w.now, {"AI-000002": book.because})


def _question(w: Transaction, book: "Book") -> None:
    """A decision was taken in a comment, which is edited after it."""
    [before] = acceptances.standing(w.connection)
    no = Decision(DecisionVerdict.REJECT, "ada@acme.example", WHEN, "no", "risk owner", Channel.COMMENT, "", "r9")
    after = replace(before, state=AcceptanceState.REJECTED, decisions=(no,), ended_at=WHEN)
    said = Comment("", "AI-000002", "Ada", "/reject", WHEN, True, "eng", "r9")
    w.write(None, Effects(comments=[(said, book.because)], acceptances=[(before, after, book.because)]))
    edited = replace(said, id="C-000002", text="/approve", edited_at=WHEN)
    w.write(None, Effects(revised=[(edited, book.because)]))


def _due(w: Transaction, book: "Book") -> None:
    for each in (LATER, DECIDED):
        due_dates.note(w.connection, w.ledger, each, book.because)


def _change_risk(w: Transaction, book: "Book") -> None:
    risks.change(w.connection, w.ledger, w.now, "R-0001", {"gap": "none", "owner": "kim@acme.example"}, book.because)


def _erase(w: Transaction, book: "Book") -> None:
    ruth = replace(book.because, agent=Agent(Actor.HUMAN, "counterfoil", "ruth@acme.example"))
    persons.erase(w.connection, w.ledger, Person(["Ada"]), ruth, words=True)


ACTS: dict[str, tuple[Act, list[str]]] = {
    "acceptances.overtake": (_overtake, ["acceptance.withdrawn"]),
    "acceptances.note_comments": (
        _question,
        [
            *("comment.received", "acceptance.decided", "acceptance.rejected"),
            *("comment.edited", "acceptance.questioned"),
        ],
    ),
    "controls.add_framework": (_framework, ["framework.added"]),
    "controls.answer": (_answer, ["framework.added", "control.answered"]),
    "controls.exempt": (_exempt, ["framework.added", "control.exempted"]),
    "controls.stand": (_stand, ["framework.added", "control.status", "control.status"]),
    "due_dates.ask": (_due, ["due.requested", "due.decided"]),
    "due_dates.decide": (_due, ["due.requested", "due.decided"]),
    "groups.join": (_group, ["item.created", "item.created", "item.changed", "item.changed"]),
    "items.accept": (_accept, ["item.changed", "item.changed"]),
    "persons.erase": (_erase, ["person.erased"]),
    "proofs.add_version": (_version, ["evidence.added", "evidence.added"]),
    "proofs._arrive": (_stored, ["evidence.added", "evidence.stored"]),
    "proofs.review": (_review, ["evidence.added", "evidence.reviewed"]),
    "proofs.review_all": (_review, ["evidence.added", "evidence.reviewed"]),
    "proofs.check": (_check, ["evidence.added", "evidence.checked"]),
    "risks.add": (
        lambda w, book: risks.add(w.connection, w.ledger, [RISK], book.because),
        ["risk.added", "risk.scored"],
    ),
    "risks.change": (_change_risk, ["risk.changed", "risk.changed"]),
    "risks.score": (
        lambda w, book: risks.score(w.connection, w.ledger, "R-0001", [SCORE], book.because),
        ["risk.scored"],
    ),
}
"""What is written by functions that others than the store's own methods call, and the records it makes."""

CLEAR = {
    "states, kinds, days and words of ours": (
        *("kind", "system", "state", "status", "priority", "treatment", "verdict", "outcome", "channel", "health"),
        *("before", "after", "until", "due_date", "captured_at", "observed_at", "added_at"),
    ),
    "names of ours, and of trackers, for things": (
        *("id", "ref", "key", "tracker", "url", "event", "comment", "part_of", "origin", "remote_id", "version"),
    ),
    "digests": ("sha256", "fingerprint", "hashes"),
    "what things are called, which is what people look for": ("title",),
    "where something came from": ("source", "source_kind", "source_ref"),
}
"""What of a record is not hidden, and why."""

BY_STORE = {
    "acceptances.put": EFFECTS["acceptances"],
    "acceptances.request": EFFECTS["requests"],
    "comments.put": EFFECTS["comments"],
    "comments.revise": EFFECTS["revised"],
    "due_dates.note": EFFECTS["later"],
    "items.add": WALK["add_items"],
    "items.change": EFFECTS["changes"],
    "links.link": EFFECTS["linked"],
    "links.touch": EFFECTS["touched"],
    "links.unlink": WALK["unlink"],
    "proofs.add": EFFECTS["evidence"],
    "results.record": WALK["take_in"],
    "risks.make_due": EFFECTS["due_risks"],
    "waiting.place": EFFECTS["held"],
    "waiting.release": EFFECTS["released"],
    "whereabouts.leave": WALK["leave"],
    "whereabouts.reclaim": WALK["reclaim"],
}
"""Where `test_store.py` walks the others."""


def _functions() -> Iterator[tuple[str, ast.FunctionDef, frozenset[str]]]:
    """Every function of the package, with the module's names of statements that write."""
    for path in sorted(Path(str(state.__file__)).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = frozenset(
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign) and _writes(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        )
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node, said


def _writes(node: ast.AST, said: frozenset[str] = frozenset()) -> bool:
    """Whether there is a statement in it that writes, or the name of one."""
    calls = {each.func.id for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    return bool(
        calls & {"insert", "update", "delete"}
        or said & {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    )


def _recording(node: ast.FunctionDef) -> bool:
    return any(each.arg == "ledger" for each in (*node.args.args, *node.args.kwonlyargs))


def test_whatever_writes_has_a_ledger_to_write_to_or_a_reason() -> None:
    writing = {name: node for name, node, said in _functions() if _writes(node, said) and not name.startswith("audit.")}
    assert {name for name, node in writing.items() if not _recording(node)} == set(SILENT)


def test_whatever_has_a_ledger_to_write_to_is_walked() -> None:
    recording = {name for name, node, said in _functions() if _recording(node)}
    public = {name for name in recording if "._" not in name}
    assert public | {"proofs._arrive"} == set(ACTS) | set(BY_STORE)


@pytest.mark.parametrize("name", ACTS)
def test_each_writes_one_record_for_each_change(busy: "Book", name: str) -> None:
    act, expected = ACTS[name]
    before = len(busy.records())

    def do() -> None:
        with busy.store.writing() as w:
            act(w, busy)

    assert name in _called(do)
    assert busy.actions(since=before) == expected
    assert busy.store.verify().ok
    assert _in_clear(busy) <= {name for names in CLEAR.values() for name in names}


@pytest.mark.parametrize("name", BY_STORE)
def test_each_of_the_others_is_walked_with_the_store(busy: "Book", name: str) -> None:
    act, _ = BY_STORE[name]

    def do() -> None:
        made = act(busy)
        if isinstance(made, Effects):
            busy.store.commit(None, made)

    assert name in _called(do)
    assert _in_clear(busy) <= {name for names in CLEAR.values() for name in names}


def _in_clear(book: "Book") -> set[str]:
    """Under which names, or of which fields, records hold a text that is not hidden."""
    found: set[str] = set()

    def look(value: object, name: str) -> None:
        match value:
            case {"salted": _}:
                pass
            case dict():
                for key, each in value.items():
                    look(each, key)
            case list():
                for each in value:
                    look(each, name)
            case str() if value:
                found.add(name)

    for record in book.store.log():
        body = json.loads(record.body)
        for name in ("before", "after"):
            look(body[name], body["field"] or name)
        look({name: body[name] for name in ("actor", "reason")}, "")
    return found


def _called(do: Callable[[], object]) -> set[str]:
    """The functions of the package that were called while this was done."""
    package, names = str(Path(str(state.__file__)).parent), set[str]()

    def note(frame: FrameType, what: str, _more: object) -> None:
        folder, _, file = frame.f_code.co_filename.rpartition("/")
        if what == "call" and folder == package:
            names.add(f"{file.removesuffix('.py')}.{frame.f_code.co_name}")

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return names
