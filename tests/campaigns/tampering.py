"""Somebody who can write the database changes what was recorded, and whoever kept checkpoints finds it."""

import json
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from connectors.anchors.base import Kept
from connectors.anchors.directory import Directory
from state.audit import GENESIS, canonical, leaf
from state.checkpoint import Head, SigningKey, signed
from state.checkpoints import FORKED, LEDGER, ROTATED
from state.effects import Because, Effects, ItemChange, Note
from state.merkle import Tree
from state.model import Actor, Agent, ItemDraft, Priority
from state.salted import named_in
from state.second import second
from state.store import Store
from state.stored import Stored
from state.verifying import fault
from sync.notary import Notary
from sync.proving import Conclusion, Finding, books, concluded
from tests.campaigns import statements
from tests.campaigns.crashes import postgresql
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.databases import ARM, DISARM

FULL = 13_000
RECORDS = 60
EVERY = 10
"""After so many records there is a checkpoint."""

LONG = 12_000
"""How long a ledger is that is looked at in the quick way, and by a second process too."""
TRIED = 130
"""How often one of those is tampered with."""

FLIPPED = 200
"""How long the ledger is of which every single bit is flipped."""
ERASED = 1_000
"""How often a personal text is taken or changed."""
THIEVES = 100
"""How often somebody with the key as well writes all of it anew."""

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))
EVIL = SigningKey.made("acme.example/ledger", bytes(range(1, 33)))
KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"), run="run-1", reason="asked to")

_INSERT = (
    "INSERT INTO audit (seq, prev, hash, object, body) VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT))"
)

Row = list[Any]
"""A record as it is stored: its number, the hash before it, its own hash, what it is about, and its text."""


@dataclass(frozen=True)
class Site:
    """A ledger in a file, and the folder in which its checkpoints are kept."""

    file: Path
    share: Path

    @property
    def url(self) -> str:
        """Where the database is."""
        return f"sqlite:///{self.file}"

    def examined(self, *planted: str) -> Finding:
        """What an auditor concludes of the ledger alone who has the folder, with what somebody else put there, and the
        key; a second process takes part where the ledger is long.
        """
        kept = [Kept(each.read_text(encoding="utf-8"), each.name) for each in sorted(self.share.iterdir())]
        kept += [Kept(note, "planted") for note in planted]
        with (
            Store.open(self.url, clock=_now) as store,
            store.reading() as connection,
            second(connection, ours=1) as helper,
        ):
            return concluded(books(connection, helper), kept, [KEY.public])


def _now() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


@cache
def site(records: int) -> Site:
    """A ledger of so many records with a checkpoint every few, made once in a process."""
    root = Path(tempfile.mkdtemp(prefix="tampering-"))
    made = Site(root / "counterfoil.db", root / "share")
    made.share.mkdir()
    dice = random.Random(records)  # noqa: S311
    with Store.create(made.url, clock=_now, entropy=dice.randbytes) as store:
        notary = Notary(store, [KEY], [Directory("share", made.share)], _now)
        for number in range(1, records + 1):
            _record(store, dice, number)
            if number % EVERY == 0:
                signed_now = notary.sign()
                notary.hand_out(signed_now, at_once=True)  # type: ignore[arg-type]
    return made


def _record(store: Store, dice: random.Random, number: int) -> None:
    """One record of the kinds that there are."""
    match number % 3:
        case 1:
            owner = dice.choice(["mia@acme.example", "omar@acme.example", None])
            draft = ItemDraft(f"Enable MFA for São {number}", owner=owner)
            store.add_items([(draft, _now().date() + timedelta(days=30), Priority.HIGH)], KIM)
        case 2:
            store.commit(None, Effects(changes=[ItemChange("AI-000001", {"title": f"Title {number}"}, KIM)]))
        case _:
            store.commit(None, Effects(notes=[Note("ticket.changed", "AI-000001", KIM, "title", "a", number)]))


def _chained(rows: list[Row], first: int) -> None:
    """Write the numbers, the hashes and the links anew from the record at this place on, as our own rules are."""
    prev = rows[first - 1][2] if first else GENESIS
    for at in range(first, len(rows)):
        body = json.loads(rows[at][4]) | {"seq": at + 1, "prev": prev}
        text = canonical(body)
        rows[at] = [at + 1, prev, leaf(text), body["object"], text.decode()]
        prev = rows[at][2]


def _forge(row: Row, dice: random.Random) -> None:
    """Let a record say something else."""
    body = json.loads(row[4])
    body["action"] = dice.choice(["item.forged", "acceptance.active", body["action"] + "x"])
    row[4] = canonical(body).decode()


def _flip(row: Row, column: int, dice: random.Random) -> None:
    raw = bytearray(row[column].encode())
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(7)
    row[column] = bytes(raw)


def _bit_in_body(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    _flip(rows[at], 4, dice)
    return at


def _bit_in_hash(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    _flip(rows[at], 2, dice)
    return at


def _bit_in_prev(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    _flip(rows[at], 1, dice)
    return at


def _delete(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows) - 1)
    del rows[at]
    return at


def _swap(rows: list[Row], dice: random.Random) -> int:
    one, other = sorted(dice.sample(range(len(rows)), 2))
    rows[one][1:], rows[other][1:] = rows[other][1:], rows[one][1:]
    return one


def _duplicate(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    rows.append([len(rows) + 1, *rows[at][1:]])
    return len(rows) - 1


def _edit_one(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    _forge(rows[at], dice)
    rows[at][2] = leaf(rows[at][4].encode())
    return at


def _truncate(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(1, len(rows))
    del rows[at:]
    return at


def _edit_and_chain(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    _forge(rows[at], dice)
    _chained(rows, at)
    return at


def _delete_and_chain(rows: list[Row], dice: random.Random) -> int:
    at = dice.randrange(len(rows))
    del rows[at]
    _chained(rows, at)
    return at


def _rewrite(rows: list[Row], dice: random.Random) -> int:
    for row in rows:
        _forge(row, dice)
    _chained(rows, 0)
    return 0


def _fork(rows: list[Row], dice: random.Random) -> int:
    """Cut off, say that all of that was given up when the ledger was begun anew, and go on with what never happened."""
    at = dice.randrange(len(rows) - 1)
    _begin_anew(rows, at, dice)
    return at


def _begin_anew(rows: list[Row], at: int, dice: random.Random) -> None:
    rows[at:] = [[0, "", "", "", row[4]] for row in rows[at:]]
    _say(rows[at], FORKED, {"origin": KEY.name, "size": 10**9, "agreed": at}, {"origin": f"{KEY.name}/epoch-2"})
    for row in rows[at + 1 :]:
        _forge(row, dice)
    _chained(rows, at)


def _say(row: Row, action: str, before: object, after: object) -> None:
    """Let a record say something about the ledger itself."""
    said = {"action": action, "object": LEDGER, "field": "", "before": before, "after": after}
    row[4] = canonical(json.loads(row[4]) | said).decode()


def _hand_over(rows: list[Row], dice: random.Random) -> int:
    """Say that the key was handed over to one's own, which the program signs over, and begin a ledger of one's own."""
    at = dice.choice([each for each in range(len(rows) - 2) if (each + 1) % EVERY])
    _say(rows[at], ROTATED, {"key": str(KEY.public)}, {"key": str(EVIL.public)})
    _begin_anew(rows, at + 1, dice)
    _chained(rows, at)
    return at + 1


def _planted(rows: list[Row]) -> list[str]:
    """What goes with it: one's own line under the honest checkpoint over that record, and one's own checkpoints."""
    notes, tree, over = [], Tree(), {}
    for row in rows:
        tree.push(bytes.fromhex(row[2]))
        over[row[0]] = tree.root
    [at] = [row[0] for row in rows if f'"action":"{ROTATED}"' in row[4]]
    notes.append(signed(Head(KEY.name, at, over[at]), [KEY, EVIL]))
    return notes + [signed(Head(f"{KEY.name}/epoch-2", size, over[size]), [EVIL]) for size in (at + 1, len(rows))]


KINDS: dict[str, Callable[[list[Row], random.Random], int]] = {
    "bit flipped in a text": _bit_in_body,
    "bit flipped in a hash": _bit_in_hash,
    "bit flipped in a link": _bit_in_prev,
    "deleted": _delete,
    "swapped": _swap,
    "duplicated": _duplicate,
    "edited and hashed": _edit_one,
    "cut off": _truncate,
    "edited and chained anew": _edit_and_chain,
    "deleted and chained anew": _delete_and_chain,
    "all written anew": _rewrite,
    "begun anew by a forger": _fork,
    "handed over to a forger": _hand_over,
}
"""What is done to the records; each tells the place of the first that is another."""

_CHAINED = frozenset(
    {
        *("edited and chained anew", "deleted and chained anew", "all written anew", "begun anew by a forger"),
        "handed over to a forger",
    }
)
"""What only a checkpoint tells, so that it is found between two of them."""


def attempt(number: int, seed: int, records: int = RECORDS) -> Case:
    """Tamper in one way with a copy of a ledger of so many records, and see what an auditor finds."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311
    kind = list(KINDS)[number % len(KINDS)]
    with _copy(records) as place:
        rows = _rows(place)
        first = KINDS[kind](rows, dice) + 1
        _put(place, rows, checkpoints=dice.random() < 0.5)
        found = place.examined(*(_planted(rows) if KINDS[kind] is _hand_over else ()))
    bad = found.verdict.first_bad
    wrong = [] if found.conclusion is Conclusion.TAMPERED else ["not found"]
    if bad is not None and not _names(kind, bad[0], first, records):
        wrong.append("another place named")
    return Case(number, tuple(wrong), story=f"{kind} at {first}: {bad}")


def _names(kind: str, said: int, first: int, records: int) -> bool:
    """Whether what is said to be the first bad record is it, or is as near as the checkpoints tell."""
    if kind in _CHAINED or (kind == "edited and hashed" and first == records):
        ends = kind == "deleted and chained anew" and first > records - EVERY and said == records
        return said <= first <= said + EVERY - 1 or ends
    return said in (first - 1, first, first + 1)


TEXTS = {
    "deleted": "DELETE FROM salted WHERE hash = ?",
    "changed": "UPDATE salted SET text = '\"nobody\"' WHERE hash = ?",
    "no text": "UPDATE salted SET text = 'nobody' WHERE hash = ?",
    "given another salt": "UPDATE salted SET salt = substr(salt, 17) || substr(salt, 1, 16) WHERE hash = ?",
    "given a longer salt": "UPDATE salted SET salt = salt || 'ab' WHERE hash = ?",
    "under another hash": "UPDATE salted SET hash = upper(hash) WHERE hash = ?",
}
"""What is done to a text that records stand for, without a record of it."""


def erased(number: int, seed: int) -> Case:
    """Take or change a personal text without a record of that, and see which record an auditor is told of."""
    dice = random.Random(f"{seed}/erased/{number}")  # noqa: S311
    kind = list(TEXTS)[number % len(TEXTS)]
    with _copy() as place:
        rows = _rows(place)
        hash_ = dice.choice(sorted({each for row in rows for each in named_in(row[4])}))
        first = next(row[0] for row in rows if hash_ in named_in(row[4]))
        with closing(sqlite3.connect(place.file, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER salted_only_erased")
            connection.execute(TEXTS[kind], (hash_,))
        found = place.examined()
    wrong = [] if found.conclusion is Conclusion.TAMPERED else ["not found"]
    if found.verdict.first_bad is not None and found.verdict.first_bad[0] != first:
        wrong.append("another place named")
    return Case(number, tuple(wrong), story=f"{kind} at {first}: {found.verdict.first_bad}")


def robbed(number: int, seed: int) -> Case:
    """Somebody with the database and the key writes all of it anew and signs that, but cannot reach the copies."""
    dice = random.Random(f"{seed}/robbed/{number}")  # noqa: S311
    with _copy() as place:
        rows = _rows(place)
        first = dice.randrange(len(rows))
        _forge(rows[first], dice)
        _chained(rows, first)
        _put(place, rows, checkpoints=True, notes=_signed_anew(rows))
        found = place.examined()
    return Case(number, () if found.conclusion is Conclusion.TAMPERED else ("not found",), story=str(found))


def _signed_anew(rows: list[Row]) -> list[tuple[int, str, str, str]]:
    tree, notes = Tree(), []
    for seq, _, hash_, _, _ in rows:
        tree.push(bytes.fromhex(hash_))
        if seq % EVERY == 0:
            note = signed(Head(KEY.name, seq, tree.root), [KEY])
            notes.append((seq, note, hash_, "".join(each.hex() for each in tree.edge)))
    return notes


def flipped(number: int) -> Case:
    """Flip every single bit of one record, and look at it and at the one after it."""
    rows = _rows(site(FLIPPED))
    before = rows[number - 1][2] if number else GENESIS
    after = Stored(*rows[number + 1]) if number + 1 < len(rows) else None
    missed: Counter[str] = Counter()
    tried = 0
    for column, name in ((1, "link"), (2, "hash"), (3, "object"), (4, "text")):
        raw = rows[number][column].encode()
        for bit in range(len(raw) * 8):
            bad = bytearray(raw)
            bad[bit // 8] ^= 1 << bit % 8
            row = [*rows[number]]
            row[column] = bytes(bad).decode("utf-8", "surrogateescape")
            told = fault(Stored(*row), number, before)
            told = told or (None if after is None else fault(after, number + 1, row[2]))
            missed[f"missed in the {name}"] += told is None
            tried += 1
    return Case(number, tuple(name for name, count in missed.items() if count), (("bits", float(tried)),))


@contextmanager
def _copy(records: int = RECORDS) -> Iterator[Site]:
    """A copy of a ledger to tamper with."""
    whole = site(records)
    with tempfile.TemporaryDirectory(dir=whole.file.parent) as folder:
        shutil.copy(whole.file, Path(folder) / whole.file.name)
        yield Site(Path(folder) / whole.file.name, whole.share)


def _rows(place: Site) -> list[Row]:
    with closing(sqlite3.connect(place.file)) as connection:
        return [list(row) for row in connection.execute("SELECT seq, prev, hash, object, body FROM audit ORDER BY seq")]


def _put(
    place: Site, rows: list[Row], *, checkpoints: bool, notes: list[tuple[int, str, str, str]] | None = None
) -> None:
    """Have these records in the database in place of what was recorded, and maybe no checkpoints, or others."""
    with closing(sqlite3.connect(place.file, isolation_level=None)) as connection:
        for statement in (*DISARM["sqlite"], "DELETE FROM audit"):
            connection.execute(statement)
        connection.executemany(_INSERT, rows)
        if checkpoints:
            connection.execute("DELETE FROM checkpoint")
        for note in notes or ():
            connection.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, '2026-11-22 12:00:00.000000')", note)
        for statement in ARM["sqlite"]:
            connection.execute(statement)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """The kinds in turn, thieves of the key, personal texts, every single bit of a longer ledger, the attack tables."""
    numbers = range(size) if only is None else [only]
    cases = list(spread("tampering", partial(attempt, seed=seed), numbers, crew, chunk=50))
    again = f"make campaign NAME=tampering SIZE={size} SEED={seed}"
    what = "thirteen kinds of tampering with the records, whose checkpoints are kept elsewhere"
    yield Score("A1", what, len(cases), _counts(cases, "not found", "another place named"), seed, seconds(cases), again)
    if only is not None:
        return
    site(LONG)
    count = min(TRIED, size)
    cases = list(spread("tampering-long", partial(attempt, seed=seed, records=LONG), range(count), crew, chunk=13))
    what = f"the same with ledgers of {LONG:,} records, which a second process looks at too"
    wrong = _counts(cases, "not found", "another place named")
    yield Score("A1, long ledgers", what, len(cases), wrong, seed, seconds(cases), again, full=TRIED)
    cases = list(spread("erased", partial(erased, seed=seed), range(min(ERASED, size)), crew, chunk=50))
    what = "a personal text taken or changed without a record of that"
    wrong = _counts(cases, "not found", "another place named")
    yield Score("A1, texts of people", what, len(cases), wrong, seed, seconds(cases), again, full=ERASED)
    count = min(FLIPPED, size)
    cases = list(spread("flipped", flipped, range(count), crew))
    bits = sum(value for case in cases for _, value in case.also)
    wrong = _counts(cases, *(f"missed in the {name}" for name in ("link", "hash", "object", "text")))
    what = f"every single bit of {len(cases)} records flipped"
    yield Score("A2", what, len(cases), wrong, seed, seconds(cases), again, {"bits": f"{int(bits):,}"}, full=FLIPPED)
    count = min(THIEVES, size)
    cases = list(spread("robbed", partial(robbed, seed=seed), range(count), crew, chunk=10))
    what = "all of it written anew and signed with the stolen key, but for the copies of the checkpoints"
    yield Score("A3", what, len(cases), _counts(cases, "not found"), seed, seconds(cases), again, full=THIEVES)
    yield from _tables(seed, crew, again)


def _tables(seed: int, crew: Crew, again: str) -> Iterator[Score]:
    """The attack tables, which are always tried whole."""
    names, on_file, on_server = ("not refused", "changed"), statements.ON_A_FILE, statements.ON_A_SERVER
    cases = list(spread("statements", statements.on_a_file, range(len(on_file)), crew))
    what = "each statement of the attack table, by another program and by this one, on a file"
    yield Score("A4", what, len(cases), _counts(cases, *names), seed, seconds(cases), again, full=len(cases))
    with postgresql() as server:
        if server is None:
            return
        with statements.served(server) as ledger:
            attack = partial(statements.on_a_server, ledger=ledger)
            cases = list(spread("statements-server", attack, range(len(on_server)), replace(crew, kept=None)))
    what = "each statement of the attack table, by the owner of the tables and by the program's role, on a server"
    yield Score(
        "A4, PostgreSQL", what, len(cases), _counts(cases, *names), seed, seconds(cases), again, full=len(cases)
    )


def _counts(cases: list[Case], *names: str) -> dict[str, int]:
    found = Counter(name for case in cases for name in case.wrong)
    return {name: found[name] for name in (*names, *found)}
