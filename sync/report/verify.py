#!/usr/bin/env python3
"""Check an auditor's pack on a machine of your own, with nothing but Python 3.9 or later and this one file.

    python3 verify.py pack.zip --pubkey KEY --checkpoints FOLDER
    python3 verify.py record-12.tlog-proof --pubkey KEY --checkpoints FOLDER

KEY is the public key of who signs the ledger, and FOLDER holds checkpoints, or is an earlier pack: get both, and this
file, from anywhere but from whoever gave you the pack, or they prove nothing. It exits with 0 where all is sound and a
checkpoint of yours vouches for it, 1 where something was altered, 2 where that cannot be decided, and 3 where it was
asked wrongly. It was written apart from the program that makes packs and shares nothing with it, so that neither hides
the other's faults.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import csv
import hashlib
import hmac
import io
import json
import re
import sys
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache, partial
from itertools import groupby, product
from math import inf
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

SOUND, ALTERED, UNDECIDED, USAGE = 0, 1, 2, 3
NEWER = 100  # so many records may be newer than the checkpoint that vouches for the rest
SHOWN = 10
WORDS = {
    "events": ("what", "source"),
    "evidence": ("what the policy asks for",),
    "acceptances": ("requested_in",),
    "risks": ("a statement that is empty",),
    "controls": ("which a framework has", "title", "owner"),
}
"""What the tables say in words of their own, or by what is in no record."""
LONGEST = 16_000  # so many bytes a checkpoint has at most
TOLERANCE = timedelta(minutes=5)  # so far a clock may go back between two records before that is told
MANIFEST, SIGNED = "manifest.json", "manifest.sig"
HEADINGS = {
    "items": (
        "item title priority original_priority status owner original_due_date due_date due_date_changes late "
        "created_at resolved_at reopened controls risks source_kind source_ref external_ref predecessor "
        "part_of tracker ticket ticket_url ticket_missing evidence acceptances in_period status_at_start "
        "description_sha256 record"
    ),
    "events": (
        "record at recorded object action field what before after words reason person_kind account name "
        "system source run tracker_event in_period"
    ),
    "evidence": (
        "evidence version items controls kind shows brought_by captured_at origin remote_id url sha256 size "
        "stored period_start period_end expires_on counts why_not review reviewed_by reviewed_at "
        "review_reason link link_seen_at in_period record"
    ),
    "acceptances": (
        "acceptance item state requester requested_at requested_in justification compensating conditions "
        "likelihood impact until approved_by approved_at approval_channel authority typed_by approval_comment "
        "decisions approver_asked_for_it active_from ended_at ended_why renewal_of record"
    ),
    "risks": (
        "risk statement owner treatment next_review items before_likelihood before_impact inherent_likelihood "
        "inherent_impact current_likelihood current_impact target_likelihood target_impact "
        "current_at_start_likelihood current_at_start_impact scores statement_sha256"
    ),
    "controls": (
        "control framework code title owner status since until days_in_period why exempted_by exempted_why items record"
    ),
}
"""The columns of each table."""
TABLES = tuple(HEADINGS)
COUNTED = {"evidence": "versions of evidence"}
COMPARED = re.compile(
    r"(ledger|texts)\.jsonl|checkpoints/.*\.note|evidence/.*|(evidence|completeness|redactions|manifest)\.json"
    rf"|({'|'.join(TABLES)})\.csv|manifest\.sig"
)
ALWAYS = ["index.html", "report.xlsx", *(f"{name}.csv" for name in TABLES)]


class Wrong(Exception):
    """Something that is not as it should be."""


# --- Ed25519 (RFC 8032) ---------------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def plus(p: Point, q: Point) -> Point:
    """The sum of two points, in extended coordinates."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point(raw: bytes) -> Point:
    """The point that 32 bytes stand for."""
    number = int.from_bytes(raw, "little")
    y, odd = number & (1 << 255) - 1, number >> 255
    if len(raw) != 32 or y >= P:
        raise Wrong("a key is no point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and odd):
        raise Wrong("a key is no point of the curve")
    x = x if x & 1 == odd else P - x
    return x, y, 1, x * y % P


@lru_cache(maxsize=64)
def multiples(raw: bytes) -> list[list[Point]]:
    """Of a point, its 0- to 15-fold times every power of 16."""
    base, rows = point(raw), []
    for _ in range(64):
        row = [NEUTRAL]
        for _ in range(16):
            row.append(plus(row[-1], base))
        base = row.pop()
        rows.append(row)
    return rows


def times(factor: int, rows: list[list[Point]]) -> Point:
    """A multiple of the point of which these are multiples."""
    total = NEUTRAL
    for row in rows:
        total = plus(total, row[factor & 15])
        factor >>= 4
    return total


GENERATOR = bytes.fromhex("58" + "66" * 31)


@lru_cache(maxsize=4096)
def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of a key signed a message."""
    if len(signature) != 64 or len(public) != 32:
        return False
    factor = int.from_bytes(signature[32:], "little")
    if factor >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    try:
        x, y, z, _ = plus(times(factor, multiples(GENERATOR)), times(ORDER - challenge, multiples(public)))
    except Wrong:
        return False
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- Checkpoints (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint) -------------------------------------


EPOCH = "/epoch-([2-9]|[1-9][0-9]{1,8})"


class Key(NamedTuple):
    """A public key by its name."""

    name: str
    id: bytes
    raw: bytes


class Checkpoint(NamedTuple):
    """How many records of which ledger have which root, and where that is written."""

    origin: str
    size: int
    root: bytes
    place: str
    signers: tuple[Key, ...] = ()
    successor: str = ""

    @property
    def epoch(self) -> int:
        """How often the ledger was begun."""
        found = re.search(f"{EPOCH}$", self.origin)
        return int(found.group(1)) if found else 1

    def continues(self, other: Checkpoint) -> bool:
        """Whether the same key signed both, this one of no earlier beginning of the ledger."""
        return self.epoch >= other.epoch and bool({*self.signers} & {*other.signers})


def decoded(text: str) -> bytes:
    """The bytes of a text in Base 64, which is the only one for them."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("something is not in Base 64") from None
    if base64.b64encode(raw).decode() != text:
        raise Wrong("something is not in Base 64")
    return raw


def key(text: str) -> Key:
    """A public key as people hand it out, NAME+ID+KEY."""
    parts = text.strip().partition(" ")[0].split("+", 2)  # What stands behind it in a list of keys is no part of it.
    raw = decoded(parts[2]) if len(parts) == 3 else b""
    if len(raw) != 33 or raw[0] != 1:
        raise Wrong("a public key reads NAME+ID+KEY, and is one of Ed25519")
    id_ = hashlib.sha256(parts[0].encode() + b"\n" + raw).digest()[:4]
    if id_.hex() != parts[1]:
        raise Wrong("the parts of the public key do not belong together")
    return Key(parts[0], id_, raw[1:])


def signed(note: str, keys: Iterable[Key]) -> tuple[list[str], list[Key]]:
    """The lines that a note signs, and which of the keys signed them; raises `Wrong` where one of those did not."""
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n") or len(note.encode()) > LONGEST:
        raise Wrong("it is no signed note")
    signers = []
    for line in lines[:-1].split("\n"):
        found = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        if not found:
            raise Wrong("a line that should be a signature is none")
        raw = decoded(found.group(2))
        for known in keys:
            if (known.name, known.id) == (found.group(1), raw[:4]):
                if not is_signed(known.raw, (text + "\n").encode(), raw[4:]):
                    raise Wrong(f"the signature of {known.name} is not of this text")
                signers.append(known)
    return text.split("\n"), signers


def checkpoint(note: str, place: str, keys: Iterable[Key]) -> Checkpoint:
    """What a note states; it counts only if one of the keys signed it."""
    head, signers = signed(note, keys)
    if len(head) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,17}", head[1]):
        raise Wrong("it is no checkpoint")
    root = decoded(head[2])
    if len(root) != 32:
        raise Wrong("its root is none")
    if not signers:
        raise Wrong("none of the keys that were named signed it")
    if not any(head[0] == each.name or re.fullmatch(re.escape(each.name) + EPOCH, head[0]) for each in signers):
        raise Wrong(f"it is about {head[0]}, which none of its signers speaks for")
    successor = next((line[4:] for line in head[3:] if line.startswith("key ")), "")
    return Checkpoint(head[0], int(head[1]), root, place, tuple(signers), successor)


# --- The ledger -------------------------------------------------------------------------------------------------------


def unfit(text: str) -> NoReturn:
    """Refuse what a record cannot hold."""
    raise ValueError(text)


def whole(digits: str) -> int:
    """A number as records may hold it."""
    return int(digits) if len(digits) < 18 and abs(int(digits)) < 2**53 else unfit(digits)


def ordered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand in the order of RFC 8785, each once."""
    names = [name.encode("utf-16-be") for name, _ in pairs]
    return dict(pairs) if all(one < other for one, other in zip(names, names[1:])) else unfit("order")


STRICT: dict[str, Any] = {"parse_float": unfit, "parse_constant": unfit, "parse_int": whole}
FORM: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}
READ, READ_ORDERED = json.JSONDecoder(**STRICT), json.JSONDecoder(object_pairs_hook=ordered, **STRICT)
WRITE_SORTED, WRITE = json.JSONEncoder(sort_keys=True, **FORM), json.JSONEncoder(**FORM)
SHOWN_AS = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def record(line: bytes) -> dict[str, Any]:
    """What a line says; raises `Wrong` unless it is the one canonical form of that (RFC 8785).

    Where all of it is ASCII, names in the order of their characters stand in the right one, and it is quicker.
    """
    with suppress(ValueError, RecursionError):
        text = line.decode()
        plain = text.isascii()
        body = (READ if plain else READ_ORDERED).decode(text)
        if (WRITE_SORTED if plain else WRITE).encode(body) == text and isinstance(body, dict):
            return body
    raise Wrong("is not a record in its canonical form")


HASH = re.compile("[0-9a-f]{64}")
STANDING = re.compile(rb'\{"salted":"[0-9a-f]{64}"\}')
MOMENT = re.compile(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{6}Z", re.ASCII)
PARTS = {"v", "seq", "prev", "at", "recorded", "actor", "source", "action", "object", "field"} | {
    *("before", "after", "reason"),
}


def whole_record(body: dict[str, Any], line: bytes) -> bool:
    """Whether a record has the parts of one; what it says was before and after may be anything."""

    def told(value: Any) -> bool:
        return isinstance(value, str) or (isinstance(value, dict) and list(value) == ["salted"])

    def moment(text: str) -> bool:
        return MOMENT.fullmatch(text) is not None and datetime.fromisoformat(text[:-1]) is not None

    if line.count(b'"salted":') != len(STANDING.findall(line)) or set(body) != PARTS:
        return False
    actor, source = body["actor"], body["source"]
    try:
        texts = [body[name] for name in ("prev", "at", "recorded", "action", "object", "field")]
        texts += [source["run"], source["event"], actor["kind"], actor["system"]]
        return (
            (type(body["v"]), type(body["seq"]), len(actor), len(source)) == (int, int, 4, 2)
            and body["v"] in (1, 2)
            and all(isinstance(each, str) for each in texts)
            and actor["kind"] in ("human", "bot", "schedule", "unknown")
            and all(map(told, (actor["account"], actor["name"], body["reason"])))
            and moment(body["at"])
            and moment(body["recorded"])
        )
    except (KeyError, TypeError, ValueError):
        return False


def said(value: Any, name: str) -> Any:
    """What an object in a record says under a name, nothing where it is no such object."""
    return value.get(name) if isinstance(value, dict) else None


def commitments(value: Any) -> Iterator[str]:
    """What stands for personal texts in a record."""
    if isinstance(value, dict):
        if list(value) == ["salted"] and isinstance(value["salted"], str):
            yield value["salted"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from commitments(each)


WHAT = ("at", "recorded", "object", "action", "field", "before", "after", "reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
FURTHER = re.compile('([;\t\r\n][" ]*)(?=[=+\\-@＝＋－＠])')
GUARD = re.compile("(?<=[;\t\r\n\" ])'(?=[=+\\-@＝＋－＠])")
WHO = {"person_kind": "kind", "account": "account", "name": "name", "system": "system"}
FROM = {"run": "run", "tracker_event": "event"}
SHOWS = (*WHAT, *WHO, *FROM, "words", "in_period")


def cell(value: Any) -> str:
    """What a cell is to say, with an apostrophe before what a spreadsheet would take for a formula."""
    text = "" if value is None else value if isinstance(value, str) else SHOWN_AS.encode(value)
    text = FURTHER.sub(r"\1'", text)
    return f"'{text}" if text.startswith(FORMULA) else text


def originals(shown: str) -> Iterator[str]:
    """The texts of which a cell may be: an apostrophe in it may be theirs, or ward off a formula."""
    guards = [found.start() for found in GUARD.finditer(shown)]
    guards = ([0] if shown.startswith("'") else []) + guards
    for left in product((True, False), repeat=len(guards)) if len(guards) < 10 else ((True,) * len(guards),):
        without = {at for at, gone in zip(guards, left) if gone}
        text = "".join(each for at, each in enumerate(shown) if at not in without)
        if cell(text) == shown:
            yield text


SIZE = 16


def brief(cells: list[str]) -> bytes:
    """So many bytes as `SIZE` for what cells say, or are to say."""
    return hashlib.sha256(WRITE.encode(cells).encode("utf-8", "surrogatepass")).digest()[:SIZE]


def digest(text: str) -> str:
    """What a record holds of a text that is not in it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def quoted(told: dict[str, Any]) -> str:
    """The words that somebody used in a record, if there are any."""
    said_by_name = (said(told["after"], name) for name in ("text", "justification", "reason", "shows", "detail", "why"))
    text = next((str(each) for each in said_by_name if each), "")
    return "\n".join(dict.fromkeys(filter(None, (text, told["reason"]))))


def in_words(value: Any, texts: dict[bytes, str]) -> Any:
    """What a record says, with the personal texts where it stands for them."""
    if isinstance(value, list):
        return [in_words(each, texts) for each in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["salted"] and isinstance(value["salted"], str):
        return texts.get(bytes.fromhex(value["salted"]), "(erased)")
    return {name: in_words(each, texts) for name, each in value.items()}


ITEM, DAY = re.compile("AI-[0-9]{6,}"), re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
CHOICES = {
    "priority": ("critical", "high", "medium", "low"),
    "status": ("open", "in_progress", "resolved", "accepted_as_risk"),
    "source_kind": ("automated_test", "unimplemented_control", "manual", "assessment"),
}


def is_item(told: dict[str, Any]) -> bool:
    """Whether a record that an item was made says of it all that such records say."""
    after = told["after"]
    try:
        one, two, pairs, due = after["controls"], after["risks"], after.get("origin"), after["due_date"]
        pairs = [] if pairs is None else [*map(list, pairs.items())] if isinstance(pairs, dict) else pairs
        words = [*one, *two, *(each for pair in pairs for each in pair), after["title"], due]
        return (
            all(type(each) is list for each in (one, two, pairs, *pairs))
            and all(len(pair) == 2 for pair in pairs)
            and all(type(each) is str for each in words)
            and says(after, (), ("owner", "source_ref", "external_ref", "fingerprint", "predecessor"))
            and all(after[name] in some for name, some in CHOICES.items())
            and HASH.fullmatch(after["description"]["sha256"]) is not None
            and ITEM.fullmatch(told["object"]) is not None
            and is_day(due)
        )
    except (KeyError, TypeError, ValueError):
        return False


def says(value: Any, texts: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether this is an object with these texts, and others where it has them; earlier versions wrote fewer."""
    some = {type(value.get(name)) for name in texts} | {str} if isinstance(value, dict) else {None}
    return some == {str} and all(value.get(name) is None or type(value[name]) is str for name in others)


LISTED = ("id", "version", "kind", "size", "captured_at", "origin")
AT_FIRST = {"original_priority": "priority", "original_due_date": "due_date"}
TOLD = (
    *("title", "priority", "owner", "due_date", "controls", "risks", "source_kind", "source_ref", "external_ref"),
    *("predecessor", "part_of", "description_sha256", "record", *AT_FIRST),
)
"""What a table says of an item that is compared with its records, beside its status."""
UNTOLD = bytes(SIZE)
"""For what a record says in another way than the program."""


def as_cell(name: str, value: Any) -> bytes:
    """What a table is to say of an item under a name, by what a record says."""
    if name in CHOICES:
        well = value in CHOICES[name]
    elif name in ("controls", "risks"):
        well = type(value) is list and all(type(each) is str for each in value)
        value = joined(value) if well else value
    elif name in ("title", "due_date"):
        well = type(value) is str and (name == "title" or is_day(value))
    else:
        well = value is None or type(value) is str
    return brief([cell(value)]) if well else UNTOLD


def is_day(text: str) -> bool:
    """Whether this is a date as records write it."""
    with suppress(ValueError):
        return DAY.fullmatch(text) is not None and date.fromisoformat(text) is not None
    return False


MIDNIGHT = "T00:00:00.000000Z"


def day(moment: str) -> date:
    """The day of a time as records write it."""
    return date.fromisoformat(moment[:10])


class Days(NamedTuple):
    """The days of a pack: the last of them, when the first begins, and when the day after the last does."""

    last: str
    begin: str
    end: str

    @staticmethod
    def of(period: dict[str, Any]) -> Days:
        """Those that a manifest names."""
        first, last = (date.fromisoformat(period[name]) for name in ("from", "to"))
        return Days(str(last), f"{first}{MIDNIGHT}", f"{last + timedelta(days=1)}{MIDNIGHT}")

    def has(self, at: str) -> bool:
        """Whether a time lies in them."""
        return self.begin <= at < self.end

    def touched(self, since: str, until: str) -> int:
        """On how many of them something was so."""
        first, end = max(since, self.begin), min(until or self.end, self.end)
        return (day(end) - day(first)).days + (not end.endswith(MIDNIGHT)) if first < end else 0


class Account:
    """What the records make of each item and each file of evidence, and of what was read, in the days of a pack."""

    def __init__(self, days: Days) -> None:
        self.since, self.until = days.begin, days.end
        self.items: dict[str, dict[str, Any]] = {}
        self.begun: set[str] = set()
        self.read: dict[str, dict[str, list[Any]]] = {"source.read": {}, "tracker.read": {}}
        self.files: dict[str, dict[Any, dict[str, Any]]] = {}
        self.kept: dict[str, int] = {}

    def hear(self, body: dict[str, Any]) -> None:
        """One more record, with the texts in it."""
        about, action, at, after = body["object"], body["action"], body["at"], body["after"]
        if action in ("evidence.added", "evidence.stored"):
            self._show(body["seq"], about, action == "evidence.stored", after)
        elif action == "item.created":
            if about not in self.begun and is_item(body):
                self.begun.add(about)
                if at < self.until:
                    about_it = {"description_sha256": after["description"]["sha256"], "record": str(body["seq"])}
                    about_it |= {name: after[first] for name, first in AT_FIRST.items()}
                    told = b"".join(as_cell(name, (after | about_it).get(name)) for name in TOLD)
                    none: dict[str, Any] = {"tracker": None, "part_of": None, "holds": {}}
                    one = {"status": after["status"], "source": after["source_kind"], "told": bytearray(told)}
                    self.items[about] = one | none
        elif action in self.read and self.since <= at < self.until:
            if isinstance(after, dict) and (about in self.begun or not ITEM.fullmatch(about)):
                self.read[action].setdefault(about, []).append({"record": body["seq"], "at": at, **after})
        elif about in self.items and at < self.until:
            self._change(self.items[about], action, body["field"], body["before"], after)

    @staticmethod
    def _change(item: dict[str, Any], action: str, field: str, before: Any, after: Any) -> None:
        """What a record makes of an item; one that says it in another way than the program makes nothing of it."""
        both, where = (before, after), f"{action} {field}"
        name = "description_sha256" if field == "description" else field
        if action == "item.changed" and name in TOLD:
            both_told = [as_cell(name, said(each, "sha256") if field == "description" else each) for each in both]
            at = TOLD.index(name) * SIZE
            item["told"][at : at + SIZE] = both_told[1] if UNTOLD not in both_told else UNTOLD
        ticket = [each is None or says(each, ("tracker", "id"), ("key", "url")) for each in both]
        if where == "item.changed status" and all(each in CHOICES["status"] for each in both):
            item["status"] = after
        elif where == "item.changed part_of" and all(each is None or isinstance(each, str) for each in both):
            item["part_of"] = after
        elif action in ("ticket.created", "ticket.linked") and all(ticket) and after is not None:
            item["tracker"] = after["tracker"]
        elif action == "ticket.unlinked" and ticket[0]:
            item["tracker"] = None
        elif action == "hold.opened" and says(after, ("id", "kind"), ()):
            item["holds"][after["id"]] = after["kind"]
        elif action == "hold.settled" and says(before, ("id",), ()) and (after is None or isinstance(after, dict)):
            item["holds"].pop(before["id"], None)

    def _show(self, seq: int, about: str, stored: bool, after: Any) -> None:
        sha256 = said(after, "sha256")
        if not isinstance(sha256, str) or not HASH.fullmatch(sha256):
            return
        told = self.files.setdefault(sha256, {})
        if stored or after.get("stored") is True:
            self.kept.setdefault(sha256, seq)
        if not stored:
            piece: dict[str, Any] = {name: after.get(name) for name in LISTED}
            one = (str(after.get("id")), str(after.get("version")))
            told.setdefault(one, {**piece, "supports": [], "record": seq})["supports"].append(about)

    def sorted_out(self) -> dict[str, dict[str, str]]:
        """Which items have a ticket, and in which tracker, are to have one, and are to have none, and why."""
        found: dict[str, dict[str, str]] = {"linked": {}, "unlinked": {}, "excluded": {}}
        for ref, item in self.items.items():
            if item["tracker"] is not None:
                found["linked"][ref] = item["tracker"]
            elif item["status"] not in ("open", "in_progress"):
                found["excluded"][ref] = "the item is finished and needs no ticket"
            elif item["part_of"] is not None:
                found["excluded"][ref] = f"the ticket of {item['part_of']} lists it"
            else:
                held = ", ".join(f"held: {kind}" for kind in sorted({*item["holds"].values()}))
                found["unlinked"][ref] = held or "the next sync is to make one"
        return found


# --- What the tables are to show --------------------------------------------------------------------------------------

LAPSED = "its acceptance has lapsed"
BY_POLICY = {
    ("no", why) for why in ("the policy asks for none of its kind", "the review that the policy asks for is missing")
}
ENDS = {"rejected", "withdrawn", "revoked", "voided", "lapsed", "renewed"}
ENHANCED = re.compile(r"\((\w+)\)")
SCORES, RATES = ("inherent", "current", "target"), ("likelihood", "impact")
Row = dict[str, Any]


def yes(so: bool) -> str:
    """A truth in a cell."""
    return "yes" if so else "no"


def joined(some: Iterable[str]) -> str:
    """Texts in one cell."""
    return "; ".join(filter(None, some))


def same_name(name: str) -> str:
    """The name of a control or a risk as names are compared."""
    return ENHANCED.sub(r".\1", "".join(name.split())).replace("/", ":").casefold()


def in_order(refs: Iterable[str]) -> list[str]:
    """Items in the order of their numbers."""
    return sorted(set(refs), key=lambda ref: (int(ref[3:]) if ref[3:].isdecimal() else 0, ref))


class Item:
    """What became of an item: its statuses with the time since when, its ticket, and what else its row shows."""

    def __init__(self, told: dict[str, Any]) -> None:
        after = told["after"]
        self.values = {name: after.get(name) for name in ("due_date", "accepted", "controls", "risks")}
        self.made, self.spans = told["at"], [(str(after["status"]), str(told["at"]), "")]
        self.resolved, self.delays = "", 0
        self.opened_again: list[str] = []
        self.ticket: dict[str, str] = {}

    def change(self, told: dict[str, Any], end: str) -> None:
        """One more record that it was changed."""
        field, at, after = told["field"], told["at"], told["after"]
        self.delays += field == "due_date"
        if field in self.values:
            self.values[field] = after
        if field != "status":
            return
        since = max(at, self.spans[-1][1])
        self.lapse(min(since, end))
        if (self.spans[-1][0], self.spans[-1][2]) != (after, LAPSED):
            self.spans.append((after, since, ""))
        self.resolved = at if after == "resolved" else ""
        if told["before"] == "resolved":
            self.opened_again.append(at)

    def lapse(self, before: str) -> None:
        """Open it on the day after the last one of the acceptance that binds it, if that was before a time."""
        (status, since, _), until = self.spans[-1], said(self.values["accepted"], "until")
        if status == "accepted_as_risk" and until and until < before[:10]:
            over = f"{date.fromisoformat(until) + timedelta(days=1)}{MIDNIGHT}"
            if since <= over < before:
                self.spans.append(("open", over, LAPSED))

    def row(self, days: Days, *, touched: bool) -> Row:
        """What a table says of it, but for what `Account` compares."""
        statuses = [status for status, _, _ in self.spans]
        due, late = self.values["due_date"], self.resolved[:10] > self.values["due_date"]
        if not self.resolved:
            late = statuses[-1] in ("open", "in_progress") and due < days.last
        early = [status for status, since, _ in self.spans if since <= days.begin][-1:]
        begun = [status for status, since, _ in self.spans if since < days.begin][-1:]
        none = dict.fromkeys(("tracker", "ticket", "ticket_url", "ticket_missing"), "")
        return {
            **none,
            **self.ticket,
            "status": statuses[-1],
            "late": yes(late),
            "created_at": self.made,
            "resolved_at": self.resolved,
            "due_date_changes": self.delays,
            "reopened": sum(a == "resolved" != b for a, b in zip(statuses, statuses[1:])),
            "in_period": yes(touched or early not in ([], ["resolved"])),
            "status_at_start": "".join(begun),
        }


def number(text: str) -> int:
    """A number as tables write it."""
    if not re.fullmatch("0|-?[1-9][0-9]{0,17}", text, re.ASCII):
        raise Wrong(f"{text} is no number as tables write it")
    return int(text)


def row_of(table: str, row: dict[str, str]) -> Any:
    """What a row of a table is of."""
    if table == "evidence":
        return row["evidence"], number(row["version"])
    if table == "controls":
        return row["framework"], row["code"]
    return row[{"items": "item", "acceptances": "acceptance", "risks": "risk"}[table]]


class Rows:
    """What the records make of the rows of the tables, but for those that are listed as none of the program's."""

    def __init__(self, days: Days, strange: Iterable[str]) -> None:
        self.days = days
        self.strange = {int(each) for each in strange}
        self.passed_over: dict[str, str] = {}
        self.counts: dict[str, list[Any]] = {}
        self.items: dict[str, Item] = {}
        self.frameworks: dict[str, tuple[str, int]] = {}
        self.controls: dict[str, list[dict[str, Any]]] = {}
        self.acceptances: dict[str, dict[str, Any]] = {}
        self.pieces: dict[tuple[str, int], dict[str, Any]] = {}
        self.risks: dict[str, dict[str, Any]] = {}
        self.scores: dict[str, list[dict[str, Any]]] = {}
        self._all: dict[str, dict[Any, Any]] = {"items": self.items, "evidence": self.pieces}
        self._all |= {"acceptances": self.acceptances, "risks": self.risks}
        self._touched: set[str] = set()
        self._naming: dict[tuple[str, str], list[str]] = {}
        self._newest: dict[str, int] = {}
        self._proof: dict[tuple[str, str], dict[str, None]] = {}

    def hear(self, told: dict[str, Any]) -> None:
        """One more record."""
        if told["seq"] in self.strange:
            self.passed_over[str(told["seq"])] = f"{told['action']} of {told['object']}"
        elif told["action"] == "framework.added":
            self.counts.setdefault(told["object"], []).append(said(told["after"], "controls"))
        if told["seq"] in self.strange or told["at"] >= self.days.end:
            return
        kind, about = told["action"].partition(".")[0], told["object"]
        if told["action"] == "item.created":
            self.items[about] = Item(told)
        elif told["action"] == "item.changed" and about in self.items:
            self.items[about].change(told, self.days.end)
        elif kind in HEARD:
            HEARD[kind](self, told)
        if told["at"] >= self.days.begin:
            self._touched.add(about)

    def _ticket(self, told: dict[str, Any]) -> None:
        item, action, after = self.items.get(told["object"]), told["action"].partition(".")[2], told["after"]
        if item is not None and action in ("created", "linked", "moved"):
            one = {name: str(said(after, name) or "") for name in ("tracker", "key", "id", "url")}
            name = one["key"] or one["id"]
            item.ticket = {"tracker": one["tracker"], "ticket": name, "ticket_url": one["url"], "ticket_missing": "no"}
        elif item is not None and item.ticket and action in ("missing", "found"):
            item.ticket["ticket_missing"] = yes(action == "missing")

    def _framework(self, told: dict[str, Any]) -> None:
        self.frameworks.setdefault(told["object"], (told["at"], told["seq"]))

    def _control(self, told: dict[str, Any]) -> None:
        self.controls.setdefault(told["object"], []).append(told)

    def _risk(self, told: dict[str, Any]) -> None:
        about, after = told["object"], told["after"]
        if told["action"] == "risk.added":
            self.risks[about] = {name: after.get(name) for name in ("statement", "owner", "treatment", "next_review")}
        elif told["action"] == "risk.changed" and about in self.risks:
            self.risks[about][told["field"]] = after
        elif told["action"] == "risk.scored":
            self.scores.setdefault(about, []).append({**after, "kind": told["field"], "at": told["at"]})

    def _acceptance(self, told: dict[str, Any]) -> None:
        action, after = told["action"].partition(".")[2], told["after"]
        one = self.acceptances.get(after["ref"])
        if one is None:
            if action == "requested":
                start = {"asked": told, "terms": after, "state": action, "decided": [], "began": "", "ended": ""}
                self.acceptances[after["ref"]] = start
        elif action == "decided":
            one["decided"].append({**after, "at": told["at"], "comment": ""})
        elif action == "questioned":
            for each in one["decided"]:
                if (each.get("event") or "") == (after.get("event") or ""):
                    each["comment"] = after["comment"]
        elif action in {"active", "amended"} | ENDS:
            one["terms"] = after
            if action != "amended":
                one["state"] = action
                one["began" if action == "active" else "ended"] = told["at"]

    def _evidence(self, told: dict[str, Any]) -> None:
        action, about, after = told["action"].partition(".")[2], told["object"], told["after"]
        which = (after["id"], after["version"])
        if action == "added":
            new = {"told": told, "items": [], "controls": [], "stored": after["stored"], "review": {}, "check": {}}
            one = self.pieces.setdefault(which, new)
            one["items" if ITEM.fullmatch(about) else "controls"].append(about)
        elif which in self.pieces and about == (*(one := self.pieces[which])["items"], *one["controls"])[0]:
            if action == "stored":
                one["stored"] = True
            else:
                one["review" if action == "reviewed" else "check"] = {**after, "at": told["at"]}

    def close(self) -> None:
        """Find out what is named by what, once every record was heard."""
        for ref, item in self.items.items():
            item.lapse(self.days.end)
            for named in {(field, same_name(each)) for field in ("controls", "risks") for each in item.values[field]}:
                self._naming.setdefault(named, []).append(ref)
        for (id_, version), one in sorted(self.pieces.items()):
            self._newest[id_] = version
            for ref in one["items"]:
                self._proof.setdefault(("evidence", ref), {})[id_] = None
        for id_, one in sorted(self.acceptances.items()):
            self._proof.setdefault(("acceptances", one["asked"]["object"]), {})[id_] = None

    def due(self, table: str, shown: set[str] | None, framework: str) -> set[Any]:
        """What must have rows in a table; of controls those of which something was recorded.

        Where the tables are confined to the items that are `shown`, that is what is theirs, and controls of the
        framework, if it is one that they are confined to.
        """
        if table == "controls":
            return {each for id_ in self.controls for each in self._parts(id_, framework)}
        every = {*self._all[table]}
        if shown is None or table == "items":
            return every if shown is None else set()
        if table == "evidence":
            return {which for which in every if shown & {*self.pieces[which]["items"]}}
        if table == "acceptances":
            return {ref for ref in every if self.acceptances[ref]["asked"]["object"] in shown}
        return {id_ for id_ in every if shown & {*self._naming.get(("risks", same_name(id_)), ())}}

    def of(self, table: str, row: dict[str, str]) -> list[Row]:
        """All rows that are to stand there of what this one is of, compared in the columns that these have."""
        which = row_of(table, row)
        if table == "controls":
            return [*self._of_control(*which)] if which[0] in self.frameworks else []
        made: dict[str, Callable[[Any, dict[str, str]], Row]] = {
            "items": self._of_item,
            "evidence": self._of_piece,
            "acceptances": self._of_acceptance,
            "risks": self._of_risk,
        }
        return [made[table](which, row)] if which in self._all[table] else []

    def _of_item(self, ref: str, _: dict[str, str]) -> Row:
        shown = {name: joined(self._proof.get((name, ref), ())) for name in ("evidence", "acceptances")}
        return self.items[ref].row(self.days, touched=ref in self._touched) | shown

    def _of_piece(self, which: tuple[str, int], row: dict[str, str]) -> Row:
        one = self.pieces[which]
        after, at, review, check = one["told"]["after"], one["told"]["at"], one["review"], one["check"]
        why_not = self._why_not(which, one)
        policy = not why_not and (row["counts"], row["why_not"]) in BY_POLICY  # The policy is in no record.
        same = ("kind", "shows", "captured_at", "origin", "remote_id", "url", "sha256", "size", "expires_on")
        return {
            **{name: after.get(name) for name in (*same, "period_start", "period_end")},
            **({} if policy else {"counts": yes(not why_not), "why_not": why_not}),
            "items": joined(one["items"]),
            "controls": joined(one["controls"]),
            "brought_by": after.get("by"),
            "stored": yes(one["stored"]),
            "review": review.get("verdict"),
            "reviewed_by": review.get("by"),
            "reviewed_at": review.get("at"),
            "review_reason": review.get("reason"),
            "link": check.get("health"),
            "link_seen_at": check.get("at"),
            "in_period": yes(self.days.has(at)),
            "record": one["told"]["seq"],
        }

    def _why_not(self, which: tuple[str, int], one: dict[str, Any]) -> str:
        """Why a piece of evidence did not count any more on the last day, by what was recorded."""
        review, check, expires = one["review"], one["check"], one["told"]["after"].get("expires_on")
        if which[1] < self._newest[which[0]]:
            return "replaced by a later version"
        if review.get("verdict") == "rejected":
            return f"rejected: {review.get('reason') or ''}".rstrip(": ")
        if expires and expires < self.days.last:
            return f"expired on {expires}"
        if check.get("health") in ("changed", "gone", "refused") and review.get("at", "") <= check["at"]:
            return f"its link is {check['health']}"
        again = [at for ref in one["items"] if ref in self.items for at in self.items[ref].opened_again]
        newest = max(again, default="")
        return f"from before its item was opened again on {newest[:10]}" if newest > one["told"]["at"] else ""

    def _of_acceptance(self, ref: str, _: dict[str, str]) -> Row:
        one = self.acceptances[ref]
        asked, terms, decided = one["asked"], one["terms"], one["decided"]
        by = [each for each in decided if each["verdict"] == "approve"]
        askers = {each.casefold() for each in (terms["requester"], *terms["editors"])}
        itself = any(str(each.get(who) or "").casefold() in askers for each in by for who in ("by", "typed_by"))
        over = one["state"] == "active" and (terms.get("until") or "~") < self.days.last
        same = ("justification", "compensating", "conditions", "likelihood", "impact", "until", "renewal_of")
        words = (
            "{} by {} at {}: {}".format(*(e.get(n) or "" for n in ("verdict", "by", "at", "reason"))) for e in decided
        )
        shown = {"approved_by": "by", "approved_at": "at", "approval_channel": "channel", "authority": "authority"}
        shown |= {"typed_by": "typed_by", "approval_comment": "comment"}
        return {
            **{name: terms.get(name) for name in same},
            **{column: joined(each.get(name) or "" for each in by) for column, name in shown.items()},
            "item": asked["object"],
            "state": "lapsed" if over else one["state"],
            "requester": terms["requester"],
            "requested_at": asked["at"],
            "decisions": "; ".join(words),
            "approver_asked_for_it": yes(itself),
            "active_from": one["began"],
            "ended_at": one["ended"],
            "ended_why": terms.get("why"),
            "record": asked["seq"],
        }

    def _of_risk(self, id_: str, row: dict[str, str]) -> Row:
        values, scores = self.risks[id_], self.scores.get(id_, [])
        text, rated = values["statement"]["sha256"], {kind: [e for e in scores if e["kind"] == kind] for kind in SCORES}
        early = [each for each in rated["current"] if each["at"] < self.days.begin]
        last = {kind: some[-1:] for kind, some in rated.items()}
        last |= {"before": last["inherent"] or rated["current"][:1], "current_at_start": early[-1:]}
        words = ("{at} {kind} {likelihood}x{impact} by {by}: ".format(**e) + (e.get("reason") or "") for e in scores)
        # Its own text is in no record, only the hash of that.
        fits = not row["statement"] or any(digest(each) == text for each in originals(row["statement"]))
        return {
            **{f"{kind}_{what}": some[0][what] if some else "" for kind, some in last.items() for what in RATES},
            **({} if fits else {"statement": None}),
            **{name: values[name] for name in ("owner", "treatment", "next_review")},
            "items": joined(in_order(self._naming.get(("risks", same_name(id_)), ()))),
            "scores": "; ".join(words),
            "statement_sha256": text,
        }

    def _parts(self, id_: str, framework: str) -> list[tuple[str, str]]:
        """The framework and the code of a control, unless it is none of that framework or may be of another too."""
        some = [each for each in self.frameworks if id_.startswith(f"{each}:")]
        return [(some[0], id_[len(some[0]) + 1 :])] if len(some) == 1 and framework in ("", some[0]) else []

    def _of_control(self, framework: str, code: str) -> Iterator[Row]:
        id_ = f"{framework}:{code}"
        since, seq = self.frameworks[framework]
        spans: list[list[Any]] = [["not_started", since, "", "no evidence", seq]]
        exempted = None
        for told in self.controls.get(id_, ()):
            if told["action"] == "control.exempted":
                exempted = told["after"]
            elif told["action"] == "control.status":
                spans[-1][2] = since = max(told["at"], spans[-1][1])
                spans.append([told["after"]["status"], since, "", told["after"]["why"], told["seq"]])
        naming = [ref for name in (id_, code) for ref in self._naming.get(("controls", same_name(name)), ())]
        for status, since, until, why, seq in [s for s in spans if not s[2] or s[1] < s[2]] or spans[-1:]:
            yield {
                "control": id_,
                "status": status,
                "since": since,
                "until": until,
                "days_in_period": self.days.touched(since, until),
                "why": why,
                "exempted_by": said(exempted, "by"),
                "exempted_why": said(exempted, "reason"),
                "items": joined(in_order(naming)),
                "record": seq,
            }


HEARD = {
    "ticket": Rows._ticket,
    "framework": Rows._framework,
    "control": Rows._control,
    "risk": Rows._risk,
    "acceptance": Rows._acceptance,
    "evidence": Rows._evidence,
}


class Tree:
    """The Merkle tree of RFC 6962 over leaves: every full subtree, by its height."""

    def __init__(self, leaves: bytearray) -> None:
        self.rows = [leaves]
        while len(self.rows[-1]) >= 64:
            row = self.rows[-1]
            pairs = range(0, len(row) - len(row) % 64, 64)
            self.rows.append(bytearray(b"".join(hashlib.sha256(b"\1" + row[at : at + 64]).digest() for at in pairs)))

    def root(self, size: int, first: int = 0) -> bytes:
        """The root of so many leaves."""
        if not size:
            return hashlib.sha256(b"").digest()
        height = size.bit_length() - 1
        if size == 1 << height:
            at = (first >> height) * 32
            return bytes(self.rows[height][at : at + 32])
        left = 1 << height
        return hashlib.sha256(b"\1" + self.root(left, first) + self.root(size - left, first + left)).digest()


class Fork(NamedTuple):
    """Where the ledger was begun anew: by record `seq`, which gave up what was signed after `agreed` up to `size`."""

    seq: int
    before: str
    agreed: int
    size: int
    after: str
    reason: str

    @property
    def epoch(self) -> int:
        """How often it was begun by then."""
        return Checkpoint(self.after, 0, b"", "").epoch

    def gives_up(self, each: Checkpoint) -> bool:
        """Whether the ledger need not agree with a checkpoint any more."""
        return each.epoch < self.epoch and self.agreed < each.size <= self.size


class Ledger:
    """The records of a pack, checked one after the other up to the first that cannot be trusted."""

    def __init__(self, texts: dict[bytes, str], account: Account, rows: Rows) -> None:
        self.account = account
        self.rows = rows
        self.shown = bytearray()
        self.due = bytearray()
        self.about: Counter[str] = Counter()
        self.leaves = bytearray()
        self.size = 0
        self.head = "0" * 64
        self.bad = ""
        self.forks: list[Fork] = []
        self.handed_over: list[tuple[int, Key, Key]] = []
        self.erased: dict[str, int] = {}
        self.recorded: deque[datetime] = deque(maxlen=NEWER)
        self.backdated: list[int] = []
        self.gone: dict[str, list[int]] = {}
        self._texts = texts

    def read(self, lines: IO[bytes]) -> None:
        """Check every line."""
        for line in lines:
            try:
                body = record(line[:-1] if line.endswith(b"\n") else b"")
                self._follow(body)
                if not whole_record(body, line):
                    raise Wrong("has not the parts of a record")
                self._learn(body, hides=b'"salted"' in line)
            except Wrong as wrong:
                self.bad = f"record {self.size + 1:,} {wrong}"
                return
            self.leaves += (leaf := hashlib.sha256(b"\0" + line[:-1])).digest()
            self.head = leaf.hexdigest()
            self.size += 1
        lost = [seqs[0] for hash_, seqs in self.gone.items() if hash_ not in self.erased]
        if lost:
            self.bad = f"record {min(lost):,} stands for a personal text that is not here, and no record erased it"

    @cached_property
    def tree(self) -> Tree:
        """The tree over the records, once all were read."""
        return Tree(self.leaves)

    def wait(self, anchored: int) -> bool:
        """Whether the first record after so many waited for a checkpoint while others were recorded a day later."""
        newer = self.size - anchored
        if not 0 < newer <= len(self.recorded):
            return newer > 0
        return self.recorded[-1] - self.recorded[-newer] > timedelta(days=1)

    def _follow(self, body: dict[str, Any]) -> None:
        if body.get("seq") != self.size + 1:
            raise Wrong(f"is missing: number {body.get('seq')!r} stands in its place")
        if body.get("prev") != self.head:
            raise Wrong("does not follow the one before it: one of the two was changed, put in, or taken out")

    def _learn(self, body: dict[str, Any], *, hides: bool) -> None:
        """Keep what is compared later; a record that `hides` something stands for personal texts."""
        seq, action, after = self.size + 1, body["action"], body["after"]
        told = in_words(body, self._texts) if hides else body
        self.shown += brief([*map(cell, self._row(told))])
        self.due.append(body["at"] < self.account.until)
        self.about[body["object"]] += self.due[-1]
        self.account.hear(told)
        self.rows.hear(told)
        for each in dict.fromkeys(commitments(body)) if hides else ():
            if bytes.fromhex(each) not in self._texts:
                self.gone.setdefault(each, []).append(seq)
        recorded = datetime.fromisoformat(body["recorded"][:-1])
        if self.recorded and self.recorded[-1] - recorded > TOLERANCE:
            self.backdated.append(seq)
        self.recorded.append(recorded)
        if action == "person.erased" and body["object"] == "person":
            hashes = said(after, "hashes")
            for each in hashes if isinstance(hashes, list) else ():
                self.erased.setdefault(str(each), seq)
        elif action == "ledger.forked" and body["object"] == "ledger":
            self._learn_fork(seq, body["before"], said(after, "origin"), str(told["reason"]))
        elif action == "key.rotated" and body["object"] == "ledger":
            self._learn_key(seq, said(body["before"], "key"), said(after, "key"))

    def _row(self, told: dict[str, Any]) -> list[Any]:
        """What a table says of a record, in the order of `SHOWS`."""
        who, source = (
            [told[part][name] for name in some.values()] for part, some in (("actor", WHO), ("source", FROM))
        )
        return [*(told[name] for name in WHAT), *who, *source, quoted(told), yes(self.rows.days.has(told["at"]))]

    def _learn_fork(self, seq: int, before: Any, after: Any, reason: str) -> None:
        """Where the ledger was begun anew; a record that says it in another way than the program is passed over."""
        origin, agreed, size = (said(before, name) for name in ("origin", "agreed", "size"))
        if isinstance(origin, str) and isinstance(after, str) and type(size) is int and type(agreed) is int:
            self.forks.append(Fork(seq, origin, agreed, size, after, reason))

    def _learn_key(self, seq: int, before: Any, after: Any) -> None:
        """Which key was handed over to which; a record that names none is passed over."""
        if isinstance(before, str) and isinstance(after, str):
            with suppress(Wrong):
                self.handed_over.append((seq, key(before), key(after)))


def vouched(ledger: Ledger, mine: list[Checkpoint], theirs: list[Checkpoint]) -> list[Fork]:
    """Where the ledger was begun anew, if the checkpoint that ends there is one of the new ledger.

    One of it, that or a later one, must be one's own.
    """
    ends = {(each.origin, each.size) for each in (*mine, *theirs)}
    return [
        fork
        for fork in ledger.forks
        if (fork.after, fork.seq) in ends and any(c.size >= fork.seq and c.epoch >= fork.epoch for c in mine)
    ]


class Found(NamedTuple):
    """Over how many records a checkpoint of one's own vouches, what was given up before, and what is of later on."""

    anchored: int
    forks: list[Fork]
    since: list[Checkpoint]


def compare(ledger: Ledger, mine: list[Checkpoint], theirs: list[Checkpoint], late: list[Checkpoint]) -> Found:
    """What the checkpoints vouch for; raises `Wrong` where the ledger is not what was signed.

    What a key signed after it was handed over is `late`, and vouches for nothing.
    """
    tree = ledger.tree
    roots = {size: tree.root(size) for size in {c.size for c in (*mine, *theirs, *late)} if size <= ledger.size}
    trusted, given = ([c for c in some if roots.get(c.size) == c.root] for some in (mine, theirs))
    forks, agreed = vouched(ledger, trusted, given), 0
    since: list[Checkpoint] = []
    for each in sorted((*mine, *theirs), key=lambda each: each.size):
        if any(fork.gives_up(each) for fork in forks):
            continue
        is_later = each in mine and not any(each.epoch < fork.epoch for fork in forks)
        if each.size > ledger.size and is_later and any(each.continues(one) for one in (*trusted, *since)):
            since.append(each)
            continue
        if each.size > ledger.size:
            raise Wrong(
                f"the ledger ends at record {ledger.size:,}, but {each.place} was signed over {each.size:,}: "
                "its end was cut off, or that checkpoint is about another one"
            )
        if roots[each.size] != each.root:
            raise Wrong(f"what was recorded as {agreed + 1:,} to {each.size:,} is not what was signed ({each.place})")
        agreed = each.size
    return Found(max((each.size for each in trusted), default=0), forks, since)


def doubts(ledger: Ledger, found: Found, late: list[Checkpoint], known_epoch: int) -> Iterator[str]:
    """Why a ledger of which a checkpoint of one's own vouches for something is not vouched for as a whole."""
    tree = ledger.tree
    newer = ledger.size - found.anchored
    if newer > NEWER:
        yield f"your newest checkpoint vouches for {found.anchored:,} of them only; get a newer one"
    elif ledger.wait(found.anchored):
        yield f"record {found.anchored + 1:,} is vouched for by no checkpoint, though others were recorded a day later"
    if lost := sorted({ledger.erased[each] for each in ledger.gone if ledger.erased[each] > found.anchored}):
        yield f"record {lost[0]:,}, which no checkpoint vouches for, says that personal texts were erased"
    for fork in found.forks:
        if fork.epoch > known_epoch:
            yield f"it was begun anew in record {fork.seq:,}; --epoch {fork.epoch} says that you know of that"
    for each in late:
        other = each.size > ledger.size or tree.root(each.size) != each.root
        if other and not any(fork.gives_up(each) for fork in found.forks):
            yield f"{each.place} is signed by a key after it was handed over, and about another ledger"


# --- The pack ---------------------------------------------------------------------------------------------------------


BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, csv.Error)


def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each name stands once."""
    return dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else unfit("a name stands there twice")


class Pack:
    """The files of a pack, whether it is a zip or was unpacked into a folder."""

    def __init__(self, place: Path) -> None:
        self.folder = place if place.is_dir() else None
        self._zip = None if self.folder else zipfile.ZipFile(place)
        found = self._zip.namelist() if self._zip else self._files(place)
        self.names = sorted(name for name in found if not name.endswith("/"))
        self._there = frozenset(self.names)

    @staticmethod
    def _files(place: Path) -> list[str]:
        return [each.relative_to(place).as_posix() for each in place.rglob("*") if each.is_file()]

    def open(self, name: str) -> IO[bytes]:
        """A file to be read; raises `Wrong` where it is not there."""
        if name not in self._there:
            raise Wrong(f"{name} is missing")
        try:
            return self._zip.open(name) if self._zip else (self.folder or Path()).joinpath(name).open("rb")
        except (KeyError, OSError):
            raise Wrong(f"{name} is missing") from None

    def text(self, name: str, most: int = -1) -> str:
        """A file as text, or so many bytes of it at most."""
        with self.open(name) as file:
            return file.read(most).decode("utf-8", "replace")

    def json(self, name: str) -> Any:
        """A file as JSON."""
        try:
            return json.loads(self.text(name), object_pairs_hook=single)
        except (ValueError, RecursionError):
            raise Wrong(f"{name} is not JSON") from None

    def sha256(self, name: str) -> str:
        """The hash of a file."""
        digest = hashlib.sha256()
        with self.open(name) as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
        return digest.hexdigest()


class Note(NamedTuple):
    """The text of a checkpoint, and where it is."""

    place: str
    text: str


def notes(pack: Pack, place: str) -> list[Note]:
    """The checkpoints in a folder or in a pack."""
    return [Note(f"{place}{name}", pack.text(name, LONGEST + 1)) for name in pack.names if name.endswith(".note")]


def counting(found: list[Note], keys: dict[Key, float], say: list[str]) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The checkpoints that one of the keys signed, and those it signed after it was handed over.

    Of all but the first it is said why they do not count.
    """
    good: list[Checkpoint] = []
    late: list[Checkpoint] = []
    if found and not keys:
        say.append(f"{len(found):,} checkpoints do not count, since nobody is known who signs: --pubkey KEY.")
        return good, late
    for each in found:
        try:
            made = checkpoint(each.text, each.place, keys)
        except Wrong as wrong:
            say.append(f"{each.place} does not count: {wrong}.")
            continue
        limit = max(keys[signer] for signer in made.signers)
        (good if made.size <= limit else late).append(made)
        if made.size > limit:
            say.append(f"{each.place} does not count: its key was handed over in record {limit}.")
    return good, late


def believed(keys: list[Key], ledger: Ledger, found: list[Note]) -> dict[Key, float]:
    """The keys, and each that one of them handed over to, with how many records each may vouch for.

    A record says so, and both signed a checkpoint that ends with it and that names the new key.
    """
    limits = dict.fromkeys(keys, inf)
    for seq, old, new in ledger.handed_over:
        some = [each for each in found if each.text.split("\n", 2)[1:2] == [str(seq)]]
        both, _ = counting(some, {old: inf, new: inf}, [])
        if old in limits and any({old, new} == {*c.signers} and key(c.successor) == new for c in both if c.successor):
            limits[old] = min(limits[old], seq)
            limits.setdefault(new, inf)
    return limits


def check_files(pack: Pack, keys: list[Key]) -> list[str]:
    """Compare each file with the list of them, and tell who of the keys signed that list."""
    listed = pack.json(MANIFEST)["files"]
    for name, told in listed.items():
        if pack.sha256(name) != told["sha256"]:
            raise Wrong(f"{name} is not as it was when the pack was made")
    if lacking := [name for name in ALWAYS if name not in listed]:
        raise Wrong(f"{lacking[0]} is missing")
    if more := Counter(pack.names) - Counter([*listed, MANIFEST, SIGNED]):
        raise Wrong(f"{', '.join(sorted(more))} was not in the pack when it was made")
    if SIGNED not in pack.names:
        return []
    lines, signers = signed(pack.text(SIGNED), keys)
    if lines != ["counterfoil audit pack", f"{MANIFEST} {pack.sha256(MANIFEST)}"]:
        raise Wrong(f"{SIGNED} was made for another pack")
    return [each.name for each in signers]


def texts(pack: Pack) -> dict[bytes, str]:
    """What stands for each personal text, checked against it."""
    found = {}
    with pack.open("texts.jsonl") as lines:
        for line in lines:
            told = json.loads(line, object_pairs_hook=single)
            made = hmac.new(bytes.fromhex(told["salt"]), told["text"].encode(), "sha256")
            if len(told) != 3 or len(told["salt"]) != 32 or made.hexdigest() != told["hash"]:
                raise Wrong(f"the personal text {told['hash']} was changed")
            found[made.digest()] = told["text"]
    return found


def is_about(stamp: bytes, note: bytes) -> bool:
    """Whether a time stamp (RFC 3161) holds the SHA-256 of a note; who made it, and when, is not looked at."""
    return hashlib.sha256(note).digest() in stamp


def check_stamps(pack: Pack) -> None:
    """Every time stamp is about the checkpoint beside it."""
    for name in pack.names:
        if name.endswith(".tsr"):
            with pack.open(name) as stamp, pack.open(f"{name[:-4]}.note") as note:
                if not is_about(stamp.read(), note.read()):
                    raise Wrong(f"{name} is no time stamp of the checkpoint beside it")


def check_evidence(pack: Pack, account: Account, say: list[str]) -> None:
    """Every file of evidence is what its name and the ledger say, and what is not here is told of."""
    here = {name.split("/", 1)[1] for name in pack.names if name.startswith("evidence/")}
    for sha256 in sorted(here):
        if pack.sha256(f"evidence/{sha256}") != sha256:
            raise Wrong(f"evidence/{sha256} is not the file that was recorded")
        if sha256 not in account.files:
            raise Wrong(f"evidence/{sha256} is in no record")
    told = pack.json("evidence.json")
    lacking = told["missing"]
    files = {sha256: [*pieces.values()] for sha256, pieces in account.files.items()}
    if not same(told, {"files": files, "missing": lacking}) or lacking.keys() - files.keys():
        raise Wrong("evidence.json does not list what the records say")
    for sha256, seq in account.kept.items():
        if sha256 not in here | set(lacking):
            raise Wrong(f"the file of record {seq:,} is neither here nor said to be missing")
    for sha256, why in lacking.items():
        kept = f"; record {account.kept[sha256]:,} says that it was kept" if sha256 in account.kept else ""
        say.append(f"The evidence {sha256} is not in the pack: {why}{kept}.")
    say.append(f"{len(here):,} files of evidence are those that were recorded.")


def check_counts(pack: Pack, ledger: Ledger, say: list[str]) -> None:
    """What the pack counts and lists is what comes of the records."""
    told, found, account = pack.json("completeness.json"), ledger.account.sorted_out(), ledger.account
    ways = {"linked": "by_tracker", "unlinked": "by_reason", "excluded": "by_reason"}
    groups: dict[str, Any] = {
        name: {"count": len(refs), "items": refs, ways[name]: Counter(refs.values())} for name, refs in found.items()
    }
    for name, group in groups.items():
        each = told["items"][name]
        if odd := sorted(dict(each["items"].items() ^ group["items"].items()))[:SHOWN]:
            raise Wrong(f"completeness.json is not as the ledger has it: {name} items, {', '.join(odd)}")
        if not same(each, group):
            raise Wrong(f"completeness.json is not as the ledger has it: the counts of {name} items")
    sources = Counter(item["source"] for item in account.items.values())
    if (len(account.items), sources) != (told["items"]["count"], told["items"]["by_source"]):
        raise Wrong("completeness.json is not as the ledger has it: the counts")
    read, passed_over = account.read, ledger.rows.passed_over
    if not same(read, {"source.read": told["sources"], "tracker.read": told["trackers"]}):
        raise Wrong("completeness.json is not as the ledger has it: what was read of sources and trackers")
    groups |= {"count": len(account.items), "by_source": sources, "left_out": told["items"]["left_out"]}
    whole = {"sources": read["source.read"], "trackers": read["tracker.read"], "strange": passed_over, "items": groups}
    if not same(told, whole):
        raise Wrong("completeness.json says something else than the records, or more")
    gone = [{"hash": each, "records": seqs} for each, seqs in sorted(ledger.gone.items())]
    listed = [{**each, "records": [*dict.fromkeys(each["records"])]} for each in pack.json("redactions.json")]
    if not same(listed, gone):
        raise Wrong("redactions.json does not list the personal texts that are not here")
    if passed_over:
        what = "Listed as none of the program's, so that the tables but events.csv pass over them"
        say.append(f"{what}: {', '.join(f'{seq} ({passed_over[seq]})' for seq in passed_over)}.")
    counts = [len(refs) for refs in found.values()]
    say.append("Items: {:,} = {:,} linked + {:,} unlinked + {:,} excluded.".format(len(account.items), *counts))


def same(told: Any, meant: Any) -> bool:
    """Whether two values of JSON are the same, also by their types."""
    return SHOWN_AS.encode(told) == SHOWN_AS.encode(meant)


def rows(pack: Pack, table: str) -> Iterator[dict[str, str]]:
    """The rows of a table, however long a cell is; raises `Wrong` unless they have the columns that it is to have."""
    csv.field_size_limit(1 << 30)
    heading = HEADINGS[table].split()
    with pack.open(f"{table}.csv") as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        lines = csv.reader(text)
        if next(lines, None) != heading:
            raise Wrong(f"{table}.csv has other columns than it is to have")
        for row in lines:
            if len(row) != len(heading):
                raise Wrong(f"{table}.csv has a row that is longer or shorter than its heading")
            yield dict(zip(heading, row))


def stands(row: dict[str, str], item: dict[str, Any]) -> bool:
    """Whether a table says of an item what its records do; an acceptance that has lapsed leaves it open."""
    status = row["status"] == item["status"] or (row["status"], item["status"]) == ("open", "accepted_as_risk")
    told = (bytes(item["told"][at * SIZE : (at + 1) * SIZE]) for at in range(len(TOLD)))
    return status and all(each in (UNTOLD, brief([row[name]])) for name, each in zip(TOLD, told))


def check_events(pack: Pack, ledger: Ledger) -> Counter[str]:
    """Of what the table of events shows how many records, each of them of the days that it is about, as it is."""
    seen: Counter[str] = Counter()
    last = 0
    for row in rows(pack, "events"):
        this = number(row["record"])
        told = ledger.shown[this * SIZE - SIZE : this * SIZE] if this > last else b""
        if told != brief([row[name] for name in SHOWS]) or not ledger.due[this - 1]:
            raise Wrong(f"events.csv does not show {this} as the ledger has it")
        seen[row["object"]] += 1
        last = this
    return seen


def check_table(pack: Pack, table: str, ledger: Ledger) -> set[Any]:
    """What one of the other tables has rows of, each of them as the records have it."""
    seen: set[Any] = set()
    for which, some in groupby(rows(pack, table), partial(row_of, table)):
        shown = [*some]
        wanted = ledger.rows.of(table, shown[0])
        well = len(shown) == len(wanted) and which not in seen
        for row, want in zip(shown, wanted):
            well = well and all(row[name] == (str(v) if type(v) is int else cell(v)) for name, v in want.items())
            well = well and (table != "items" or stands(row, ledger.account.items[which]))
        if not well:
            raise Wrong(f"{table}.csv does not show {next(iter(shown[0].values()))} as the ledger has it")
        seen.add(which)
    return seen


def check_tables(pack: Pack, ledger: Ledger, say: list[str]) -> None:
    """What the tables show is what the records say, and all of it that they are not confined to leave out."""
    only = pack.json(MANIFEST)["parameters"]
    ledger.rows.close()
    items, every = check_table(pack, "items", ledger), len(ledger.account.items)
    say.append(f"items.csv: {len(items):,} items, as the ledger has them.")
    shown = items if any(only.values()) else None
    left_out = every - len(items)
    if left_out and shown is None:
        raise Wrong(f"items.csv shows {len(items):,} items, and the ledger has {every:,}")
    if (told := pack.json("completeness.json")["items"]["left_out"]) != left_out:
        raise Wrong(f"completeness.json says that {told} items are left out, and it is {left_out:,}")
    events = check_events(pack, ledger)
    if lacking := [
        each for each in (ledger.about if shown is None else shown) if events[cell(each)] != ledger.about[each]
    ]:
        raise Wrong(f"events.csv does not show all records about {', '.join(sorted(lacking)[:SHOWN])}")
    say.append(f"events.csv: {sum(events.values()):,} events, as the ledger has them.")
    for table in ("evidence", "acceptances", "risks", "controls"):
        here = check_table(pack, table, ledger)
        if missed := ledger.rows.due(table, shown, only["framework"]) - here:
            raise Wrong(f"{table}.csv does not show {', '.join(sorted(map(str, missed))[:SHOWN])}")
        say.append(f"{table}.csv: {len(here):,} {COUNTED.get(table, table)}, as the ledger has them.")
        if table == "controls":
            check_frameworks(ledger.rows, here, only["framework"])
    if shown is not None:
        say.append(f"Items left out of the tables, since they are confined: {left_out:,} of {every:,}.")


def check_frameworks(known: Rows, controls: set[tuple[str, str]], only: str) -> None:
    """As many controls of each framework are shown as were recorded of it; a later file of it may have brought more."""
    for name in known.frameworks:
        count = sum(framework == name for framework, _ in controls)
        first, *later = known.counts[name]
        if only in ("", name) and type(first) is int and (count < first if later else count != first):
            raise Wrong(f"controls.csv shows {count:,} controls of {name}, and the ledger has {first:,}")


def confined(manifest: dict[str, Any]) -> str:
    """What a pack was confined to, in words."""
    return "".join(f", confined to the {name} {value}" for name, value in manifest["parameters"].items() if value)


def covered(pack: Pack, signers: list[str]) -> str:
    """What was not compared with the records, and who stands in for it."""
    rest = [name for name in pack.names if not COMPARED.fullmatch(name)]
    asked = "`openssl ts -verify -data X.note -in X.tsr -CAfile FILE`"
    stamps = f" (a .tsr is about its checkpoint; who stamped that, and when, tells {asked})"
    columns = "".join(f", {', '.join(some)} in {table}.csv" for table, some in WORDS.items())
    words = f"Not compared with the records: {', '.join(rest)}{stamps if any('.tsr' in name for name in rest) else ''}"
    who = f"They are as {signers[0]} signed them" if signers else "Nobody whose key you named vouches for them"
    return f"{words}{columns}, and why files of evidence are not here. {who}."


def examine(pack: Pack, keys: list[Key], mine: list[Note], known_epoch: int, say: list[str]) -> tuple[int, str]:
    """The exit code and the verdict."""
    manifest = pack.json(MANIFEST)
    days, strange = Days.of(manifest["period"]), pack.json("completeness.json").get("strange", {})
    if not all(isinstance(each, str) and re.fullmatch("[1-9][0-9]{0,17}", each) for each in strange):
        raise Wrong("completeness.json lists records that have no number")
    ledger = Ledger(texts(pack), Account(days), Rows(days, strange))
    with pack.open("ledger.jsonl") as lines:
        ledger.read(lines)
    if ledger.bad:
        raise Wrong(ledger.bad)
    theirs = notes(pack, "")
    keys_of = believed(keys, ledger, [*mine, *theirs])
    (own, late), (given, more) = counting(mine, keys_of, say), counting(theirs, keys_of, say)
    late += more
    found = compare(ledger, own, given, late)
    say += [given_up(fork) for fork in found.forks]
    say += [f"The ledger went on since, to {each.size:,} records at least ({each.place})." for each in found.since[-1:]]
    root = ledger.tree.root(ledger.size).hex()
    if not same(manifest["ledger"], {"records": ledger.size, "head": ledger.head, "root": root}):
        raise Wrong("the manifest is about another ledger")
    if not same(manifest["period"], {"from": days.begin[:10], "to": days.last, "since": days.begin, "until": days.end}):
        raise Wrong("the manifest is about other days than it says")
    say.append("It is about {from} to {to}{}.".format(confined(manifest), **manifest["period"]))
    check_stamps(pack)
    check_evidence(pack, ledger.account, say)
    check_counts(pack, ledger, say)
    check_tables(pack, ledger, say)
    if ledger.backdated:
        which = ", ".join(f"{seq:,}" for seq in ledger.backdated[:SHOWN])
        say.append(f"The clock went back by more than 5 minutes before {len(ledger.backdated):,} records: {which}.")
    signers = check_files(pack, [key for key, limit in keys_of.items() if limit >= ledger.size])
    say.append(covered(pack, signers))
    if ledger.gone:
        say.append(f"Personal texts erased, whose commitments are here: {len(ledger.gone):,}.")
        by = Counter(ledger.erased[each] for each in ledger.gone)
        say += [f"Record {seq:,} erased {count:,} of them." for seq, count in sorted(by.items())]
    why = [*doubts(ledger, found, late, known_epoch)] if found.anchored else [why_not(own, given)]
    return judged(ledger.size, found.anchored, signers, "; ".join(why), len(ledger.rows.passed_over))


def judged(size: int, anchored: int, signers: list[str], why: str, passed_over: int) -> tuple[int, str]:
    """The exit code and the verdict on a ledger of so many records, and on a pack with these signers."""
    vouched_for = f"{size:,} records, {anchored:,} of them vouched for by a checkpoint of yours"
    if why:
        return UNDECIDED, f"CONSISTENT, NOT ANCHORED: {size:,} records; {why}."
    if passed_over:
        what = f"the tables pass over {passed_over:,} records, which the pack lists as none of the program's"
        return UNDECIDED, f"SOUND LEDGER, DOUBTFUL TABLES: {vouched_for}; {what}."
    if not signers:
        return UNDECIDED, f"SOUND LEDGER, UNSIGNED PACK: {vouched_for}; nobody whose key you named signed the rest."
    return SOUND, f"SOUND: {vouched_for}{f'; newer: {size - anchored:,}' if size > anchored else ''}."


def why_not(own: list[Checkpoint], given: list[Checkpoint]) -> str:
    """Why no checkpoint vouches for the ledger."""
    if own:
        return "no checkpoint of yours is about this ledger"
    if given:
        return (
            "signed by the key you named, but nobody compared it with a checkpoint from elsewhere: --checkpoints FOLDER"
        )
    return "no checkpoint counts: --pubkey KEY names who signs, --checkpoints FOLDER what was kept elsewhere"


def given_up(fork: Fork) -> str:
    """What was given up when the ledger was begun anew, and what nothing from before vouches for."""
    what = f"Records {fork.agreed + 1:,} to {fork.size:,} of {fork.before} were given up"
    since = f"; nothing from before vouches for those from {fork.agreed + 1:,} on" if fork.agreed + 1 < fork.seq else ""
    return f"{what}, as record {fork.seq:,} says: {fork.reason}{since}."


# --- The proof of one record (https://c2sp.org/tlog-proof) ------------------------------------------------------------

PROOF = b"c2sp.org/tlog-proof@v1\n"
PARTS_OF_PROOF = re.compile(
    PROOF.decode() + r"extra ([^\n]+)\nindex (0|[1-9][0-9]{0,17})\n((?:[^\n]+\n){0,63})\n(.*)", re.DOTALL
)
LARGEST_PROOF = 1 << 27


def proof(place: Path) -> bytes:
    """A proof as it is in a file; nothing where a file or a folder is none. Raises `Wrong` where it is too large."""
    if place.is_dir():
        return b""
    with place.open("rb") as file:
        if file.read(len(PROOF)) != PROOF:
            return b""
        rest = file.read(LARGEST_PROOF + 1)
    if len(rest) > LARGEST_PROOF:
        raise Wrong(f"{place} is too large for a proof")
    return PROOF + rest


def handed_over(keys: list[Key], found: list[Note]) -> dict[Key, float]:
    """The keys, and each that one of them handed over to, with how many records each may vouch for, by notes alone.

    Both keys signed such a note, which names the new one. Raises `Wrong` where a key did so twice.
    """
    limits, heirs = dict.fromkeys(keys, inf), dict[Key, tuple[Key, int]]()
    named = [(each, new) for each in found for new in successors(each)]
    for each, new in named * len(named):
        for made in counting([each], {**limits, new: inf}, [])[0]:
            for old in {*made.signers} & {*limits} - {new} if new in made.signers else ():
                if heirs.setdefault(old, (new, made.size)) != (new, made.size):
                    raise Wrong(f"{each.place} hands over a key that was handed over otherwise")
                limits[old] = made.size
                limits.setdefault(new, inf)
    return limits


def successors(note: Note) -> Iterator[Key]:
    """The key to which a note says that another was handed over, if it does."""
    for line in note.text.partition("\n\n")[0].split("\n")[3:]:
        if line.startswith("key "):
            with suppress(Wrong):
                yield key(line[4:])


def rooted(node: bytes, index: int, size: int, way: list[bytes]) -> bytes:
    """The root of so many leaves to which a way leads from one (RFC 9162, 2.1.3.2); raises `Wrong` for no such way."""
    last = size - 1
    for each in way:
        if last <= 0:
            raise Wrong("its way is too long")
        if index & 1 or index == last:
            node = hashlib.sha256(b"\1" + each + node).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + each).digest()
        index, last = index >> 1, last >> 1
    if last:
        raise Wrong("its way is too short")
    return node


def examine_proof(raw: bytes, keys: list[Key], mine: list[Note], known_epoch: int, say: list[str]) -> tuple[int, str]:
    """The exit code and the verdict on a proof that one record is part of what was signed."""
    parts = PARTS_OF_PROOF.fullmatch(raw.decode())
    if not parts:
        raise Wrong("it is no proof: its lines are not those of one")
    line, index, note = decoded(parts[1]), int(parts[2]), Note("its checkpoint", parts[4])
    told = record(line)
    if not whole_record(told, line) or told["seq"] != index + 1:
        raise Wrong("its record is none, or stands at another place than it says")
    signed(note.text, keys)
    limits = handed_over(keys, [*mine, note])
    given, late = counting([note], limits, say)
    if not given:
        why = "the key that signed it was handed over before" if late else "no key that you named signed it"
        return UNDECIDED, f"NOT PROVEN: {why}: --pubkey KEY names who signs."
    [over] = given
    way = [decoded(each) for each in parts[3].split("\n")[:-1]]
    if index >= over.size or rooted(hashlib.sha256(b"\0" + line).digest(), index, over.size, way) != over.root:
        raise Wrong(f"record {index + 1:,} is not part of what {over.origin} signed")
    shown = [name for name in ("actor", "source", *WHAT) if told[name] not in ("", None)]
    say += [f"{name}: {SHOWN_AS.encode(told[name])}" for name in shown]
    if count := len([*commitments(told)]):
        say.append(f"{count} texts of people stand in it as hashes; who has a pack of those days reads them there.")
    own, _ = counting(mine, limits, say)
    what = f"record {index + 1:,} is part of the {over.size:,} that {over.origin} signed"
    if why := why_not_proven(over, own, known_epoch):
        return UNDECIDED, f"CONSISTENT, NOT ANCHORED: {what}, {why}."
    return SOUND, f"SOUND: {what}, and a checkpoint of yours is over the same."


def why_not_proven(over: Checkpoint, own: list[Checkpoint], known_epoch: int) -> str:
    """Why the auditor's own checkpoints do not vouch for that of a proof; raises `Wrong` where one is against it."""
    ledger = re.sub(f"{EPOCH}$", "", over.origin)
    same = [each for each in own if re.sub(f"{EPOCH}$", "", each.origin) == ledger]
    alike = [each for each in same if (each.epoch, each.size) == (over.epoch, over.size)]
    if lying := [each.place for each in alike if each.root != over.root]:
        raise Wrong(f"{lying[0]} is of another ledger of the same name")
    if later := [each for each in same if each.epoch > over.epoch]:
        return f"which was begun anew since ({later[-1].place}): ask for a proof under {later[-1].origin}"
    if over.epoch > known_epoch:
        return f"which was begun anew; --epoch {over.epoch} says that you know of that"
    if alike:
        return ""
    every = sorted({each.size for each in same if each.epoch == over.epoch})
    sizes = ", ".join(f"{size:,}" for size in every[-SHOWN:])
    ask = "`counterfoil audit prove --checkpoints FOLDER` makes a proof under the newest of those"
    return (
        f"and no checkpoint of yours is over as many; yours are over {sizes}: {ask}" if sizes else why_not([], [over])
    )


class Options(argparse.ArgumentParser):
    """The command line; asked wrongly, it exits with 3."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the question."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"verify.py: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Check a pack, say what was found, and return the exit code."""
    options = Options(description="Check an auditor's pack, or the proof of one record.")
    what = "the zip, its folder, or a proof"
    options.add_argument("pack", nargs="?", type=Path, default=Path(__file__).parent, help=what)
    options.add_argument("--pubkey", action="append", default=[], metavar="KEY", help="who signs; may be repeated")
    options.add_argument("--checkpoints", type=Path, metavar="FOLDER", help="what was kept elsewhere, or an older pack")
    options.add_argument("--epoch", type=int, default=1, metavar="N", help="know it was begun anew, up to /epoch-N")
    asked = options.parse_args(arguments)
    say: list[str] = []
    try:
        keys = [key(each) for each in asked.pubkey]
        if asked.checkpoints and asked.pack.resolve() in ((own := asked.checkpoints.resolve()), *own.parents):
            raise Wrong("--checkpoints names the pack itself, which proves nothing: name what was kept elsewhere")
        alone = proof(asked.pack)
        check = partial(examine_proof, alone) if alone else partial(examine, Pack(asked.pack))
        mine = notes(Pack(asked.checkpoints), f"{asked.checkpoints.name}/") if asked.checkpoints else []
    except Wrong as wrong:
        options.error(str(wrong))
    except (OSError, *BROKEN) as error:
        options.error(f"{asked.pack} or the checkpoints cannot be read: {error}")
    try:
        code, verdict = check(keys, mine, asked.epoch, say)
    except Wrong as wrong:
        code, verdict = ALTERED, f"ALTERED: {wrong}."
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, OverflowError, *BROKEN) as error:
        code, verdict = ALTERED, f"ALTERED: something in it is not of its form ({type(error).__name__}: {error})."
    with suppress(BrokenPipeError):  # Who reads along may have read enough.
        for line in (verdict, *say):
            print("".join(c if c.isprintable() else "?" for c in line), flush=True)
    return code


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    found = main()
    with suppress(OSError, AttributeError):  # Where there is nowhere to say it, the exit code says it.
        sys.stdout.close()
    sys.exit(found)
