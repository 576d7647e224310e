"""The register: frameworks, controls and risks, and what makes a control's status, without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from state.lifecycle import UNFINISHED
from state.model import ActionItem, SourceKind, Status, TestOutcome


class ControlStatus(StrEnum):
    """How a control stands."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    IMPLEMENTED = "implemented"
    FAILING = "failing"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Framework:
    """A set of controls as one file gave it, with that file's SHA-256."""

    id: str
    title: str
    version: str
    source: str
    sha256: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ControlDraft:
    """A control as a framework's file gives it; `code` is unique in its framework."""

    code: str
    title: str
    guidance: str = ""
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """Why a control does not apply, and who approved that, when (UTC)."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Control:
    """A safeguard that a framework asks for; `id` is `framework:code`.

    `answered_by` is the id of the control that answers this one, if another does. `status` is the one last recorded,
    since when (UTC) and why.
    """

    id: str
    framework: str
    code: str
    title: str
    guidance: str
    owner: str | None
    status: ControlStatus
    why: str
    since: datetime
    answered_by: str | None = None
    exemption: Exemption | None = None

    def is_named(self, name: str) -> bool:
        """Whether an item that names `name` among its controls means this one."""
        return name.casefold() in (self.id.casefold(), self.code.casefold())


@dataclass(frozen=True, slots=True)
class Test:
    """The latest word of an automated test, seen at `observed_at` (UTC)."""

    __test__ = False

    fingerprint: str
    title: str
    outcome: TestOutcome
    observed_at: datetime
    controls: tuple[str, ...] = ()
    item: str | None = None
    source_ref: str = ""
    report_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """A piece of evidence as far as a control is concerned: whether it counts today, and if not, why."""

    ref: str
    valid: bool
    why_not: str = ""


def standing(
    exemption: Exemption | None, items: Sequence[ActionItem], tests: Sequence[Test], support: Sequence[Support]
) -> tuple[ControlStatus, str]:
    """A control's status and the reason for it.

    Implemented needs valid evidence, no failing test and no open item. Failing needs a failing test. In progress are
    those on which something has begun; an item that is merely open has begun nothing.
    """
    if exemption is not None:
        return ControlStatus.NOT_APPLICABLE, f"{exemption.reason} (approved by {exemption.by})"
    if failing := sorted({t.title for t in tests if t.outcome is TestOutcome.FAIL} | _failing(items, tests)):
        return ControlStatus.FAILING, f"failing: {_some(failing)}"
    unfinished = [i for i in items if i.status in UNFINISHED]
    accepted = [i.ref for i in items if i.status is Status.ACCEPTED_AS_RISK]
    valid = [s.ref for s in support if s.valid]
    if valid and not unfinished and not accepted:
        return ControlStatus.IMPLEMENTED, f"evidence: {_some(valid)}"
    if begun := [i.ref for i in items if i.status is not Status.OPEN]:
        left = [i.ref for i in unfinished]
        why = f"open: {_some(left)}" if left else _without(accepted, support)
        return ControlStatus.IN_PROGRESS, why or f"begun: {_some(begun)}"
    if valid:
        return ControlStatus.IN_PROGRESS, f"open: {_some([i.ref for i in unfinished])}"
    return ControlStatus.NOT_STARTED, f"open: {_some([i.ref for i in items])}" if items else _without([], support)


def _failing(items: Sequence[ActionItem], tests: Sequence[Test]) -> set[str]:
    """Unfinished items of tests whose latest word is not known."""
    known = {t.item for t in tests}
    tested = (i for i in items if i.source_kind is SourceKind.AUTOMATED_TEST and i.ref not in known)
    return {i.ref for i in tested if i.status in UNFINISHED}


def _without(accepted: Sequence[str], support: Sequence[Support]) -> str:
    if accepted:
        return f"the risk is accepted, not treated: {_some(accepted)}"
    spent = [f"{s.ref} ({s.why_not})" for s in support if not s.valid]
    return f"no valid evidence: {_some(spent)}" if spent else "no evidence"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class ScoreKind(StrEnum):
    """Which state of affairs a score rates."""

    INHERENT = "inherent"
    CURRENT = "current"
    TARGET = "target"


class Treatment(StrEnum):
    """What is done about a risk."""

    MITIGATE = "mitigate"
    ACCEPT = "accept"
    AVOID = "avoid"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Score:
    """A rating by somebody at one time (UTC), with the reason; likelihood and impact go from 1 to 5."""

    kind: ScoreKind
    likelihood: int
    impact: int
    by: str
    at: datetime
    reason: str = ""

    @property
    def level(self) -> int:
        """Likelihood times impact."""
        return self.likelihood * self.impact


@dataclass(frozen=True, slots=True)
class Risk:
    """What could go wrong, who answers for it, and how it was rated over time, oldest score first.

    `gap` is what the existing controls leave open. `due_since` is set while it is to be scored again, with the reason.
    """

    id: str
    statement: str
    owner: str | None
    treatment: Treatment
    gap: str
    existing: tuple[str, ...]
    next_review: date | None
    created_at: datetime
    updated_at: datetime
    due_since: datetime | None = None
    due_why: str = ""
    scores: tuple[Score, ...] = ()

    def score(self, kind: ScoreKind) -> Score | None:
        """The latest score of this kind."""
        return next((s for s in reversed(self.scores) if s.kind is kind), None)

    def is_due(self, today: date) -> bool:
        """Whether it is to be scored again: an item of it has ended, or its review date has come."""
        return self.due_since is not None or (self.next_review is not None and self.next_review <= today)
