"""What somebody does to an issue of a Jira, over its HTTP API and with an account of their own."""

import ssl
from typing import Any, Self

import httpx

from connectors.sandbox.calls import User
from connectors.sandbox.jira_text import document, plain


class JiraEngineer:
    """One person; with `email` as on Cloud (REST v3), without as on Data Center (REST v2).

    A context manager that gives back its connections. Steps are looked up by the status they lead to.
    """

    def __init__(
        self, url: str, token: str, email: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._cloud = email is not None
        auth = httpx.BasicAuth(email, token) if email is not None else None
        headers = {} if auth else {"authorization": f"Bearer {token}"}
        base = f"{url}/rest/api/{'3' if self._cloud else '2'}"
        # Reading the authorities' certificates takes longer than most of what a person does here.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True
        self._http = httpx.Client(
            base_url=base, auth=auth, headers=headers, trust_env=False, verify=plain, transport=transport
        )

    @classmethod
    def of(cls, url: str, user: User, *, cloud: bool = True, transport: httpx.BaseTransport | None = None) -> Self:
        """The person behind one of the accounts of an embedded Jira."""
        return cls(url, user.token, user.email if cloud else None, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Give back connections."""
        self._http.close()

    def create(
        self, project: str, title: str, *, kind: str = "Task", body: Any = None, labels: tuple[str, ...] = ()
    ) -> str:
        """Make an issue by hand; returns its key."""
        fields: dict[str, Any] = {"project": {"key": project}, "issuetype": {"name": kind}, "summary": title}
        if body is not None:
            fields["description"] = self._text(body)
        if labels:
            fields["labels"] = list(labels)
        return str(self._ask("POST", "/issue", {"fields": fields})["key"])

    def status(self, key: str) -> str:
        """The name of its status now."""
        return str(self._field(key, "status")["name"])

    def resolution(self, key: str) -> str:
        """The name of what it was closed as; empty while it is open."""
        return str((self._field(key, "resolution") or {}).get("name", ""))

    def start(self, key: str) -> None:
        """Begin work on it."""
        self.go(key, "In Progress")

    def close(self, key: str, comment: str = "") -> None:
        """Close it as done."""
        self._end(key, "Done", comment)

    def wont_do(self, key: str, comment: str = "") -> None:
        """Close it as not to be done."""
        self._end(key, "Won't Do", comment)

    def close_as(self, key: str, resolution: str, comment: str = "") -> None:
        """Close it for a reason of the site's."""
        self._end(key, resolution, comment)

    def duplicate(self, key: str, original: str) -> None:
        """Link it as a duplicate with its original, and close it as one."""
        link = {"add": {"type": {"name": "Duplicate"}, "outwardIssue": {"key": original}}}
        self._ask("PUT", f"/issue/{key}", {"update": {"issuelinks": [link]}})
        self._end(key, "Duplicate", "")

    def reopen(self, key: str) -> None:
        """Bring it back to the beginning."""
        self.go(key, "To Do")

    def go(self, key: str, status: str, resolution: str | None = None) -> None:
        """Take the step that leads to `status`; raises `LookupError` if there is none."""
        steps = self._ask("GET", f"/issue/{key}/transitions")["transitions"]
        step = next((one for one in steps if one["to"]["name"] == status), None)
        if step is None:
            raise LookupError(f"{key} cannot go to {status}, but to: {[one['to']['name'] for one in steps]}")
        order: dict[str, Any] = {"transition": {"id": step["id"]}}
        if resolution is not None and step.get("hasScreen"):
            order["fields"] = {"resolution": {"name": resolution}}
        self._ask("POST", f"/issue/{key}/transitions", order)

    def title(self, key: str) -> str:
        """Its title now."""
        return str(self._field(key, "summary"))

    def edit_title(self, key: str, title: str) -> None:
        """Give it another title."""
        self._edit(key, {"summary": title})

    def body(self, key: str) -> Any:
        """Its long text, in the tracker's format."""
        return self._field(key, "description")

    def set_body(self, key: str, body: Any) -> None:
        """Write over its long text; where a document is needed and text is given, it is made one."""
        self._edit(key, {"description": self._text(body)})

    def comment(self, key: str, text: str) -> str:
        """Say something about it; returns the comment's id."""
        return str(self._ask("POST", f"/issue/{key}/comment", {"body": self._text(text)})["id"])

    def recomment(self, key: str, identity: str, text: str) -> None:
        """Let a comment say something else."""
        self._ask("PUT", f"/issue/{key}/comment/{identity}", {"body": self._text(text)})

    def uncomment(self, key: str, identity: str) -> None:
        """Take a comment back."""
        self._ask("DELETE", f"/issue/{key}/comment/{identity}")

    def whisper(self, key: str, text: str, *, internal: bool = False) -> str:
        """Say something to the administrators alone, or with `internal` to the agents of a service desk."""
        told: dict[str, Any] = {"body": self._text(text)}
        if internal:
            told["properties"] = [{"key": "sd.public.comment", "value": {"internal": True}}]
        else:
            told["visibility"] = {"type": "role", "value": "Administrators", "identifier": "Administrators"}
        return str(self._ask("POST", f"/issue/{key}/comment", told)["id"])

    def attach(self, key: str, name: str, data: bytes) -> str:
        """Attach a file; returns the attachment's id."""
        answer = self._http.post(
            f"/issue/{key}/attachments", files={"file": (name, data)}, headers={"X-Atlassian-Token": "no-check"}
        )
        answer.raise_for_status()
        return str(answer.json()[0]["id"])

    def link(self, key: str, url: str, title: str) -> None:
        """Link it with a page elsewhere."""
        self._ask("POST", f"/issue/{key}/remotelink", {"object": {"url": url, "title": title}})

    def comments(self, key: str) -> list[str]:
        """What was said about it, as plain text."""
        return [plain(one["body"]) for one in self._ask("GET", f"/issue/{key}/comment")["comments"]]

    def add_label(self, key: str, label: str) -> None:
        """Put a label on it."""
        self._ask("PUT", f"/issue/{key}", {"update": {"labels": [{"add": label}]}})

    def remove_label(self, key: str, label: str) -> None:
        """Take a label off it."""
        self._ask("PUT", f"/issue/{key}", {"update": {"labels": [{"remove": label}]}})

    def labels(self, key: str) -> list[str]:
        """Its labels now."""
        return list(self._field(key, "labels"))

    def assign(self, key: str, account: str | None) -> None:
        """Give it to the account with this id, or to nobody."""
        person = None if account is None else {"accountId" if self._cloud else "name": account}
        self._edit(key, {"assignee": person})

    def prioritise(self, key: str, priority: str) -> None:
        """Set its priority."""
        self._edit(key, {"priority": {"name": priority}})

    def due(self, key: str, day: str | None) -> None:
        """Set its due date (ISO), or none."""
        self._edit(key, {"duedate": day})

    def delete(self, key: str) -> None:
        """Remove it for good."""
        self._ask("DELETE", f"/issue/{key}")

    def _end(self, key: str, resolution: str, comment: str) -> None:
        if comment:
            self.comment(key, comment)
        self.go(key, "Done", resolution)

    def _text(self, body: Any) -> Any:
        return document(body) if self._cloud and isinstance(body, str) else body

    def _field(self, key: str, name: str) -> Any:
        return self._ask("GET", f"/issue/{key}?fields={name}")["fields"][name]

    def _edit(self, key: str, fields: dict[str, Any]) -> None:
        self._ask("PUT", f"/issue/{key}", {"fields": fields})

    def _ask(self, method: str, path: str, data: Any = None) -> Any:
        answer = self._http.request(method, path, json=data) if data is not None else self._http.request(method, path)
        if answer.is_error:
            message = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise httpx.HTTPStatusError(message, request=answer.request, response=answer)
        return answer.json() if answer.content else None
