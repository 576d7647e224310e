"""Somebody with the tables of an auditor's pack, who answers questions from them, with nothing of ours."""

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

Row = dict[str, str]
CLOSED = ("resolved", "accepted_as_risk")
TOUCHES = {"comment.received": "comment", "comment.edited": "comment", "comment.deleted": "comment"} | {
    "evidence.added": "evidence",
    "evidence.reviewed": "evidence",
}
_TOLD = ("at", "recorded", "object", "action", "field", "before", "after", "reason", "account", "name")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FURTHER = re.compile('([;\t\r\n][" ]*)(?=[=+\\-@＝＋－＠])')
MATTERS = ("title", "description", "priority", "owner", "due_date", "controls", "risks")


@dataclass(frozen=True)
class Tables:
    """The tables of a pack, as rows."""

    folder: Path
    rows: Mapping[str, list[Row]]

    @classmethod
    def of(cls, folder: Path) -> "Tables":
        """Those of a pack that was unpacked there."""
        return cls(folder, {file.stem: _rows(file) for file in sorted(folder.glob("*.csv"))})

    def without(self, table: str, **values: str) -> "Tables":
        """The same without the rows that have these values."""
        rows = self.rows[table]
        left = [row for row in rows if any(row[name] != value for name, value in values.items())]
        assert left != rows, f"{table} has no row with {values}"
        return replace(self, rows={**self.rows, table: left})

    @cached_property
    def by_item(self) -> dict[str, list[Row]]:
        """What happened to each item, in the order in which it happened."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self.rows["events"], key=lambda row: (row["at"], int(row["record"]))):
            found[row["object"]].append(row)
        return found

    def open_on(self, day: date) -> set[str]:
        """Which items were open when the day ended: a risk is accepted to its last day and no longer."""
        return {item for item, rows in self.by_item.items() if _is_open(rows, day.isoformat())}

    def accepted(self) -> set[tuple[str, str, tuple[str, ...], str, str, str]]:
        """Who accepted the risk of which item: item, requester, approvers, why, until when, what became of it."""
        names = ("item", "requester", "approved_by", "justification", "until", "state")
        rows = (tuple(row[name] for name in names) for row in self.rows["acceptances"] if row["approved_by"])
        return {(item, who, tuple(sorted(by.split("; "))), *more) for item, who, by, *more in rows}  # type: ignore[misc]

    def proofs(self, item: str) -> set[str]:
        """The hashes of what people brought that shows that an item was fixed, and that are those of the files here."""
        told = {
            row["sha256"]
            for row in self.rows["evidence"]
            if item in row["items"].split("; ") and row["kind"] != "ticket_snapshot" and row["counts"] == "yes"
        }
        return {sha256 for sha256 in told if self._hash(sha256) == sha256}

    def _hash(self, sha256: str) -> str:
        file = self.folder / "evidence" / sha256
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""

    def moved_dates(self) -> set[tuple[str, str, str, str, str]]:
        """Which due dates moved: item, before, after, who asked for it, and who allowed it where that was needed."""
        asked = {(r["object"], json.loads(r["after"])["after"]): r for r in self._events("due.requested")}
        decided = {(r["object"], r["run"]): json.loads(r["after"]) for r in self._events("due.decided")}
        found = set()
        for row in self._events("item.changed", "due_date"):
            verdict, request = decided.get((row["object"], row["run"])), asked.get((row["object"], row["after"]))
            who = json.loads(request["after"])["requester"] if verdict and request else row["name"]
            found.add((row["object"], row["before"], row["after"], who, verdict["by"] if verdict else ""))
        return found

    def failing(self) -> set[tuple[str, str, str, int]]:
        """Which controls failed: from which day, to which, or to none, and on how many days of the period."""
        rows = [row for row in self.rows["controls"] if row["status"] == "failing"]
        return {(r["code"], r["since"][:10], r["until"][:10], int(r["days_in_period"])) for r in rows}

    def lost(self) -> set[tuple[str, str]]:
        """Which tickets are not where they were: the item, and what the ticket was called."""
        gone = {(row["object"], json.loads(row["before"])["key"]) for row in self._events("ticket.unlinked")}
        missed = {row["object"] for row in self._events("ticket.missing")}
        moved = {(row["object"], json.loads(row["before"])["key"]) for row in self._events("ticket.moved")}
        return {each for each in gone if each[0] in missed} | moved

    def late(self) -> set[str]:
        """Which items were done, but late."""
        return {row["item"] for row in self.rows["items"] if row["resolved_at"][:10] > row["due_date"]}

    def by_comment(self) -> set[tuple[str, str, str]]:
        """Which decisions came from a comment in a tracker: the item, the verdict, and who decided."""
        told = ((row["object"], json.loads(row["after"])) for row in self._events("acceptance.decided"))
        return {(item, after["verdict"], after["by"]) for item, after in told if after["channel"] == "comment"}

    def after_closing(self) -> set[tuple[str, str]]:
        """What people changed of items that were done or accepted by then: the item, and what of it."""
        return {touched for item, rows in self.by_item.items() for touched in _touched(item, rows)}

    def expired(self, day: date) -> set[tuple[str, str]]:
        """Which evidence had expired by a day: the piece, and its last day."""
        rows = [row for row in self.rows["evidence"] if row["expires_on"]]
        return {(row["evidence"], row["expires_on"]) for row in rows if row["expires_on"] < day.isoformat()}

    def missing(self, population: dict[str, str]) -> list[str]:
        """What speaks against that everything is there, which is known here by a source's own ids."""
        told = self._completeness["items"]
        groups = [told[name] for name in ("linked", "unlinked", "excluded")]
        here = {row["external_ref"]: row["item"] for row in self.rows["items"] if row["external_ref"]}
        refs = sorted(row["item"] for row in self.rows["items"])
        doubts = [f"{name} is not here" for name, ref in population.items() if here.get(name) != ref]
        if refs != [f"AI-{number:06}" for number in range(1, len(refs) + 1)]:
            doubts.append("a number of an item is not here")
        if sorted(ref for group in groups for ref in group["items"]) != refs:
            doubts.append("not every item is linked, unlinked or excluded")
        if [group["count"] for group in groups] != [len(group["items"]) for group in groups]:
            doubts.append("a count is not that of what is listed")
        if sorted(row["object"] for row in self._events("item.created")) != refs:
            doubts.append("the events tell of other items")
        return doubts

    def files(self) -> list[tuple[str, int]]:
        """Which files were taken in, by their hashes, and of how many rows it is said what came of them."""
        readings = sorted(
            (r for each in self._completeness["sources"].values() for r in each), key=lambda r: r["record"]
        )
        return [(reading["sha256"], _accounted(reading)) for reading in readings]

    def not_read(self) -> list[str]:
        """The trackers that did not show every linked ticket, and nothing else, when last asked for all; or never were.

        Most readings ask only for what is new: those say of `there` that nobody looked.
        """
        linked = Counter(self._completeness["items"]["linked"]["by_tracker"])
        asked = {
            name: [reading for reading in readings if reading["there"] is not None][-1:]
            for name, readings in self._completeness["trackers"].items()
        }
        shown = {name: [_found(reading) for reading in last] for name, last in asked.items()}
        return [name for name in sorted({*linked, *asked}) if shown.get(name) != [(linked[name],) * 2]]

    @cached_property
    def _completeness(self) -> Any:
        return json.loads((self.folder / "completeness.json").read_bytes())

    def astray(self) -> list[int]:
        """The records of which the table of events tells something else than the ledger, or nothing at all."""
        told = {int(row["record"]): {name: row[name] for name in _TOLD} for row in self.rows["events"]}
        texts = {row["hash"]: row["text"] for row in map(json.loads, _lines(self.folder / "texts.jsonl"))}
        records = (_said(json.loads(line), texts) for line in _lines(self.folder / "ledger.jsonl"))
        meant = {int(record["seq"]): {name: record[name] for name in _TOLD} for record in records}
        return sorted(seq for seq in told.keys() | meant.keys() if told.get(seq) != meant.get(seq))

    def _events(self, action: str, field: str | None = None) -> Iterator[Row]:
        return (row for row in self.rows["events"] if row["action"] == action and field in (None, row["field"]))


def _rows(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split("\n")[:-1]


def _said(record: Any, texts: dict[str, str]) -> Row:
    """What a record says, as the table of events would say it."""
    shown = _shown(record, texts)
    shown |= {"record": record["seq"], "account": shown["actor"]["account"], "name": shown["actor"]["name"]}
    return {name: _cell(value) for name, value in shown.items()}


def _shown(value: Any, texts: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_shown(each, texts) for each in value]
    if isinstance(value, dict):
        if list(value) == ["salted"]:
            return texts.get(value["salted"], "(erased)")
        return {name: _shown(each, texts) for name, each in value.items()}
    return value


def _cell(value: Any) -> str:
    """A value as a table shows it: with an apostrophe where a spreadsheet would take it for a formula."""
    text = (
        value or ""
        if value is None or isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
    text = _FURTHER.sub(r"\1'", text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _is_open(rows: list[Row], day: str) -> bool:
    status, until = "", ""
    for row in rows:
        if row["at"][:10] > day:
            break
        if row["action"] == "item.created":
            status = json.loads(row["after"])["status"]
        elif row["action"] == "item.changed" and row["field"] == "status":
            status = row["after"]
        elif row["action"] == "item.changed" and row["field"] == "accepted":
            until = json.loads(row["after"])["until"] if row["after"] else ""
    return status in ("open", "in_progress") or (status == "accepted_as_risk" and until < day)


def _found(reading: Any) -> tuple[int, int]:
    """How many tickets are linked by a reading, and how many it found; -1 where it lacked some, or found others too."""
    is_all = not reading["missing"] and not reading["of_no_item"]["count"]
    return reading["linked"], sum(reading["there"]) if is_all else -1


def _accounted(reading: Any) -> int:
    rows = sum(count for name, count in reading["rows"].items() if name != "withdrawn")
    return int(rows + sum(each["count"] for each in reading["out"].values()))


def _touched(item: str, rows: list[Row]) -> Iterator[tuple[str, str]]:
    closed = ""
    for row in rows:
        action, field = row["action"], row["field"]
        if action == "item.changed" and field == "status":
            closed = row["at"] if row["after"] in CLOSED else ""
        elif closed and row["at"] > closed and row["person_kind"] == "human":
            if action == "item.changed" and field in MATTERS:
                yield item, field
            elif action in TOUCHES:
                yield item, TOUCHES[action]
