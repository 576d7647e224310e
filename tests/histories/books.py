"""What really changed, on either side, against what the ledger says: each change is recorded once."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.far_side import OURS
from state.acceptance import as_of
from state.audit import digest, plain
from state.model import ActionItem, Actor, Claim, HoldKind, OperationKind, Status
from state.store import Store
from state.ticket import ActivityKind
from tests.histories.weather import Far

FIELDS = ("title", "description", "priority", "status", "owner", "due_date", "controls", "risks", "claim")

DAYS = timedelta(days=14)
"""How long what is missing may be missing before a claim is over."""

RESTORED = re.compile("over which the ticket has the say$")
"""What a run says of a value that it takes from the ticket again, where only the item was changed."""
READ_ANEW = re.compile(": its [a-z_]+ is read as ")
"""What a run says of a value that only another mapping has made of what the ticket says."""

Key = tuple[str, ...]


def spelt(item: ActionItem, name: str) -> str:
    """An item's value as the ledger has it; of a claim, only its kind."""
    value = getattr(item, name)
    if name == "description":
        value = {"sha256": digest(value), "characters": len(value)}
    return _spelt(name, plain(value.kind if isinstance(value, Claim) else value))


def _spelt(name: str, value: Any) -> str:
    kind_only = name == "claim" and isinstance(value, dict)
    return json.dumps(value["kind"] if kind_only else value, sort_keys=True)


def _is_no_decision(body: Mapping[str, Any]) -> bool:
    """Whether a run wrote this, or time alone brought it about."""
    return bool(body["source"]["run"]) or body["actor"]["kind"] == Actor.SCHEDULE


@dataclass
class Books:
    """Reads the ledger record by record beside an account of its own.

    `done` are changes that people made on our side, as they were seen to happen: item, field, before and after.
    `pushed` are fields that we wrote to tickets, `found` and `unsure` those that we may have written: which the ticket
    showed afterwards, and which it did not. `over` are the ends of acceptances that a run came upon, by item and
    reason: what it changed `because` of them nobody did. Of claims that a run settles by itself, `asked` says since
    when something is missing, `brought` which evidence is there and whether it was accepted, and `settled` which were.
    `edited` is what people did to tickets alone. `words` are what each comment on a ticket was last told to say.
    `tables` are those by which each run read tickets, by the item's field, and `taken` names the run in which an item's
    field last came from its ticket.
    """

    store: Store
    fars: Mapping[str, Far]
    tables: Mapping[str, Mapping[str, object]]
    clock: Callable[[], datetime]
    seq: int = 0
    done: Counter[Key] = field(default_factory=Counter)
    told: Counter[Key] = field(default_factory=Counter)
    because: dict[Key, list[tuple[str, str]]] = field(default_factory=dict)
    over: set[tuple[str, str]] = field(default_factory=set)
    asked: dict[str, datetime] = field(default_factory=dict)
    brought: dict[str, dict[str, bool]] = field(default_factory=dict)
    settled: set[tuple[str, str]] = field(default_factory=set)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    events: Counter[Key] = field(default_factory=Counter)
    pushed: Counter[Key] = field(default_factory=Counter)
    found: Counter[Key] = field(default_factory=Counter)
    unsure: Counter[Key] = field(default_factory=Counter)
    edited: Counter[Key] = field(default_factory=Counter)
    tickets: Counter[Key] = field(default_factory=Counter)
    comments: Counter[Key] = field(default_factory=Counter)
    perhaps: Counter[Key] = field(default_factory=Counter)
    words: dict[Key, str] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)
    taken: dict[tuple[str, str], str] = field(default_factory=dict)

    @contextmanager
    def witnessing(self) -> Iterator[None]:
        """What people do to items within is written into our own account."""
        before = {item.ref: item for item in self.store.list_items()}
        yield
        for item in self.store.list_items():
            if (was := before.get(item.ref)) is not None and was.revision != item.revision:
                if was.accepted != item.accepted and item.status is was.status and self._is_over(was):
                    was = replace(was, status=Status.OPEN)
                for name in FIELDS:
                    if (old := spelt(was, name)) != (new := spelt(item, name)):
                        self.done[item.ref, name, old, new] += 1

    def _is_over(self, item: ActionItem) -> bool:
        """Whether an item's acceptance is over, which is written down before the next one."""
        return as_of(item, self.clock().date()) != item

    def balance(self) -> None:
        """Read what was recorded since the last time; raises `AssertionError` where the two accounts differ."""
        for record in self.store.log(since=self.seq):
            self._read(record.told)
            self.seq = record.seq
        told = self.told - self._ended()
        assert told == self.done, ("changes made here", told - self.done, self.done - told)
        self._items()
        self._far_sides()
        assert {i for i, state in self.holds.items() if state == "opened"} == {h.id for h in self.store.holds(None)}

    def _ended(self) -> Counter[Key]:
        return Counter({key: sum(why in self.over for why in some) for key, some in self.because.items()})

    def _read(self, body: Mapping[str, Any]) -> None:
        action, ref, name = body["action"], body["object"], body["field"]
        match action:
            case "item.created":
                self.values |= {(ref, f): _spelt(f, body["after"].get(f)) for f in FIELDS}
            case "item.changed" if name in FIELDS:
                self._changed(body, ref, name)
            case "ticket.changed":
                (self.found if body["reason"] else self.pushed)[ref, name] += 1
            case "ticket.edited":
                self.edited[key := (ref, name, body["source"]["event"], body["at"])] += 1
                assert self.edited[key] == 1, ("told twice", body)
                assert body["actor"]["account"] not in ("", OURS), ("done by us", body)
            case "ticket.perhaps_changed":
                self.unsure[ref, name] += 1
            case "ticket.created" | "ticket.linked":
                self.tickets[action, body["after"]["tracker"], body["after"]["id"]] += 1
            case "comment.sent" | "comment.received":
                self._said(action, body["after"])
            case "comment.perhaps_sent" if not body["after"]["remote_id"]:
                self.perhaps[body["after"]["tracker"], body["object"]] += 1
            case "acceptance.lapsed" | "acceptance.voided" | "acceptance.rejected" if _is_no_decision(body):
                self.over.add((ref, body["reason"]))
            case "ticket.missing" | "ticket.found" | "ticket.archived" | "ticket.unarchived" | "ticket.moved":
                assert body["before"] != body["after"], body
            case _:
                self._waited(body, action, ref)

    def _said(self, action: str, comment: Mapping[str, Any]) -> None:
        """One more comment, unless it is one of ours that was told already and says something else now."""
        key, text = (action, comment["tracker"], comment["remote_id"]), str(comment["text"])
        if action == "comment.received" or self.words.get(key, text) == text:
            self.comments[key] += 1
        self.words[key] = text

    def _waited(self, body: Mapping[str, Any], action: str, ref: str) -> None:
        match action:
            case "evidence.added" | "evidence.reviewed":
                self.brought.setdefault(ref, {})[body["after"]["id"]] = body["after"].get("verdict") == "accepted"
            case "hold.opened":
                if body["after"]["kind"] == HoldKind.EVIDENCE_MISSING:
                    self.asked[ref] = datetime.fromisoformat(body["recorded"])
                assert self.holds.setdefault(body["after"]["id"], "opened") == "opened", body
            case "hold.settled":
                assert self.holds[body["before"]["id"]] == "opened", body
                self.holds[body["before"]["id"]] = "settled"
            case _:
                pass

    def _changed(self, body: Mapping[str, Any], ref: str, name: str) -> None:
        before, after = _spelt(name, body["before"]), _spelt(name, body["after"])
        known = self.values.get((ref, name))
        assert known == before, (ref, name, "was", known, "and not", before)
        self.values[ref, name] = after
        agent, event = body["actor"], body["source"]["event"]
        if agent["system"] == "counterfoil":
            if READ_ANEW.search(body["reason"]):
                self._read_anew(body, ref, name)
                return
            if self._settles(body, ref, name, before) or RESTORED.search(body["reason"]):
                return
            if before != after:
                self.told[ref, name, before, after] += 1
                self.because.setdefault((ref, name, before, after), []).append((ref, body["reason"]))
            return
        assert before != after or name == "claim", body
        self.taken[ref, name] = body["source"]["run"]
        if event:
            self.events[ref, name, agent["system"], event] += 1
            ours = (a.id for s in self.fars[agent["system"]].everything() for a in s.log if a.by.ours)
            assert event not in ours, ("our own echo was taken in", body)

    def _read_anew(self, body: Mapping[str, Any], ref: str, name: str) -> None:
        """That needs another table than there was when the value was last taken from the ticket."""
        runs, run = list(self.tables), body["source"]["run"]
        since = self.taken.get((ref, name), "")
        then = runs[runs.index(since) if since in self.tables else 0 : runs.index(run) + 1]
        assert len({str(self.tables[each].get(name)) for each in then}) > 1, ("read anew by the same table", body)
        self.taken[ref, name] = run

    def _settles(self, body: Mapping[str, Any], ref: str, name: str, before: str) -> bool:
        """Whether a run did this by itself to a claim made here: its time is over, or what it waited for is there."""
        run = body["source"]["run"]
        if not run:
            return False
        if name == "status":
            return body["after"] == Status.RESOLVED and (ref, run) in self.settled
        if name != "claim" or before != '"resolved"' or body["after"] is not None:
            return False
        if self._backed(ref):
            self.settled.add((ref, run))
            return True
        return ref in self.asked and datetime.fromisoformat(body["recorded"]) >= self.asked[ref] + DAYS

    def _backed(self, ref: str) -> bool:
        """Whether as much is there as an item of this priority needs to count as resolved."""
        brought = self.brought.get(ref, {})
        match json.loads(self.values[ref, "priority"]):
            case "low":
                return True
            case "medium":
                return bool(brought)
            case _:
                return any(brought.values())

    def _items(self) -> None:
        for item in self.store.list_items():
            for name in FIELDS:
                assert self.values.get((item.ref, name)) == spelt(item, name), (item.ref, name)
        twice = {key: n for key, n in self.events.items() if n > 1}
        assert not twice, ("taken in twice", twice)

    def _far_sides(self) -> None:
        wrote: Counter[Key] = Counter((item, name) for far in self.fars.values() for item, name in far.written)
        missing, excess = wrote - self.pushed - self.found - self.unsure, self.pushed - wrote
        assert not missing, ("written and not recorded", missing)
        assert not excess, ("recorded and not written", excess)
        for tracker, far in self.fars.items():
            # What is in doubt on a ticket that is gone is told once that is there again, or its item parted from it.
            doubt = {i.key for i in self.store.open_intents(tracker) if i.kind is OperationKind.COMMENT}
            for stored in far.everything():
                ref = stored.ticket.ref.id
                made = self.tickets["ticket.created", tracker, ref]
                assert made == far.made(ref), (tracker, ref, "created", made)
                said = [a for a in stored.log if a.kind is ActivityKind.COMMENT and a.by.ours]
                untold = [a for a in said if self.comments["comment.sent", tracker, a.id] != 1]
                in_doubt = {a.marker_key for a in untold} & doubt if stored.gone is not None else set()
                perhaps = len(in_doubt) + (self.perhaps[tracker, stored.marker.item] if stored.marker else 0)
                assert len(untold) <= perhaps, (tracker, ref, untold)
        assert set(self.comments.values()) <= {1}, self.comments
