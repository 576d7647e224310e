"""Everything of an auditor's pack that proves something."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from state import audit
from state.series import chunks
from state.vault import Vault
from sync.report.completeness import Completeness
from sync.report.members import Member
from sync.report.model import Event
from sync.report.slice import Exhibits, Position, Redactions, proofs

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pack is to be about: the days, both included, and a framework or a tracker that it is confined to."""

    first: date
    last: date
    framework: str = ""
    tracker: str = ""

    def about(self, position: Position, program: str) -> dict[str, Any]:
        """The same for the head of a pack, with what it was made from and with."""
        return {
            "program": program,
            "period": {"from": str(self.first), "to": str(self.last), "since": self.since, "until": self.until},
            "parameters": {"framework": self.framework, "tracker": self.tracker},
            "ledger": {"records": position.records, "head": position.head, "root": position.root},
        }

    @property
    def since(self) -> str:
        """When the period begins, as records write times."""
        return audit.moment(datetime.combine(self.first, time(), UTC))

    @property
    def until(self) -> str:
        """When the day after the period begins, as records write times."""
        return audit.moment(datetime.combine(self.last + timedelta(days=1), time(), UTC))


@dataclass(slots=True)
class Proof:
    """What the records up to a position prove, read once; `vault` keeps the files of evidence."""

    connection: Connection
    position: Position
    asked: Asked
    vault: Vault
    exhibits: Exhibits = field(default_factory=Exhibits)
    redactions: Redactions = field(default_factory=Redactions)

    def members(
        self,
        stamp: Callable[[str], bytes | None],
        shown: Container[str] | None,
        strange: Iterable[Event],
        left_out: int = 0,
    ) -> Iterator[Member]:
        """All of it; `stamp` is as in `proofs`, `shown` the hashes of the files asked for, `None` for all.

        `strange` are the records that this program does not write so, and so many items are `left_out` of the tables.
        """
        named = {each.seq: f"{each.action} of {each.about}" for each in strange}
        whole = Completeness(self.asked.since, self.asked.until, named, left_out)
        records = audit.log(lambda query: self.connection.execute(query).all())
        for page in chunks(islice(records, self.position.records), PAGE):
            self.redactions.hear(self.connection, page)
            for record in page:
                self.exhibits.hear(record.told)
                whole.hear(record.told)
        yield from proofs(self.connection, self.position, stamp)
        yield from self.exhibits.members(self.vault, shown)
        yield whole.member()
        yield self.redactions.member()
