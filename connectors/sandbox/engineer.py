"""What somebody on the far side does to a ticket, whatever the tracker."""

from typing import Any, Protocol


class Engineer(Protocol):
    """A person with an account of their own who works on tickets over the tracker's HTTP API.

    `key` is what people call the ticket. Every method raises `httpx.HTTPStatusError` when the tracker refuses.
    """

    def start(self, key: str) -> None:
        """Begin work on it."""
        ...

    def close(self, key: str, comment: str = "") -> None:
        """Close it as done."""
        ...

    def wont_do(self, key: str, comment: str = "") -> None:
        """Close it as not to be done."""
        ...

    def reopen(self, key: str) -> None:
        """Bring it back to the beginning."""
        ...

    def title(self, key: str) -> str:
        """Its title now."""
        ...

    def edit_title(self, key: str, title: str) -> None:
        """Give it another title."""
        ...

    def body(self, key: str) -> Any:
        """Its long text, in the tracker's format."""
        ...

    def set_body(self, key: str, body: Any) -> None:
        """Write over its long text, in the tracker's format."""
        ...

    def comment(self, key: str, text: str) -> str:
        """Say something about it; returns the comment's id."""
        ...

    def recomment(self, key: str, identity: str, text: str) -> None:
        """Let a comment, by the id that `comment` told, say something else."""
        ...

    def uncomment(self, key: str, identity: str) -> None:
        """Take a comment back."""
        ...

    def add_label(self, key: str, label: str) -> None:
        """Put a label on it."""
        ...

    def remove_label(self, key: str, label: str) -> None:
        """Take a label off it."""
        ...

    def assign(self, key: str, account: str | None) -> None:
        """Give it to the account with this id, or to nobody."""
        ...

    def due(self, key: str, day: str | None) -> None:
        """Set its due date (ISO), or none; where the tracker has none, nothing happens."""
        ...

    def delete(self, key: str) -> None:
        """Remove it for good."""
        ...
