"""A log that somebody else keeps, as that of a CI system: what is written there cannot be taken back from here."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from connectors.anchors.base import Kept
from state.checkpoint import Head


class Log:
    """Where `write` puts a block of lines, all of it at once."""

    spacing = timedelta(0)

    def __init__(self, name: str, *, write: Callable[[str], None]) -> None:
        self.name = name
        self._write = write

    def keep(self, head: Head, note: str) -> None:
        """Write the checkpoint as it was signed, below a line that says what it is."""
        self._write(f"Checkpoint over {head.over}; it is the lines from here to the signature.\n{note}")

    def notes(self, name: str) -> Iterator[str]:  # noqa: ARG002
        """Nothing: what was written there is not read here."""
        return iter(())

    def every(self) -> Iterator[Kept]:
        """Nothing: what was written there is not read here."""
        return iter(())
