"""A person who works on the issues of an embedded GitHub over HTTP."""

from typing import Any, Self
from urllib.parse import quote

import httpx

from connectors.sandbox.github_server import REPOSITORY


class GithubEngineer:
    """Acts with the token of one account; an issue's key is `owner/name#12`, `#12` or `12`.

    A key that names another repository acts there. Every method raises `httpx.HTTPStatusError` when refused.
    """

    def __init__(
        self, url: str, token: str, repository: str = REPOSITORY, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.repository = repository
        headers = {"authorization": f"Bearer {token}", "accept": "application/vnd.github+json"}
        self._http = httpx.Client(
            base_url=url, headers=headers, follow_redirects=True, trust_env=False, timeout=30, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Give back the connection."""
        self._http.close()

    def create(self, title: str, body: str = "", labels: tuple[str, ...] = ()) -> str:
        """Open an issue by hand; returns its key."""
        told = {"title": title, "body": body, "labels": list(labels)}
        made = self._send("POST", f"/repos/{self.repository}/issues", told)
        return f"{self.repository}#{made['number']}"

    def start(self, key: str) -> None:
        """Begin work on it, which shows as a label."""
        self.add_label(key, "in progress")

    def close(self, key: str, comment: str = "") -> None:
        """Close it as completed, with a comment if there is one to give."""
        self._close(key, "completed", comment)

    def wont_do(self, key: str, comment: str = "") -> None:
        """Close it as not planned."""
        self._close(key, "not_planned", comment)

    def duplicate(self, key: str, comment: str = "") -> None:
        """Close it as a duplicate."""
        self._close(key, "duplicate", comment)

    def _close(self, key: str, reason: str, comment: str) -> None:
        if comment:
            self.comment(key, comment)
        self._edit(key, {"state": "closed", "state_reason": reason})

    def reopen(self, key: str) -> None:
        """Open it again, and take the in-progress label off."""
        self._edit(key, {"state": "open"})
        if "in progress" in self.labels(key):
            self.remove_label(key, "in progress")

    def issue(self, key: str) -> Any:
        """All that the API says about it."""
        return self._send("GET", self._path(key))

    def title(self, key: str) -> str:
        """Its title now."""
        return str(self.issue(key)["title"])

    def edit_title(self, key: str, title: str) -> None:
        """Give it another title."""
        self._edit(key, {"title": title})

    def body(self, key: str) -> Any:
        """Its text, in Markdown."""
        return self.issue(key)["body"]

    def set_body(self, key: str, body: Any) -> None:
        """Write over its text."""
        self._edit(key, {"body": body})

    def comment(self, key: str, text: str) -> str:
        """Say something about it; returns the comment's id."""
        return str(self._send("POST", f"{self._path(key)}/comments", {"body": text})["id"])

    def recomment(self, key: str, identity: str, text: str) -> None:
        """Let a comment say something else."""
        self._send("PATCH", f"/repos/{self._repository(key)}/issues/comments/{identity}", {"body": text})

    def uncomment(self, key: str, identity: str) -> None:
        """Take a comment back."""
        self._send("DELETE", f"/repos/{self._repository(key)}/issues/comments/{identity}")

    def comments(self, key: str) -> list[Any]:
        """Its first hundred comments, as the API says them."""
        return list(self._send("GET", f"{self._path(key)}/comments?per_page=100"))

    def timeline(self, key: str) -> list[Any]:
        """The first hundred things that happened to it, as the API says them."""
        return list(self._send("GET", f"{self._path(key)}/timeline?per_page=100"))

    def labels(self, key: str) -> list[str]:
        """The names of its labels."""
        return [label["name"] for label in self.issue(key)["labels"]]

    def add_label(self, key: str, label: str) -> None:
        """Put a label on it."""
        self._send("POST", f"{self._path(key)}/labels", {"labels": [label]})

    def remove_label(self, key: str, label: str) -> None:
        """Take a label off it."""
        self._send("DELETE", f"{self._path(key)}/labels/{quote(label, safe='')}")

    def assign(self, key: str, account: str | None) -> None:
        """Make this login its only assignee, or leave it without."""
        self._edit(key, {"assignees": [account] if account else []})

    def due(self, key: str, day: str | None) -> None:
        """Nothing: an issue has no due date."""

    def lock(self, key: str) -> None:
        """Lock its conversation."""
        self._send("PUT", f"{self._path(key)}/lock", {"lock_reason": "resolved"})

    def delete(self, key: str) -> None:
        """Remove it for good."""
        self._send("DELETE", f"/_sandbox{self._path(key)}")

    def transfer(self, key: str, to: str) -> str:
        """Move it to another repository; returns its key there."""
        moved = self._send("POST", f"/_sandbox{self._path(key)}/transfer", {"to": to})
        return f"{to}#{moved['number']}"

    def open_pull(self, key: str, title: str = "A change") -> str:
        """Open a pull request that says it fixes the issue; returns its key."""
        number = key.rpartition("#")[2]
        told = {"title": title, "body": f"Fixes #{number}"}
        made = self._send("POST", f"/_sandbox/repos/{self._repository(key)}/pulls", told)
        return f"{self._repository(key)}#{made['number']}"

    def merge_pull(self, key: str) -> None:
        """Merge a pull request, which closes what it fixes."""
        number = key.rpartition("#")[2]
        self._send("PUT", f"/_sandbox/repos/{self._repository(key)}/pulls/{number}/merge")

    def review_pull(self, key: str, state: str = "APPROVED") -> None:
        """Say what one found of a pull request."""
        number = key.rpartition("#")[2]
        self._send("POST", f"/_sandbox/repos/{self._repository(key)}/pulls/{number}/reviews", {"state": state})

    def minimize(self, key: str, identity: str, reason: str | None = "outdated") -> None:
        """Hide a comment, or show it again."""
        path = f"/_sandbox/repos/{self._repository(key)}/issues/comments/{identity}/minimized"
        self._send("PUT", path, {"reason": reason})

    def close_pull(self, key: str) -> None:
        """Close a pull request without merging it."""
        self._edit(key, {"state": "closed"})

    def rename_repository(self, name: str) -> None:
        """Call the repository something else (needs an administrator); this engineer follows."""
        told = self._send("PATCH", f"/repos/{self.repository}", {"name": name})
        self.repository = told["full_name"]

    def _repository(self, key: str) -> str:
        return key.rpartition("#")[0] or self.repository

    def _path(self, key: str) -> str:
        return f"/repos/{self._repository(key)}/issues/{key.rpartition('#')[2]}"

    def _edit(self, key: str, told: dict[str, Any]) -> None:
        self._send("PATCH", self._path(key), told)

    def _send(self, method: str, path: str, told: Any = None) -> Any:
        answer = self._http.request(method, path, json=told)
        answer.raise_for_status()
        return answer.json() if answer.content else None
