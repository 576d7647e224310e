"""What the configuration may say of the compliance programme: roles, evidence, acceptance, tests and groups."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Key

from state.acceptance import Authorities
from state.grouping import GroupRule
from state.model import Priority, SourceKind
from state.proof import Demand, EvidenceKind, EvidencePolicy, ResolutionPolicy

Name = Annotated[str, StringConstraints(min_length=1)]

CENTURY = 36_525
"""The most days that anything may be told to take: dates end with the year 9999."""


def _email(text: str) -> str:
    before, at_sign, after = text.strip().partition("@")
    if not (before and at_sign and after) or any(c.isspace() for c in text.strip()):
        message = f"{text!r} is not an e-mail address"
        raise ValueError(message)
    return text.strip()


Email = Annotated[str, AfterValidator(_email)]


_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        message = f'{text!r} is not a host; write it as "wiki.acme.example" or "wiki.acme.example:8443"'
        raise ValueError(message)
    return text


Host = Annotated[str, AfterValidator(_host)]


_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        message = 'is no address; write it as "https://host/path", without a user name, a question mark or a secret'
        raise ValueError(message)
    return text


Address = Annotated[str, AfterValidator(_address)]


class Table(BaseModel):
    """A table of the configuration: keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DirectoryAnchorTable(Table):
    """A folder that keeps checkpoints."""

    name: Name
    kind: Literal["directory"]
    path: Name


class GitAnchorTable(Table):
    """A folder in the clone of a repository, and where its branch is pushed to."""

    name: Name
    kind: Literal["git"]
    path: Name
    remote: Name = "origin"


class LogAnchorTable(Table):
    """Standard error, where somebody else keeps what is written there."""

    name: Name
    kind: Literal["log"]


class TimestampAnchorTable(Table):
    """A time-stamp authority, the folder for its answers, and the certificates by which they are checked."""

    name: Name
    kind: Literal["timestamp"]
    url: Address
    path: Name
    roots: list[Name] = Key(min_length=1)


class BucketAnchorTable(Table):
    """A bucket that locks its objects, and the key to put them there."""

    name: Name
    kind: Literal["bucket"]
    url: Address
    prefix: str = ""
    region: Name = "us-east-1"
    access_key: Name | None = None
    access_key_env: Name | None = None
    secret_env: Name | None = None
    secret_file: Name | None = None
    session_env: Name | None = None
    lock: Literal["compliance", "governance"] = "compliance"
    retain_days: int = Key(ge=1, le=CENTURY)


AnyAnchorTable = DirectoryAnchorTable | GitAnchorTable | LogAnchorTable | TimestampAnchorTable | BucketAnchorTable
AnchorTable = Annotated[AnyAnchorTable, Key(discriminator="kind")]
"""A place that keeps checkpoints off the machine."""


class AuditTable(Table):
    """Who signs the ledger, and where what was signed is kept."""

    key_env: Name | None = None
    key_file: Name | None = None
    key_keyring: Name | None = None
    public_keys: list[Name] = []
    anchors: list[AnchorTable] = []

    @property
    def key(self) -> str | None:
        """Which of the keys of this table says where the signing key is, `None` where nobody signs."""
        return next((name for name in ("key_env", "key_file", "key_keyring") if getattr(self, name)), None)


class RiskOwnersTable(Table):
    """Who decides about risks, by priority."""

    critical: list[Email] = []
    high: list[Email] = []
    medium: list[Email] = []
    low: list[Email] = []


class RolesTable(Table):
    """Who may do what; without `author`, everyone in `[[people]]` may write items."""

    author: list[Email] | None = None
    reviewer: list[Email] = []
    delegate: list[Email] = []
    risk_owner: RiskOwnersTable = RiskOwnersTable()


class DemandTable(Table):
    """What must be at hand before an item counts as resolved: a piece, if nothing else is said.

    Whoever names reviewers asks for a review.
    """

    pieces: int = Key(default=1, ge=0)
    kinds: list[EvidenceKind] = []
    review: bool = False
    reviewers: list[Email] = []

    def demand(self) -> Demand:
        """The same, as a value."""
        review = self.review or bool(self.reviewers)
        return Demand(self.pieces, frozenset(self.kinds), review, frozenset(self.reviewers))


class ControlDemandTable(DemandTable):
    """What is asked for on top, for items of some controls."""

    control: Name


class ResolveTable(Table):
    """What "done" in a tracker has to be backed by."""

    critical: DemandTable = DemandTable(pieces=1, review=True)
    high: DemandTable = DemandTable(pieces=1, review=True)
    medium: DemandTable = DemandTable(pieces=1)
    low: DemandTable = DemandTable(pieces=0)
    controls: list[ControlDemandTable] = []
    reopen_after_days: int = Key(default=14, ge=0, le=CENTURY)

    def policy(self, *, by_first: bool) -> EvidencePolicy:
        """What is asked for, as a value."""
        by_priority = {priority: getattr(self, priority.value).demand() for priority in Priority}
        return EvidencePolicy(by_priority, tuple((each.control, each.demand()) for each in self.controls), by_first)

    def resolution(self, *, by_first: bool) -> ResolutionPolicy:
        """The same, as a value."""
        return ResolutionPolicy(self.policy(by_first=by_first), self.reopen_after_days)


class DaysTable(Table):
    """The longest time a risk may be accepted for, in days."""

    critical: int = Key(default=90, ge=1, le=CENTURY)
    high: int = Key(default=180, ge=1, le=CENTURY)
    medium: int = Key(default=365, ge=1, le=CENTURY)
    low: int = Key(default=365, ge=1, le=CENTURY)


class ApprovalsTable(Table):
    """How many people must approve."""

    critical: int = Key(default=2, ge=1)
    high: int = Key(default=1, ge=1)
    medium: int = Key(default=1, ge=1)
    low: int = Key(default=1, ge=1)


class AcceptTable(Table):
    """How risks are accepted."""

    longest: DaysTable = DaysTable()
    approvals: ApprovalsTable = ApprovalsTable()
    answer_within_days: int = Key(default=14, ge=0, le=CENTURY)
    warn_days: int = Key(default=14, ge=0, le=CENTURY)
    by_comment: bool = False


class EvidenceTable(Table):
    """Where evidence is kept, and what is fetched."""

    folder: Name = "evidence"
    copy_attachments: bool = False
    check_links: bool = False
    allow_hosts: list[Host] = []
    largest_mb: int = Key(default=50, ge=1)
    valid_days: int | None = Key(default=None, ge=1, le=CENTURY)


class TestsTable(Table):
    """How automated tests are read."""

    __test__ = False

    reopen_days: int = Key(default=30, ge=0, le=CENTURY)
    stale_days: int = Key(default=30, ge=1, le=CENTURY)


class GroupTable(Table):
    """Which items share one ticket: those of one `by`, of the sources and controls named."""

    by: Literal["check", "control", "owner"]
    source: list[SourceKind] = []
    controls: list[Name] = []

    def rule(self) -> GroupRule:
        """The same, as a value."""
        return GroupRule(self.by, frozenset(self.source), tuple(self.controls))


def authorities(roles: RolesTable, accept: AcceptTable, *, by_first: bool) -> Authorities:
    """Who may do what, as a value."""
    return Authorities(
        authors=None if roles.author is None else frozenset(roles.author),
        reviewers=frozenset(roles.reviewer),
        delegates=frozenset(roles.delegate),
        risk_owners={priority: frozenset(getattr(roles.risk_owner, priority.value)) for priority in Priority},
        approvals={priority: getattr(accept.approvals, priority.value) for priority in Priority},
        longest={priority: getattr(accept.longest, priority.value) for priority in Priority},
        by_first=by_first,
    )
