"""What an embedded Jira refuses, and in which words."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.sandbox.calls import User
from connectors.sandbox.jira_issues import Body
from connectors.sandbox.jira_site import Site
from connectors.sandbox.jira_text import document_is_valid, plain

TEXT_LIMIT = 32_767
PROPERTY_LIMIT = 32_768
NOT_THERE = "Issue does not exist or you do not have permission to see it."


@dataclass(slots=True)
class Refused(Exception):
    """An answer other than success, in Jira's shape."""

    status: int
    messages: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    def collection(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"errorMessages": list(self.messages), "errors": dict(self.errors)}


class _Invalid(Exception):
    """A value that a field does not take."""


class Fields:
    """Reads field values as one personality takes them: `cloud` decides on accounts, `trees` on long text."""

    def __init__(self, site: Site, *, cloud: bool, trees: bool) -> None:
        self._site = site
        self._cloud = cloud
        self._trees = trees
        self._readers: Mapping[str, Callable[[Any], Any]] = {
            "summary": self._summary,
            "description": self._description,
            "priority": self._priority,
            "assignee": self._assignee,
            "labels": self._labels,
            "duedate": self._duedate,
            "resolution": self._resolution,
            "issuetype": self._issue_type,
            "project": self._project,
        }

    def read(self, given: Mapping[str, Any], screen: Iterable[str], required: Iterable[str] = ()) -> dict[str, Any]:
        """The values in Jira's own terms. Raises `Refused`, which names every field that is wrong."""
        errors: dict[str, str] = {}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in screen:
                errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
                continue
            try:
                values[name] = self._readers[name](value) if name in self._readers else self._custom(name, value)
            except _Invalid as wrong:
                errors[name] = str(wrong)
        for name in required:
            if values.get(name) in (None, "", []) and name not in errors:
                errors[name] = self._missing(name)
        if errors:
            raise Refused(400, errors=errors)
        return values

    def body(self, value: Any, name: str, otherwise: str) -> Body:
        """A long text that this personality takes. Raises `Refused`."""
        try:
            return self._long(value, otherwise)
        except _Invalid as wrong:
            raise Refused(400, errors={name: str(wrong)}) from None

    def user(self, account: str) -> User | None:
        """The person behind an account id (Cloud) or name (Data Center)."""
        return next((one for one in self._site.people if account == (one.id if self._cloud else one.name)), None)

    def _missing(self, name: str) -> str:
        known = {"summary": "You must specify a summary of the issue.", "issuetype": "Specify an issue type"}
        custom = self._site.custom_field(name)
        return known.get(name, f"{custom.name if custom else name.capitalize()} is required.")

    def _summary(self, value: Any) -> str:
        if not isinstance(value, str):
            raise _Invalid("Operation value must be a string")
        if "\n" in value or "\r" in value:
            raise _Invalid("The summary is invalid because it contains newline characters.")
        if len(value.strip()) > 255:
            raise _Invalid("Summary must be less than 255 characters.")
        if not value.strip():
            raise _Invalid("You must specify a summary of the issue.")
        return value.strip()

    def _description(self, value: Any) -> Body:
        return (
            None
            if value is None
            else self._long(value, "Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        )

    def _long(self, value: Any, otherwise: str) -> Body:
        if self._trees and not document_is_valid(value):
            raise _Invalid(otherwise)
        if not self._trees and not isinstance(value, str):
            raise _Invalid("Operation value must be a string")
        if len(plain(value)) > TEXT_LIMIT:
            raise _Invalid("The entered text is too long. It exceeds the allowed limit of 32,767 characters.")
        body: Body = value
        return body or None

    def _priority(self, value: Any) -> str | None:
        return self._one_of(value, self._site.priorities, "The priority selected is invalid.")

    def _resolution(self, value: Any) -> str | None:
        return self._one_of(value, self._site.resolutions, "Resolution name is not valid")

    def _issue_type(self, value: Any) -> str | None:
        return self._one_of(value, self._site.issue_types, "Specify a valid issue type")

    def _one_of(self, value: Any, names: tuple[str, ...], otherwise: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _Invalid("data was not an object")
        if "id" in value:
            place = str(value["id"])
            if place.isascii() and place.isdigit() and 1 <= int(place) <= len(names):
                return names[int(place) - 1]
        elif (name := value.get("name")) in names:
            return str(name)
        raise _Invalid(otherwise)

    def _project(self, value: Any) -> str:
        named = value.get("key") or value.get("id") if isinstance(value, dict) else None
        if named not in (self._site.project, "10000"):
            raise _Invalid("Specify a valid project ID or key" if named else "project is required")
        return self._site.project

    def _assignee(self, value: Any) -> User | None:
        if value is None:
            return None
        name = "accountId" if self._cloud else "name"
        if not isinstance(value, dict) or not ({name, "id"} & set(value)):
            raise _Invalid(
                "expected Object containing a `name` property" if not self._cloud else "accountId is required"
            )
        account = value.get(name, value.get("id"))
        if account is None:
            return None
        found = self.user(str(account))
        if found is None:
            raise _Invalid(
                f"User '{account}' does not exist." if not self._cloud else "Specify a valid value for assignee"
            )
        if found.name in self._site.unassignable:
            raise _Invalid(f"User '{account}' cannot be assigned issues.")
        return found

    def _labels(self, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
            raise _Invalid("data was not an array" if not isinstance(value, list) else "string expected at index 0")
        for label in value:
            self._label(label)
        return list(dict.fromkeys(value))

    def _label(self, label: str) -> None:
        if any(char.isspace() for char in label):
            raise _Invalid(f"The label '{label}' contains spaces which is invalid.")
        if not label or len(label) > 255:
            raise _Invalid(f"The label '{label}' exceeds the maximum length of 255.")

    def _duedate(self, value: Any) -> str | None:
        if value is None or value == "":
            return None
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError):
            raise _Invalid(f"Error parsing date string: {value}") from None

    def _custom(self, name: str, value: Any) -> Any:
        custom = self._site.custom_field(name)
        if custom is None or value is None:
            return value
        match custom.type:
            case "number" if not isinstance(value, int | float):
                raise _Invalid("Operation value must be a number")
            case "string" if not isinstance(value, str):
                raise _Invalid("Operation value must be a string")
            case "option" if not isinstance(value, dict) or value.get("value") not in custom.options:
                raise _Invalid(f"Option value '{value}' is not valid")
        return value


def check_property(key: str, value: Any) -> None:
    """Raise `Refused` where a property is too long in name or value."""
    if len(key) > 255:
        raise Refused(400, ("The property key has to be shorter than 255 characters.",))
    if len(json.dumps(value, separators=(",", ":"))) > PROPERTY_LIMIT:
        raise Refused(400, (f"The property value length can not be longer than {PROPERTY_LIMIT} characters.",))
