"""Items that somebody is shown before they are made: of controls that nobody works on, and of risks that are due."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from state import controls, naming, risks
from state.effects import Because
from state.items import Decided
from state.model import ActionItem, ItemDraft, Priority, SourceKind
from state.register import Control, ControlStatus, Risk
from state.series import chunks
from state.store import Store
from sync.verdicts import DuePolicy

_SETTLED = (ControlStatus.IMPLEMENTED, ControlStatus.NOT_APPLICABLE)
_TITLE = 200


@dataclass(frozen=True, slots=True)
class Proposal:
    """The items that would be made, each once, whatever else happens."""

    items: tuple[Decided, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over what would be made, the due dates aside; equal digests mean the same items."""
        said = [
            (d.external_ref, d.title, d.description, d.owner, priority, d.controls, d.risks)
            for d, _, priority in self.items
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def make(store: Store, proposal: Proposal, because: Because) -> list[ActionItem]:
    """Make the items of a proposal, in steps of which each is whole or not there."""
    return [item for some in chunks(proposal.items) for item in store.add_items(some, because)]


def gaps(
    store: Store, framework: str, pattern: str, priority: Priority, policy: DuePolicy, today: date
) -> tuple[Proposal, Mapping[str, int]]:
    """An item for each control of a framework that nobody works on, and how many need none, by the reason.

    A control that another one answers needs none, nor does one whose work is an item of a control that it answers.
    """
    found: list[Control] = []
    without: dict[str, int] = {}
    known = store.ask(controls.controls)
    answers: dict[str, list[str]] = {}
    for each in known:
        answers.setdefault(each.answered_by or "", []).append(each.id)
    named = store.ask(naming.with_items, [each.id for each in known])
    asked = [each for each in known if each.framework == framework and _is_like(each, pattern)]
    made = store.existing([gap_ref(each) for each in asked])
    for each in asked:
        has_item = ("external_ref", gap_ref(each)) in made or bool(named & {each.id, *answers.get(each.id, ())})
        if why := _needs_none(each, has_item):
            without[why] = without.get(why, 0) + 1
        else:
            found.append(each)
    return Proposal(tuple((_gap(each), policy.due(priority, today), priority) for each in found)), without


def gap_ref(control: Control) -> str:
    """By what the item of a control's gap is found again."""
    return f"gap:{control.id}"


def _is_like(control: Control, pattern: str) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in (control.code, control.id))


def _needs_none(control: Control, has_item: bool) -> str:
    if control.status in _SETTLED:
        return control.status.value.replace("_", " ")
    if control.answered_by is not None:
        return "answered by another control"
    return "has an item" if has_item else ""


def _gap(control: Control) -> ItemDraft:
    return ItemDraft(
        title=_cut(f"Implement {control.code}: {control.title}"),
        description=control.guidance,
        owner=control.owner,
        controls=(control.id,),
        source_kind=SourceKind.UNIMPLEMENTED_CONTROL,
        source_ref=control.id,
        external_ref=gap_ref(control),
    )


def reviews(store: Store, priority: Priority, policy: DuePolicy, today: date) -> Proposal:
    """An item for each risk that is due for a new score, once for each time that it is."""
    due = store.ask(risks.due, today)
    made = store.existing([review_ref(each) for each in due])
    wanted = [each for each in due if ("external_ref", review_ref(each)) not in made]
    return Proposal(tuple((_review(each), policy.due(priority, today), priority) for each in wanted))


def review_ref(risk: Risk) -> str:
    """By what the item of a review is found again."""
    since = risk.due_since.date() if risk.due_since is not None else risk.next_review
    return f"review:{risk.id}:{since}"


def _review(risk: Risk) -> ItemDraft:
    """The item does not name the risk among its own, or its end would make the risk due once more."""
    why = risk.due_why or f"its review date {risk.next_review} has come"
    return ItemDraft(
        title=_cut(f"Score the risk {risk.id} again: {risk.statement}"),
        description=f"{why[:1].upper()}{why[1:]}. `counterfoil risk show {risk.id}` has its scores so far.",
        owner=risk.owner,
        source_kind=SourceKind.ASSESSMENT,
        source_ref=risk.id,
        external_ref=review_ref(risk),
        origin={"risk": risk.id, "reason": why},
    )


def _cut(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _TITLE else f"{words[: _TITLE - 1]}…"
