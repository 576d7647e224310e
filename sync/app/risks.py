"""The risk register as people keep it: risks, scores beside earlier scores, and what is due."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from connectors.base import BadRow
from connectors.intake import fields, risk_files
from state import risks
from state.effects import Because
from state.model import ActionItem, Priority
from state.register import Risk, RiskDraft, Score, ScoreKind, Treatment, folded
from state.store import Store
from state.transaction import Transaction
from sync import proposing
from sync.app import identity, register_shapes, shapes, show
from sync.app.failures import BRAKE, IN_ORDER, Mistaken
from sync.app.files import reading
from sync.app.frameworks import is_expected, refused
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell
from sync.app.taking_in import due_policy
from sync.reevaluation import reevaluate

_HISTORY = 50
_LESS = ("inherent", "target", "treatment", "owner")
"""What a list leaves out on a narrow terminal."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line says of a risk; `None` is not said, and an empty text clears."""

    statement: str | None
    owner: str | None
    treatment: Treatment | None
    gap: str | None
    existing: list[str] | None
    next_review: str | None

    def values(self) -> dict[str, Any]:
        """The risk's attributes that were said, checked."""
        given: dict[str, Any] = {"treatment": self.treatment, "gap": self.gap}
        try:
            if self.existing is not None:
                given["existing"] = fields.listed(";".join(self.existing)) or ()
            values = {name: value for name, value in given.items() if value is not None}
            if self.statement is not None:
                values["statement"] = " ".join(self.statement.split())
            if self.owner is not None:
                values["owner"] = fields.owner(self.owner)
            if self.next_review is not None:
                values["next_review"] = fields.day(self.next_review)
        except fields.WrongValue as error:
            raise Mistaken(str(error)) from None
        if values.get("statement") == "":
            raise Mistaken("a risk needs a statement: what could go wrong?")
        return values


@dataclass(frozen=True, slots=True)
class _Writer:
    """Who keeps the register, and when."""

    because: Because
    now: datetime

    def score(self, kind: ScoreKind, rated: tuple[int, int], reason: str = "") -> Score:
        """A rating by this person."""
        return Score(kind, *rated, self.because.agent.name or self.because.agent.account, self.now, reason)

    def risk(self, draft: RiskDraft, reason: str = "") -> Risk:
        """A new risk."""
        scores = tuple(self.score(kind, rated, reason) for kind, rated in draft.ratings.items())
        said = (draft.treatment or Treatment.MITIGATE, draft.gap or "", draft.existing or (), draft.next_review)
        return Risk(draft.id, draft.statement, draft.owner, *said, self.now, self.now, scores=scores)


def _rated(text: str) -> tuple[int, int]:
    try:
        return risk_files.rating(text)
    except fields.WrongValue as error:
        raise Mistaken(str(error)) from None


def add(shell: Shell, id_: str | None, said: Said, ratings: Mapping[str, str | None]) -> int:
    """Add one risk."""
    config = configuration(shell)
    writer = _Writer(identity.author(shell, config), shell.clock())
    rated = {ScoreKind(kind): _rated(text) for kind, text in ratings.items() if text}
    draft = RiskDraft("".join((id_ or "").split()), **said.values(), ratings=rated)
    if id_ is not None and not draft.id:
        raise Mistaken("an id needs letters; leave --id away for the next free one")
    with open_store(shell, config, writes=True) as store:
        with store.writing() as w:
            draft = replace(draft, id=draft.id or risks.new_id(w.connection))
            risks.add(w.connection, w.ledger, [writer.risk(draft)], writer.because)
        _answer(shell, store, draft.id, said=f"{draft.id} is in the register")
    return IN_ORDER


def list_all(shell: Shell, *, only_due: bool) -> int:
    """List risks."""
    with open_store(shell, configuration(shell)) as store:
        known = store.ask(risks.everything)
    chosen = [each for each in known if not only_due or each.is_due(shell.today)]
    answer = [register_shapes.risk(each, shell.today) for each in chosen]
    shell.answer(answer, lambda: _listing(answer, any_there=bool(known)))
    return IN_ORDER


def _listing(answer: list[dict[str, Any]], *, any_there: bool) -> str:
    if not answer:
        return (
            "No such risks." if any_there else "No risks yet. `counterfoil risk add` or `risk import` brings some in."
        )
    lines = [
        {
            "risk": each["id"],
            **{kind.value: _level(each[kind.value]) for kind in ScoreKind},
            "treatment": each["treatment"],
            "owner": each["owner"],
            "next review": each["next_review"],
            "due": "yes" if each["is_due"] else None,
            "statement": each["statement"],
        }
        for each in answer
    ]
    return show.listing(lines, _LESS, show.counted(len(lines), "risk"))


def _level(score: Mapping[str, Any] | None) -> str | None:
    return None if score is None else f"{score['level']} ({score['likelihood']}x{score['impact']})"


def show_one(shell: Shell, name: str) -> int:
    """Show one risk."""
    with open_store(shell, configuration(shell)) as store:
        _answer(shell, store, name)
    return IN_ORDER


def _answer(shell: Shell, store: Store, name: str, *, said: str = "") -> None:
    risk = store.ask(risks.one, name)
    items = store.ask(risks.items_of, risk.id)
    answer = register_shapes.risk(risk, shell.today) | {
        "items": [_item(each) for each in items],
        "scores": [register_shapes.score(each) for each in risk.scores],
        "created_at": shapes.moment(risk.created_at),
        "updated_at": shapes.moment(risk.updated_at),
        "history": [shapes.record(each) for each in store.log([risk.id], newest=_HISTORY)],
    }
    told = f"{said}; {answer['due_why']}, so it is to be scored" if answer["due_why"] else said
    shell.answer(answer, lambda: told if said else _whole(answer))


def _item(each: ActionItem) -> dict[str, Any]:
    return {"ref": each.ref, "status": each.status.value, "title": each.title, "owner": each.owner}


def _whole(answer: dict[str, Any]) -> str:
    facts = [
        ("to be scored again", answer["due_why"]),
        *((kind.value, _level(answer[kind.value])) for kind in ScoreKind),
        ("treatment", answer["treatment"]),
        ("owner", answer["owner"]),
        ("existing controls", ", ".join(answer["existing"])),
        ("gap", answer["gap"]),
        ("next review", answer["next_review"]),
    ]
    scores = (
        f"{show.minute(s['at'])} {s['kind']} {_level(s)} by {s['by']}" + (f": {s['reason']}" if s["reason"] else "")
        for s in answer["scores"]
    )
    items = (f"{i['ref']} {i['status']}: {i['title']}" for i in answer["items"])
    parts = [show.heading(f"{answer['id']}  {answer['statement']}"), show.table(("", ""), facts)]
    lists = [show.heading("Scores"), show.bullets(scores), show.heading("Items"), show.bullets(items)]
    return show.rendered(*parts, *lists, show.heading("History"), show.records(answer["history"]))


def edit(shell: Shell, name: str, said: Said, reason: str) -> int:
    """Change one risk."""
    config = configuration(shell)
    because, values = identity.author(shell, config), said.values()
    if not values:
        raise Mistaken("nothing to change: name a field, such as --owner or --next-review")
    with open_store(shell, config, writes=True) as store:
        risk = store.ask(risks.one, name)
        moved = [each for each, value in values.items() if value != getattr(risk, each)]
        with store.writing() as w:
            risks.change(w.connection, w.ledger, w.now, risk.id, values, replace(because, reason=reason or "risk edit"))
        what = f"{', '.join(each.replace('_', ' ') for each in moved)} changed" if moved else "is like that already"
        _answer(shell, store, risk.id, said=f"{risk.id}: {what}")
    return IN_ORDER


def score(shell: Shell, name: str, rating: str, kind: ScoreKind, reason: str, next_review: str | None) -> int:
    """Score one risk again."""
    config = configuration(shell)
    writer = _Writer(identity.author(shell, config), shell.clock())
    rated = _rated(rating)
    if not reason.strip():
        raise Mistaken("--reason is needed: what has changed since the last score?")
    values = Said(None, None, None, None, None, next_review).values()
    with open_store(shell, config, writes=True) as store:
        reevaluate(store, writer.because)
        before = store.ask(risks.one, name)
        with store.writing() as w:
            because = replace(writer.because, reason=reason.strip())
            risks.score(w.connection, w.ledger, before.id, [writer.score(kind, rated, reason.strip())], because)
            risks.change(w.connection, w.ledger, w.now, before.id, values, because)
        _answer(shell, store, before.id, said=_scored(before, kind, rated, store.ask(risks.one, name), shell.today))
    return IN_ORDER


def _scored(before: Risk, kind: ScoreKind, rated: tuple[int, int], after: Risk, today: date) -> str:
    was = before.score(kind)
    told = f"{before.id}: {kind.value} is {rated[0] * rated[1]} now" + (f", after {was.level}" if was else "")
    if not after.is_due(today):
        return told
    left = (
        "--next-review DATE says when it is to be scored next"
        if after.due_since is None
        else "its current score is due"
    )
    return f"{told}. It is still to be scored: {left}"


def take_in(shell: Shell, file: Path) -> int:
    """Take in the risks of a file: new ones are added, and known ones get what the file says."""
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason=f"risk import {file.name}")
    with reading(file):
        drafts = risk_files.read(file)
    if bad := [each for each in drafts if isinstance(each, BadRow)]:
        return refused(shell, file, bad)
    writer, found = _Writer(because, shell.clock()), [each for each in drafts if isinstance(each, RiskDraft)]
    with open_store(shell, config, writes=True) as store, store.writing() as w:
        known = {folded(each.id): each for each in risks.everything(w.connection)}
        new = [writer.risk(each, because.reason) for each in found if folded(each.id) not in known]
        risks.add(w.connection, w.ledger, new, because)
        again = [(known[folded(each.id)], each) for each in found if folded(each.id) in known]
        changed = sum(_update(w, writer, before, each) for before, each in again)
    answer = {"created": len(new), "updated": changed, "unchanged": len(again) - changed}
    shell.answer(answer, lambda: f"{file.name}: {len(new)} new, {changed} updated, {len(again) - changed} unchanged")
    return IN_ORDER


def _update(w: Transaction, writer: _Writer, before: Risk, draft: RiskDraft) -> bool:
    """Whether a risk that is known got anything new from a file."""
    names = ("statement", "owner", "treatment", "gap", "existing", "next_review")
    said = {name: getattr(draft, name) for name in names if getattr(draft, name) is not None}
    moved = {name: value for name, value in said.items() if value != getattr(before, name)}
    latest = {kind: before.score(kind) for kind in ScoreKind}
    ratings = [(kind, latest[kind], rated) for kind, rated in draft.ratings.items()]
    rated = [(kind, new) for kind, old, new in ratings if old is None or (old.likelihood, old.impact) != new]
    scores = [writer.score(kind, new, writer.because.reason) for kind, new in rated]
    risks.change(w.connection, w.ledger, w.now, before.id, moved, writer.because)
    risks.score(w.connection, w.ledger, before.id, scores, writer.because)
    return bool(moved or scores)


def due(shell: Shell, priority: Priority, *, apply: bool, expect: str | None) -> int:
    """Show the items by which risks are scored again, or make them."""
    config = configuration(shell)
    because = identity.author(shell, config)
    with open_store(shell, config, writes=apply) as store:
        found = proposing.reviews(store, priority, due_policy(config), shell.today)
        if not is_expected(shell, found, expect):
            return BRAKE
        made = [item.ref for item in proposing.make(store, found, because)] if apply else None
    answer = register_shapes.proposal(found, {}, made)
    narrowed = "" if priority is Priority.MEDIUM else f" --priority {priority.value}"
    shell.answer(answer, lambda: register_shapes.proposal_words(answer, f"counterfoil risk due{narrowed}"))
    return IN_ORDER
