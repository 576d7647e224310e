"""What the configuration of a GitHub tracker may say, and the abilities and names that follow from it."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field as Key
from pydantic import model_validator

from connectors.base import Capabilities
from connectors.github_reading import StatusLabels, comment_marker
from connectors.settings import Address, TrackerSettings
from state.model import Field
from state.ticket import BodyFormat

TITLE_LIMIT = 256
BODY_LIMIT = 65_536
COMMENT_LIMIT = BODY_LIMIT - len(comment_marker("k" * 64))


Repository = Annotated[str, Key(pattern=r"^[\w.-]+/[\w.-]+$")]


class GithubSettings(TrackerSettings):
    """The table of a tracker of kind `github`: which repository, and who we are there.

    `changes_from` are other repositories whose merged pull requests may close its issues.
    """

    kind: Literal["github"] = "github"
    url: Address = "https://api.github.com"
    repository: Repository
    changes_from: tuple[Repository, ...] = ()
    app_id: int | None = None
    installation_id: int | None = None
    private_key_file: str | None = None

    @model_validator(mode="after")
    def _whole_app(self) -> "GithubSettings":
        given = [self.app_id, self.installation_id, self.private_key_file]
        if any(key is not None for key in given) and None in given:
            raise ValueError("a GitHub App needs app_id, installation_id and private_key_file, all three")
        return self


def status_labels(settings: GithubSettings) -> StatusLabels:
    """The labels that mean a status, as configured or by default."""
    names = settings.status
    return StatusLabels(
        open=tuple(names.open),
        in_progress=tuple(names.in_progress) or ("in progress", "in-progress", "status:in-progress"),
        resolved=tuple(names.resolved),
        acceptance=tuple(names.acceptance) or ("risk-accept",),
    )


def capabilities(settings: GithubSettings) -> Capabilities:
    """What the engine may rely on: the vendor's limits, and its content budget on github.com."""
    public = urlsplit(settings.url).hostname == "api.github.com"
    wait = settings.visibility_wait_seconds
    return Capabilities(
        fields=frozenset({Field.STATUS, Field.TITLE, Field.BODY, Field.ASSIGNEE, Field.LABELS}),
        account_kind="github",
        body_format=BodyFormat.MARKDOWN,
        title_limit=TITLE_LIMIT,
        body_limit=BODY_LIMIT,
        comment_limit=COMMENT_LIMIT,
        assignment_starts_work=True,
        visibility_lag_seconds=120 if wait is None else wait,
        content_per_minute=settings.content_per_minute or (80 if public else None),
        content_per_hour=settings.content_per_hour or (500 if public else None),
    )


def web_page(url: str) -> str:
    """Where people see what the API at `url` speaks of."""
    parts = urlsplit(url)
    return "https://github.com" if parts.hostname == "api.github.com" else f"{parts.scheme}://{parts.netloc}"


def named_issue(key: str, url: str) -> tuple[str, str]:
    """The repository (empty: the configured one) and number that people call `key`, where the API is at `url`.

    Both are empty for what is no name of an issue, or an address on another host.
    """
    found = re.fullmatch(r"(?:https?://([^/]+)/)?([\w.-]+/[\w.-]+)?(?:/issues/|#)?(\d+)/?", key)
    hosts = {urlsplit(place).netloc.lower() for place in (url, web_page(url))}
    if found is None or (found[1] and found[1].lower() not in hosts):
        return "", ""
    return found[2] or "", found[3]
