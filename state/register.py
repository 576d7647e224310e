"""The register: frameworks, controls, tests and risks, without I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache

from state.model import TestOutcome

_ENHANCED = re.compile(r"\((\w+)\)")


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name of a control or a risk as names are compared: `AC-2 (1)` is `ac-2.1`, and `SOC2/CC6.1` is `soc2:cc6.1`."""
    return _ENHANCED.sub(r".\1", "".join(name.split())).replace("/", ":").casefold()


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
        return folded(name) in (folded(self.id), folded(self.code))


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
class RiskDraft:
    """A risk as a file gives it; `None` is not said. `ratings` are likelihood and impact by kind."""

    id: str
    statement: str
    owner: str | None = None
    treatment: Treatment | None = None
    gap: str | None = None
    existing: tuple[str, ...] | None = None
    next_review: date | None = None
    ratings: Mapping[ScoreKind, tuple[int, int]] = field(default_factory=dict)


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
