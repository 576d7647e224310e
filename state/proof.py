"""Evidence and what a policy asks of it: the nouns, and the question of what is missing, without I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from state.lacking import A_REVIEW
from state.model import ActionItem, Priority
from state.register import folded


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


UNTRUSTED = frozenset({LinkHealth.CHANGED, LinkHealth.GONE, LinkHealth.REFUSED})
"""What a link may be found to be so that it proves nothing until a reviewer has looked at it."""

TELLING = frozenset({LinkHealth.SAME, LinkHealth.CHANGED, LinkHealth.GONE})
"""What a look at a link may find that says how it is; the rest says only that it could not be seen this time."""

COMMIT = "commit:"
"""What the remote id of a commit begins with that, by its tracker's word, closes the ticket."""

CHANGE = "change:"
"""What the remote id of a pull request begins with that, by its tracker's word, was merged and closes the ticket."""

_WRITTEN = frozenset({EvidenceKind.PULL_REQUEST, EvidenceKind.CI_RUN})
"""What anybody can name by an address that looks like one."""
_LONGEST = 4000
_ADDRESSES = (
    (EvidenceKind.PULL_REQUEST, re.compile(r"/(?:pull|merge_requests|pull-requests)/\d+(?:[/?#]|$)")),
    (EvidenceKind.CI_RUN, re.compile(r"/(?:actions/runs|pipelines|builds)/\d+(?:[/?#]|$)")),
)


def kind_of_address(url: str) -> EvidenceKind:
    """What a web address leads to, where it says so beyond doubt; else a link."""
    return next((kind for kind, pattern in _ADDRESSES if pattern.search(url)), EvidenceKind.LINK)


def unfit(url: str) -> str:
    """Why an address is not kept as evidence, which others are to follow as it stands; nothing where it is."""
    try:
        parts = urlsplit(url)
        whose = parts.username or parts.password
    except ValueError:
        return "it is no web address, which begins with https://"
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return "it is no web address, which begins with https://"
    if len(url) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    return "it holds a password, a user name or a blank" if whose or not url.isprintable() or " " in url else ""


_ENDINGS = {
    "png": (EvidenceKind.SCREENSHOT, "image/png"),
    "jpg": (EvidenceKind.SCREENSHOT, "image/jpeg"),
    "jpeg": (EvidenceKind.SCREENSHOT, "image/jpeg"),
    "gif": (EvidenceKind.SCREENSHOT, "image/gif"),
    "webp": (EvidenceKind.SCREENSHOT, "image/webp"),
    "pdf": (EvidenceKind.DOCUMENT, "application/pdf"),
    "log": (EvidenceKind.LOG, "text/plain"),
    "md": (EvidenceKind.DOCUMENT, "text/markdown"),
    "html": (EvidenceKind.DOCUMENT, "text/html"),
    "odt": (EvidenceKind.DOCUMENT, "application/vnd.oasis.opendocument.text"),
    "docx": (EvidenceKind.DOCUMENT, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": (EvidenceKind.DOCUMENT, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pptx": (EvidenceKind.DOCUMENT, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "sarif": (EvidenceKind.TEST_RESULT, "application/sarif+json"),
    "txt": (EvidenceKind.FILE, "text/plain"),
    "csv": (EvidenceKind.FILE, "text/csv"),
    "json": (EvidenceKind.FILE, "application/json"),
    "xml": (EvidenceKind.FILE, "application/xml"),
    "zip": (EvidenceKind.FILE, "application/zip"),
}
_BEGINNINGS = (
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("jpg", re.compile(rb"\xff\xd8\xff")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("pdf", re.compile(rb"%PDF-")),
)


def kind_of_file(name: str, head: bytes) -> tuple[EvidenceKind, str]:
    """What a file is, with its media type: what its first bytes say beyond doubt, else what its name ends with."""
    inside = next((ending for ending, pattern in _BEGINNINGS if pattern.match(head)), "")
    ending = name.rpartition(".")[2].lower()
    believed = ending if ending not in {each for each, _ in _BEGINNINGS} | {"jpeg"} else ""
    return _ENDINGS.get(inside or believed, (EvidenceKind.FILE, "application/octet-stream"))


@dataclass(frozen=True, slots=True)
class Review:
    """What a named person found of one version of a piece of evidence, when (UTC), and why.

    A test that fails again rejects what it proved by passing; `by` is the test's tool then.
    """

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

    `item` is the item it supports, and with it the item's controls; `controls` are others that it supports beside
    them. One of both is given. `shows` says what it proves. `origin` is the system it came from (`counterfoil` for what
    people bring here, else a tracker or a source), `remote_id` its id there: the same id brought again is the same
    piece, and a new version of it where its `sha256` or its `url` is another. `by` is an e-mail address or that
    system's account. `sha256` and `size` are those of its bytes, where they were at hand, and `stored` says that the
    bytes are kept here.
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

    @property
    def is_proof(self) -> bool:
        """Whether it can prove something by itself; that a ticket was closed is none, unless a policy asks for that."""
        return self.kind is not EvidenceKind.TICKET_SNAPSHOT

    @property
    def is_change(self) -> bool:
        """Whether it is a change of what it is about, which somebody wrote: a pull request, or a commit that closes."""
        return self.kind is EvidenceKind.PULL_REQUEST or self.remote_id.startswith(COMMIT)

    @property
    def is_attested(self) -> bool:
        """Whether a tracker tells of it by itself, and not whoever wrote down its address."""
        return self.remote_id.startswith((CHANGE, COMMIT))

    def lasting(self, days: int | None) -> "EvidenceDraft":
        """The same with an end so many days after it was taken, unless it has one or is a frozen record of ours."""
        if days is None or self.expires_on is not None or not self.is_proof:
            return self
        return replace(self, expires_on=self.captured_at.date() + timedelta(days=days))

    def is_by(self, names: Iterable[str]) -> bool:
        """Whether somebody brought it who goes by one of these names (addresses, or accounts as `kind:account`)."""
        known = {name.casefold() for name in names}
        accounts = {name.partition(":")[2] for name in known if ":" in name}
        return self.by.casefold() in known | accounts


@dataclass(frozen=True, slots=True)
class Evidence:
    """One version of a piece of evidence; `ref` (`EV-000012`) is that of the piece, and `version` counts from 1.

    `review` is the latest one of this very version. `check` is the latest look at its link that says how it is, or if
    none does, the latest. `superseded` says that a later version is there. `reopened_at` is when its item was opened
    again after it had been resolved, if that was after this was taken.
    """

    ref: str
    version: int
    draft: EvidenceDraft
    review: Review | None = None
    check: LinkCheck | None = None
    superseded: bool = False
    reopened_at: datetime | None = None

    def expired(self, today: date) -> bool:
        """Whether its time is over; it counts on the very day it expires."""
        return self.draft.expires_on is not None and self.draft.expires_on < today

    def why_not(self, today: date) -> str:
        """Why it does not count, in words that go behind its ref; nothing where it does.

        What counts is the newest version, not expired, not rejected, its link not changed since or gone.
        """
        if self.superseded:
            return "replaced by a later version"
        if self.review is not None and self.rejected:
            return f"rejected: {self.review.reason}" if self.review.reason else "rejected"
        if self.expired(today):
            return f"expired on {self.draft.expires_on}"
        return f"its link is {self.check.health.value}" if self.check is not None and self.doubted else ""

    def resolves(self, today: date) -> bool:
        """Whether it counts for its item to be resolved: what was there before that was opened again does not."""
        return not self.why_not_resolved(today)

    def why_not_resolved(self, today: date) -> str:
        """Why it does not count for its item to be resolved, in words that go behind its ref."""
        earlier = self.reopened_at
        return self.why_not(today) or (f"is from before it was opened again on {earlier.date()}" if earlier else "")

    @property
    def rejected(self) -> bool:
        """Whether the latest review of it was against it."""
        return self.review is not None and self.review.verdict is Verdict.REJECTED

    @property
    def doubted(self) -> bool:
        """Whether what is behind its link changed or went away, and no reviewer has looked at it since."""
        if self.check is None or self.check.health not in UNTRUSTED:
            return False
        return self.review is None or self.review.at <= self.check.at


def latest_word(looks: Iterable[LinkCheck]) -> LinkCheck | None:
    """What the looks at a link, oldest first, say of it now, and since when.

    A look that could not see it takes nothing back of what was seen before, and finding the same again is no news.
    """
    word: LinkCheck | None = None
    for look in looks:
        blind = look.health not in TELLING and word is not None and word.health in TELLING
        if not blind and (word is None or (word.health, word.sha256) != (look.health, look.sha256)):
            word = look
    return word


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be at hand before an item counts as resolved.

    So many `pieces`, each of one of `kinds` (if none is named, any but a snapshot of the ticket); with `review`, each
    accepted by a reviewer, one of `reviewers` where some are named. Where `kinds` asks for a pull request or a CI run,
    one that somebody only named has to be accepted too.
    """

    pieces: int = 0
    kinds: frozenset[EvidenceKind] = frozenset()
    review: bool = False
    reviewers: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """What is asked for, in words."""
        return f"{self._pieces}, {self._review}" if self.review else self._pieces

    @property
    def _pieces(self) -> str:
        what = " or ".join(sorted(k.replace("_", " ") for k in self.kinds)) or "evidence"
        return f"{'1 piece' if self.pieces == 1 else f'{self.pieces} pieces'} of {what}"

    @property
    def _review(self) -> str:
        return f"reviewed by {' or '.join(sorted(self.reviewers))}" if self.reviewers else "reviewed"


DEMANDS = {
    Priority.CRITICAL: Demand(1, review=True),
    Priority.HIGH: Demand(1, review=True),
    Priority.MEDIUM: Demand(1),
    Priority.LOW: Demand(0),
}
"""What is asked for where the configuration does not say."""


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """What is asked for by priority, and on top of it by control: all that match apply.

    A control is a pattern with `*` and `?`, of names as they are compared, with their framework or without. `by_first`
    says that an item is judged by the priority it was first given, where that is the more urgent one.
    """

    by_priority: dict[Priority, Demand] = field(default_factory=lambda: dict(DEMANDS))
    by_control: tuple[tuple[str, Demand], ...] = ()
    by_first: bool = False

    def demands(self, item: ActionItem) -> tuple[Demand, ...]:
        """Everything that is asked for before this item counts as resolved."""
        return self.of(item.rated(by_first=self.by_first), item.controls)

    def of(self, rated: Priority, controls: Iterable[str]) -> tuple[Demand, ...]:
        """The same for an item that is judged by this priority and has these controls."""
        names = [name for control in controls for name in _names(control)]
        of_controls = (d for pattern, d in self.by_control if any(fnmatchcase(n, folded(pattern)) for n in names))
        return tuple(d for d in (self.by_priority[rated], *of_controls) if d.pieces)


def _names(control: str) -> tuple[str, str]:
    """A control's name as names are compared, with the framework that stands before it and without."""
    name = folded(control)
    return name, name.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class ResolutionPolicy:
    """What "done" has to be backed by, and after how many days without that a closed ticket is opened again."""

    evidence: EvidencePolicy = field(default_factory=EvidencePolicy)
    reopen_after_days: int = 14


def missing(demands: Iterable[Demand], evidence: Sequence[Evidence], today: date) -> tuple[str, ...]:
    """What is missing, one sentence each, in words for an engineer; nothing where every demand is met."""
    found = (_missing(each, evidence, today) for each in demands)
    return tuple(dict.fromkeys(sentence for sentence in found if sentence))


def _missing(demand: Demand, evidence: Sequence[Evidence], today: date) -> str:
    ours = [e for e in evidence if _fits(e.draft, demand)]
    fitting = [e for e in ours if e.resolves(today)]
    if len(fitting) < demand.pieces:
        return f"{replace(demand, review=False)} asked for, {len(fitting)} here{_spent(ours, today)}"
    waiting = [e.ref for e in fitting if _asks_review(e.draft, demand) and not _reviewed(e, demand)]
    if waiting and len(fitting) - len(waiting) < demand.pieces:
        whose = f" by {' or '.join(sorted(demand.reviewers))}" if demand.reviewers else ""
        return f"{A_REVIEW}{whose} of {', '.join(dict.fromkeys(waiting))}"
    return ""


def unmet(demands: Sequence[Demand], evidence: Evidence) -> str:
    """What keeps a piece from counting for an item of which this is asked; nothing where it counts.

    Where nothing is asked, whatever can prove something counts.
    """
    ours = [each for each in demands or (Demand(),) if _fits(evidence.draft, each)]
    if not ours:
        return "the policy asks for none of its kind"
    waits = any(_asks_review(evidence.draft, each) and not _reviewed(evidence, each) for each in ours)
    return "the review that the policy asks for is missing" if waits else ""


def _asks_review(draft: EvidenceDraft, demand: Demand) -> bool:
    return demand.review or bool(demand.kinds and draft.kind in _WRITTEN and not draft.is_attested)


def _fits(draft: EvidenceDraft, demand: Demand) -> bool:
    """Whether evidence of this kind can meet the demand."""
    return draft.kind in demand.kinds if demand.kinds else draft.is_proof


def _spent(evidence: Sequence[Evidence], today: date) -> str:
    """Which pieces do not count, and why."""
    spent = [f"{e.ref} {e.why_not_resolved(today)}" for e in evidence if not e.superseded and not e.resolves(today)]
    return f" ({'; '.join(spent)})" if spent else ""


def _reviewed(evidence: Evidence, demand: Demand) -> bool:
    """Whether a reviewer who counts has accepted it; nobody reviews what they brought themselves."""
    review = evidence.review
    if review is None or review.verdict is not Verdict.ACCEPTED or evidence.draft.is_by([review.by]):
        return False
    return not demand.reviewers or review.by.casefold() in {each.casefold() for each in demand.reviewers}
