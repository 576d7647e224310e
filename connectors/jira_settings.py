"""What the configuration of a Jira says beyond the keys that every tracker has."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic import Field as Key

from connectors.settings import Address, Name, TrackerSettings

USUAL_PRIORITIES = {"critical": "Highest", "high": "High", "medium": "Medium", "low": "Low"}
"""What priorities are called where the configuration does not say."""
Omittable = Literal["assignee", "description", "duedate", "labels", "priority"]


def _plain(email: str) -> str:
    if not email.isascii() or not email.isprintable() or ":" in email:
        raise ValueError("must be the plain e-mail address of the account that the token is of, as sync@acme.example")
    return email


class JiraSettings(TrackerSettings):
    """One Jira project on Cloud or Data Center.

    With `email` the token is an API token (Basic), without it a personal access or OAuth token (Bearer). `fields` are
    sent as they are with every create and fill what a screen demands; `omit` names fields that are never sent. `site`
    is where people browse, if that is not `url`.
    """

    deployment: Literal["cloud", "datacenter"] = "cloud"
    project: Name
    issue_type: Name = "Task"
    email: Annotated[str, AfterValidator(_plain)] | None = None
    site: Address | None = None
    fields: dict[str, Any] = Key(default={})
    omit: list[Omittable] = Key(default=[])

    @property
    def pages(self) -> str:
        """The address below which people find `/browse/KEY`, without a slash at the end."""
        return (self.site or self.url).rstrip("/")

    @property
    def on_cloud(self) -> bool:
        """Whether this is Atlassian's Cloud (REST v3), rather than Data Center (REST v2)."""
        return self.deployment == "cloud"
