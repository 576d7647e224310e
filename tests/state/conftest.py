"""A store in a folder of its own, with a clock that stands still and short ways to write in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from state.effects import Because, Effects, Intent, ItemChange
from state.model import ActionItem, Actor, Agent, Agreed, Field, ItemDraft, Link, OperationKind, Priority
from state.store import Store
from state.ticket import Marker, TicketRef
from tests.databases import Databases, raw

WHEN = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
PERSON = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"), run="run-1", reason="asked to")


@dataclass
class Clock:
    now: datetime = WHEN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Book:
    """A store and its database, which `kind` tells."""

    kind: str
    url: str
    clock: Clock
    store: Store
    because: Because = PERSON

    def item(self, title: str = "Enable MFA for admins", **said: Any) -> ActionItem:
        due, priority = said.pop("due", date(2026, 12, 20)), said.pop("priority", Priority.HIGH)
        [item] = self.store.add_items([(ItemDraft(title, **said), due, priority)], self.because)
        return item

    def link(self, item: ActionItem, id_: str = "10001", **other: Any) -> Link:
        link = Link(
            item=item.ref,
            ref=TicketRef("eng", id_, f"SEC-{id_}"),
            url=f"https://eng.example/{id_}",
            marker=Marker(self.store.marker_key(item.ref, "eng", 1), item.ref),
            baseline={Field.TITLE: Agreed(item.title, item.title), Field.ASSIGNEE: Agreed(None, "account:1")},
            item_revision=item.revision,
            ticket_revision="r1",
            linked_at=WHEN,
            linked_by="run-1",
        )
        return replace(link, **other)

    def linked(self, item: ActionItem, id_: str = "10001", **other: Any) -> Link:
        link = self.link(item, id_, **other)
        self.store.commit(None, Effects(linked=[(link, self.because)]))
        return link

    def intent(self, id_: str, item: str = "AI-000001", kind: OperationKind = OperationKind.CREATE) -> Intent:
        payload = {"title": "Enable MFA", "labels": ["a"], "due": None}
        return Intent(id_, "run-1", kind, item, "eng", f"key-{id_}", payload, self.clock())

    def change(self, item: str, **values: Any) -> None:
        self.store.commit(None, Effects(changes=[ItemChange(item, values, self.because)]))

    def records(self, since: int = 0) -> list[Mapping[str, Any]]:
        return [record.told for record in self.store.log(since=since)]

    def bodies(self) -> str:
        """What the ledger itself holds."""
        return "".join(record.body for record in self.store.log())

    def actions(self, since: int = 0) -> list[str]:
        return [record["action"] for record in self.records(since)]

    def raw(self, *statements: str | tuple[str, Sequence[Any]]) -> list[Any]:
        """Run statements as somebody who has the database and another program; gives what the last one found."""
        return raw(self.url, *statements)


@pytest.fixture
def book(databases: Databases) -> Iterator[Book]:
    clock = Clock()
    url = databases.made()
    store = Store.open(url, clock=clock)
    yield Book(databases.kind, url, clock, store)
    store.close()
