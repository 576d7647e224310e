"""Evidence and what a policy asks of it: the nouns, and the question of what is missing, without I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from state.model import ActionItem, Priority


class EvidenceKind(StrEnum):
    """What an artefact is."""

    FILE = "file"
    SCREENSHOT = "screenshot"
    LOG = "log"
    DOCUMENT = "document"
    LINK = "link"
    PULL_REQUEST = "pull_request"
    CI_RUN = "ci_run"
    TICKET_ATTACHMENT = "ticket_attachment"
    TEST_RESULT = "test_result"
    TICKET_SNAPSHOT = "ticket_snapshot"


class Verdict(StrEnum):
    """What a reviewer found."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class LinkHealth(StrEnum):
    """How the thing behind a link compares to what it was when it was taken as evidence."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


UNTRUSTED = frozenset({LinkHealth.CHANGED, LinkHealth.GONE})
"""What a link may have become so that it proves nothing any more until a reviewer has looked at it."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a named person found of one version of a piece of evidence, when (UTC), and why."""

    verdict: Verdict
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """What a link was found to be at one time (UTC); `sha256` is that of what it gave, if it gave anything."""

    health: LinkHealth
    at: datetime
    sha256: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceDraft:
    """An artefact before it has a ref.

    `item` is the item it supports, `controls` those it supports by themselves; one of both is given. `shows` says what
    it proves. `origin` is the system it came from (`counterfoil` for what people bring here, else a tracker or a
    source), `remote_id` its id there: the same id brought again is the same piece, and a new version of it where its
    `sha256` or its `url` is another. `by` is an e-mail address or that system's account. `sha256` and `size` are those
    of its bytes, where they were at hand, and `stored` says that the bytes are kept here.
    """

    kind: EvidenceKind
    shows: str
    by: str
    captured_at: datetime
    item: str | None = None
    controls: tuple[str, ...] = ()
    origin: str = "counterfoil"
    remote_id: str = ""
    url: str = ""
    name: str = ""
    sha256: str | None = None
    size: int | None = None
    mime: str = ""
    stored: bool = False
    period_start: date | None = None
    period_end: date | None = None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One version of a piece of evidence; `ref` (`EV-000012`) is that of the piece, and `version` counts from 1.

    `review` is the latest one of this very version. `check` is the latest look at its link. `superseded` says that a
    later version is there.
    """

    ref: str
    version: int
    draft: EvidenceDraft
    review: Review | None = None
    check: LinkCheck | None = None
    superseded: bool = False

    def expired(self, today: date) -> bool:
        """Whether its time is over; it counts on the very day it expires."""
        return self.draft.expires_on is not None and self.draft.expires_on < today

    def supports(self, today: date) -> bool:
        """Whether it counts: the newest version, not expired, not rejected, its link not changed since or gone."""
        if self.superseded or self.expired(today):
            return False
        if self.review is not None and self.review.verdict is Verdict.REJECTED:
            return False
        doubted = self.check is not None and self.check.health in UNTRUSTED
        looked_at = self.check is not None and self.review is not None and self.review.at > self.check.at
        return not doubted or looked_at


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be at hand before an item counts as resolved.

    So many `pieces`, each of one of `kinds` (any, if none is named); with `review`, each accepted by a reviewer, one of
    `reviewers` where some are named.
    """

    pieces: int = 0
    kinds: frozenset[EvidenceKind] = frozenset()
    review: bool = False
    reviewers: frozenset[str] = frozenset()


DEMANDS = {
    Priority.CRITICAL: Demand(1, review=True),
    Priority.HIGH: Demand(1, review=True),
    Priority.MEDIUM: Demand(1),
    Priority.LOW: Demand(0),
}
"""What is asked for where the configuration does not say."""


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """What is asked for by priority, and on top of it by control (a pattern with `*` and `?`): all that match apply."""

    by_priority: dict[Priority, Demand] = field(default_factory=lambda: dict(DEMANDS))
    by_control: tuple[tuple[str, Demand], ...] = ()

    def demands(self, item: ActionItem) -> tuple[Demand, ...]:
        """Everything that is asked for before this item counts as resolved."""
        of_controls = (d for pattern, d in self.by_control if any(fnmatchcase(c, pattern) for c in item.controls))
        return tuple(d for d in (self.by_priority[item.priority], *of_controls) if d.pieces)


def missing(demands: Iterable[Demand], evidence: Sequence[Evidence], today: date) -> tuple[str, ...]:
    """What is missing, one sentence each, in words for an engineer; nothing where every demand is met."""
    found = (_missing(each, [e for e in evidence if e.supports(today)]) for each in demands)
    return tuple(dict.fromkeys(sentence for sentence in found if sentence))


def _missing(demand: Demand, valid: Sequence[Evidence]) -> str:
    fitting = [e for e in valid if not demand.kinds or e.draft.kind in demand.kinds]
    what = " or ".join(sorted(k.replace("_", " ") for k in demand.kinds)) or "evidence"
    if len(fitting) < demand.pieces:
        return f"{_count(demand.pieces)} of {what} asked for, {len(fitting)} here"
    if demand.review and sum(_reviewed(e, demand) for e in fitting) < demand.pieces:
        waiting = ", ".join(e.ref for e in fitting if not _reviewed(e, demand))
        whose = f" of {' or '.join(sorted(demand.reviewers))}" if demand.reviewers else ""
        return f"a review{whose} of {waiting}"
    return ""


def _count(pieces: int) -> str:
    return "1 piece" if pieces == 1 else f"{pieces} pieces"


def _reviewed(evidence: Evidence, demand: Demand) -> bool:
    """Whether a reviewer who counts has accepted it; nobody reviews what they brought themselves."""
    review = evidence.review
    if review is None or review.verdict is not Verdict.ACCEPTED or review.by == evidence.draft.by:
        return False
    return not demand.reviewers or review.by in demand.reviewers
