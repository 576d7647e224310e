"""A tracker in memory put to the test: its bench, and the person who works there."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.base import MARK, Tracker
from connectors.bench import Bench
from connectors.sandbox.far_side import FarSide
from connectors.sandbox.memory import MemoryTracker
from state.ticket import Artefact, Body, Draft, Marker, TicketRef

PERSON = "mia"


class Hand:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.at


class MemoryEngineer:
    """Works in a tracker in memory as one account; a ticket's key is as people see it."""

    def __init__(self, far_side: FarSide, account: str = PERSON) -> None:
        self.far_side, self.account = far_side, account

    def start(self, key: str) -> None:
        """Begin work on it."""
        self.far_side.move_to(self._ref(key), "In Progress", by=self.account)

    def close(self, key: str, comment: str = "") -> None:
        """Close it as done."""
        self._close(key, "Done", comment)

    def wont_do(self, key: str, comment: str = "") -> None:
        """Close it as not to be done."""
        self._close(key, "Won't Do", comment)

    def reopen(self, key: str) -> None:
        """Bring it back to the beginning."""
        self.far_side.move_to(self._ref(key), "To Do", by=self.account)

    def title(self, key: str) -> str:
        """Its title now."""
        return self.far_side.ticket(self._ref(key)).title

    def edit_title(self, key: str, title: str) -> None:
        """Give it another title."""
        self._edit(key, title=title)

    def body(self, key: str) -> Any:
        """Its long text."""
        return self.far_side.ticket(self._ref(key)).body

    def set_body(self, key: str, body: Any) -> None:
        """Write over its long text."""
        self._edit(key, body=body)

    def comment(self, key: str, text: str) -> str:
        """Say something about it."""
        return self.far_side.comment(self._ref(key), text, by=self.account)

    def recomment(self, key: str, identity: str, text: str) -> None:
        """Let a comment say something else."""
        self.far_side.edit_comment(self._ref(key), identity, text)

    def uncomment(self, key: str, identity: str) -> None:
        """Take a comment back."""
        self.far_side.delete_comment(self._ref(key), identity)

    def add_label(self, key: str, label: str) -> None:
        """Put a label on it."""
        self._edit(key, labels=self.far_side.ticket(self._ref(key)).labels | {label})

    def remove_label(self, key: str, label: str) -> None:
        """Take a label off it."""
        self._edit(key, labels=self.far_side.ticket(self._ref(key)).labels - {label})

    def assign(self, key: str, account: str | None) -> None:
        """Give it to somebody or to nobody."""
        self._edit(key, assignee=account)

    def due(self, key: str, day: str | None) -> None:
        """Set its due date (ISO), or none."""
        self._edit(key, due_date=date.fromisoformat(day) if day else None)

    def delete(self, key: str) -> None:
        """Remove it for good."""
        self.far_side.delete(self._ref(key))

    def _close(self, key: str, resolution: str, comment: str) -> None:
        if comment:
            self.comment(key, comment)
        self.far_side.move_to(self._ref(key), "Done", resolution, by=self.account)

    def _edit(self, key: str, **values: Any) -> None:
        self.far_side.edit(self._ref(key), by=self.account, **values)

    def _ref(self, key: str) -> TicketRef:
        return next(ticket.ref for ticket in self.far_side.tickets() if ticket.ref.key == key)


class MemoryBench(Bench):
    """The bench of `make`, a tracker class that is `MemoryTracker` or breaks one of its promises."""

    alike = ("In Progress", "In Review")

    def __init__(self, make: type[MemoryTracker] = MemoryTracker, **values: Any) -> None:
        self._clock = Hand()
        self.far_side = FarSide(self._clock)
        self._make = make
        self.tracker: MemoryTracker = make("memory", far_side=self.far_side, **values)
        self.person = MemoryEngineer(self.far_side)
        self.account = PERSON
        self.secrets = (self.far_side.secret,)

    def now(self) -> datetime:
        """The far side's time."""
        return self.far_side.now()

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.at += timedelta(seconds=seconds)

    def lag(self, seconds: float) -> None:
        """Let the index trail behind."""
        self.far_side.lag = timedelta(seconds=seconds)

    def lose_answer(self) -> None:
        """Lose the next create's answer."""
        self.far_side.lose_answer()

    def limit_rate(self, seconds: int) -> None:
        """Refuse the next create."""
        self.far_side.limit_rate(seconds)

    def stranger(self) -> Tracker:
        """A tracker on a far side that knows nobody."""
        closed = FarSide(self._clock)
        closed.denied = True
        return self._make("memory", far_side=closed)

    def received(self) -> int:
        """How many calls reached the far side."""
        return self.far_side.calls

    def titles(self) -> list[str]:
        """All titles."""
        return [ticket.title for ticket in self.far_side.tickets()]

    def body(self, marker: Marker, text: str) -> Body:
        """Markdown in a block."""
        return f"<!-- counterfoil:begin v=1 k={marker.key} item={marker.item} -->\n{text}\n<!-- counterfoil:end -->"

    def open(self, title: str, copied: Draft | None = None) -> TicketRef:
        """A ticket by hand."""
        if copied is None:
            return self.far_side.open(title, by=PERSON)
        labels = frozenset({*copied.labels, MARK})
        return self.far_side.open(title, by=PERSON, marker=copied.marker, body=copied.body, labels=labels)

    def copy_comment(self, ref: TicketRef, key: str) -> None:
        """A comment by hand that carries the key of one of ours."""
        self.far_side.comment(ref, "Seen.", by=PERSON, marker_key=key)

    def whisper(self, ref: TicketRef, text: str) -> str:
        """A comment that is not for everybody."""
        return self.far_side.whisper(ref, text, by=PERSON)

    def attach(self, ref: TicketRef, name: str, data: bytes) -> None:
        """A file."""
        self.far_side.attach(ref, name, data, by=PERSON)

    def link(self, ref: TicketRef) -> Artefact:
        """A merged change that two people approved."""
        made = Artefact(
            "https://code.example/changes/7", "Rotate it", "", None, "c0ffee", PERSON, ("omar", "lena"), closes=True
        )
        self.far_side.merge(ref, made, by=PERSON)
        return made

    def delivery(self, ref: TicketRef) -> tuple[Mapping[str, str], bytes]:
        """A signed delivery."""
        return self.far_side.delivery(ref)
