"""What an embedded GitHub refuses, in the vendor's words."""

import json
from typing import Any

from connectors.sandbox.github_model import Issue, Person, Repository
from connectors.sandbox.github_state import GithubState

Json = dict[str, Any]

DOCUMENTATION = "https://docs.github.com/rest"
TITLE_LIMIT = 256
TEXT_LIMIT = 65_536
LABEL_LIMIT = 50
ASSIGNEE_LIMIT = 10
REASONS = ("completed", "not_planned", "duplicate", "reopened")


class Refusal(Exception):
    """An answer other than success, with the vendor's message."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Json] | None = None,
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.content: Json = {
            "message": message,
            **({"errors": errors} if errors else {}),
            "documentation_url": DOCUMENTATION,
            "status": str(status),
            **more,
        }


def not_found() -> Refusal:
    """Gone or hidden, which looks the same."""
    return Refusal(404, "Not Found")


def invalid(field: str, code: str = "invalid", *, resource: str = "Issue", **more: Any) -> Refusal:
    """A value that was understood and is not acceptable."""
    return Refusal(422, "Validation Failed", [{"resource": resource, "code": code, "field": field, **more}])


def malformed(reason: str) -> Refusal:
    """A body whose shape is not that of the endpoint."""
    return Refusal(422, f"Invalid request.\n\n{reason}")


def parsed(raw: bytes) -> Json:
    """The JSON object of a request; nothing at all is an empty one."""
    if not raw:
        return {}
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError as error:
        raise Refusal(400, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def text(body: Json, key: str, limit: int, *, resource: str = "Issue") -> str | None:
    """A text of at most `limit` characters, or `None`."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise malformed(f"For 'properties/{key}', {json.dumps(value)} is not a string.")
    if len(value) > limit:
        message = f"{key} is too long (maximum is {limit} characters)"
        raise invalid(key, "custom", resource=resource, message=message)
    return value


def title(body: Json) -> str:
    """A title, on one line and without white space around it."""
    if "title" not in body:
        raise malformed('"title" wasn\'t supplied.')
    value = text(body, "title", TITLE_LIMIT)
    if value is None or not value.strip():
        raise invalid("title", "missing_field")
    return " ".join(value.strip().splitlines())


def comment_text(body: Json) -> str:
    """The text of a comment, which may not be blank."""
    if "body" not in body:
        raise malformed('"body" wasn\'t supplied.')
    value = text(body, "body", TEXT_LIMIT, resource="IssueComment")
    if value is None or not value.strip():
        raise invalid("body", "missing_field", resource="IssueComment")
    return value


def names(body: Json, key: str, inner: str) -> list[str] | None:
    """A list of names, each a string or an object that has one under `inner`; `None` where not given."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise malformed(f"For 'properties/{key}', {json.dumps(value)} is not an array.")
    found = [one.get(inner) if isinstance(one, dict) else one for one in value]
    strings = [one for one in found if isinstance(one, str)]
    if len(strings) != len(found):
        raise malformed(f"For 'properties/{key}', {json.dumps(value)} holds something that is not a string.")
    return strings


def label_name(name: str) -> str:
    """A label's name as it may be stored."""
    if not name.strip():
        raise invalid("name", "missing_field", resource="Label")
    if len(name) > LABEL_LIMIT:
        message = f"name is too long (maximum is {LABEL_LIMIT} characters)"
        raise invalid("name", "custom", resource="Label", message=message)
    return name.strip()


def label_names(body: Json) -> list[str] | None:
    """The labels that a request names."""
    found = names(body, "labels", "name")
    return None if found is None else [label_name(name) for name in found]


def assignable(state: GithubState, login: str) -> bool:
    """Whether issues may be given to this login."""
    person = state.people.get(login.lower())
    return person is not None and person.kind == "User" and person.may("triage")


def assignees(state: GithubState, body: Json) -> list[str] | None:
    """The assignees that a create or an edit names; one that cannot be assigned refuses the whole request."""
    found = names(body, "assignees", "login")
    if found is None and "assignee" in body:
        found = names({"assignee": [body["assignee"]] if body["assignee"] else []}, "assignee", "login")
    for login in found or ():
        if not assignable(state, login):
            message = f"{login} cannot be assigned to this issue"
            raise invalid("assignees", value=login, message=message)
    if found and len(found) > ASSIGNEE_LIMIT:
        raise invalid("assignees", "custom", message=f"at most {ASSIGNEE_LIMIT} assignees are allowed")
    return found


def state_change(body: Json) -> tuple[str | None, str | None]:
    """The state and the reason that an edit asks for."""
    state, reason = body.get("state"), body.get("state_reason")
    if state not in (None, "open", "closed"):
        raise invalid("state", value=state)
    if reason is not None and reason not in REASONS:
        raise invalid("state_reason", value=reason)
    return state, reason


def may_edit(issue: Issue, person: Person) -> None:
    """Refuse people who are neither the author nor trusted with the repository."""
    if issue.author != person.login and not person.may("triage"):
        raise Refusal(403, "Must have admin rights to Repository.")


def may_write(repository: Repository) -> None:
    """Refuse changes to an archived repository."""
    if repository.archived:
        raise Refusal(403, "Repository was archived so is read-only.")


def may_comment(issue: Issue, person: Person) -> None:
    """Refuse comments in a locked conversation from those without write access."""
    if issue.locked and not person.may("write"):
        raise Refusal(403, "Unable to create comment because issue is locked.")


def available(repository: Repository) -> None:
    """Refuse everything about issues where the repository has them switched off."""
    if not repository.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
