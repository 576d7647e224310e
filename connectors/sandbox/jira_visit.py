"""One request to an embedded Jira, with all that answering it needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.calls import Answer, Call, User
from connectors.sandbox.jira_issues import Change, Comment, Issue, Issues, Item
from connectors.sandbox.jira_payloads import Show
from connectors.sandbox.jira_rules import NOT_THERE, Fields, Refused
from connectors.sandbox.jira_site import Site


@dataclass(frozen=True, slots=True)
class Event:
    """Something that webhooks tell of."""

    name: str
    issue: Issue
    by: User
    change: Change | None = None
    comment: Comment | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks for what, and where; `lag` is how many seconds the index trails behind."""

    call: Call
    user: User
    site: Site
    issues: Issues
    show: Show
    fields: Fields
    cloud: bool
    lag: float
    tell: Callable[[Event], None]

    def issue(self) -> Issue:
        """The issue that the path names. Raises `Refused`."""
        found = self.issues.get(self.call.params["issue"])
        if found is None:
            raise Refused(404, (NOT_THERE,))
        return found

    def writer(self) -> User:
        """The person, who may write. Raises `Refused`."""
        if not self.user.writes:
            raise Refused(403, ("You do not have permission to do this.",))
        return self.user

    def asked(self) -> dict[str, Any]:
        """The body, which has to be a JSON object. Raises `Refused`."""
        try:
            data = self.call.json()
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise Refused(400, ("There was an error parsing JSON. Check that your request body is valid.",))
        return data

    def flag(self, name: str) -> bool | None:
        """A query parameter that is true or false, if given."""
        return {"true": True, "false": False}.get(self.call.arg(name).lower())

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a number. Raises `Refused`."""
        return whole(self.call.arg(name, str(default)), name)

    def several(self, name: str) -> list[str]:
        """A query parameter that may be repeated or hold commas."""
        return [part for value in self.call.args.get(name, []) for part in value.split(",") if part]

    def changed(self, issue: Issue, items: Sequence[Item], comment: Comment | None = None) -> None:
        """Note that the person changed the issue, and tell everybody who listens."""
        change = self.issues.changed(issue, self.user, self.call.at, items, self.lag)
        self.tell(Event("jira:issue_updated", issue, self.user, change, comment))


Handler = Callable[[Visit], Answer]
Route = tuple[str, str, Handler]


def whole(value: Any, name: str) -> int:
    """A whole number, not negative. Raises `Refused`."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise Refused(400, (f"{name} must be a number that is not negative.",))
    return number


def texts(data: Mapping[str, Any], name: str) -> list[str]:
    """A list of strings in a body, or nothing. Raises `Refused`."""
    value = data.get(name) or []
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise Refused(400, (f"{name} must be a list.",))
    return [str(one) for one in value]


def table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object in a body, or an empty one. Raises `Refused`."""
    value = data.get(name)
    if value is not None and not isinstance(value, dict):
        raise Refused(400, (f"{name} must be an object.",))
    return dict(value or {})


def tables(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects in a body, or an empty one. Raises `Refused`."""
    value = data.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise Refused(400, (f"{name} must be a list of objects.",))
    return list(value or [])
