"""What the configuration may say about a tracker, whatever its kind."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints
from pydantic import Field as Key

AuthorityName = Literal["item", "ticket", "both"]
Name = Annotated[str, StringConstraints(min_length=1)]

_HOUR, _DAY = 3600, 86_400
"""In seconds: the most that one request may be let take, and that a new ticket may be let stay invisible."""
_YEAR = 8784
"""In hours: the most that deleted tickets may be let stay unnoticed."""


def _whole(url: str) -> str:
    try:
        parsed = httpx.URL(url)
        whole = parsed.scheme in ("https", "http") and bool(urlsplit(url).hostname) and 0 <= (parsed.port or 0) < 65536
        whole = whole and not any(char.isspace() for char in url)
    except (httpx.InvalidURL, ValueError):
        whole = False
    if not whole:
        raise ValueError("must be a whole address, such as https://HOST")
    return url


Address = Annotated[str, AfterValidator(_whole)]


class StatusNames(BaseModel):
    """The tracker's state names (on GitHub: labels) that mean each compliance status; the first is what we write."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    open: list[Name] = []
    in_progress: list[Name] = []
    resolved: list[Name] = []
    acceptance: list[Name] = []


class ResolutionNames(BaseModel):
    """The tracker's reasons for closing, by what they mean; a name in no list is a hold, never a guess."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolved: list[Name] = []
    acceptance: list[Name] = []
    duplicate: list[Name] = []


class PriorityNames(BaseModel):
    """The tracker's priority names, or labels where it has no priorities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    critical: Name | None = None
    high: Name | None = None
    medium: Name | None = None
    low: Name | None = None


class FieldAuthority(BaseModel):
    """Who may change each field: the item's side, the ticket's, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: AuthorityName = "item"
    body: Literal["item"] = "item"
    priority: AuthorityName = "item"
    due_date: AuthorityName = "item"
    labels: Literal["item"] = "item"
    assignee: AuthorityName = "both"
    status: AuthorityName = "both"


class TrackerSettings(BaseModel):
    """The keys that every tracker's table has; a connector adds its own by subclassing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    url: Address
    token_env: str | None = None
    token_file: str | None = None
    ca_bundle: str | None = None
    timeout_seconds: float = Key(default=60.0, gt=0, le=_HOUR)
    visibility_wait_seconds: int | None = Key(default=None, ge=0, le=_DAY)
    audit_hours: float = Key(default=24.0, ge=0, le=_YEAR)
    content_per_minute: int | None = Key(default=None, ge=1)
    content_per_hour: int | None = Key(default=None, ge=1)
    labels: list[Name] = []
    mentions: bool = False
    status: StatusNames = StatusNames()
    resolution: ResolutionNames = ResolutionNames()
    priority: PriorityNames = PriorityNames()
    authority: FieldAuthority = FieldAuthority()


class Secrets(BaseModel):
    """What a connector may need to prove who it is; never printed, logged or stored."""

    model_config = ConfigDict(frozen=True)

    token: SecretStr | None = None
    private_key: SecretStr | None = None
    webhook: SecretStr | None = None
