"""The least that the same work takes on this machine with httpx and sqlite3 alone, each in a process of its own."""

import argparse
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL")


def opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    return database


def start(_: argparse.Namespace) -> None:
    """Start Python with httpx and sqlite3, and do nothing."""


def quiet(given: argparse.Namespace) -> None:
    """Ask the tracker once what has changed, and the database what is to be compared."""
    database = opened(given.database)
    database.execute("SELECT count(*) FROM item WHERE dirty = 1").fetchone()
    asked = json.loads(given.request)
    with httpx.Client(timeout=60) as client:
        client.request(**asked).raise_for_status()


def create(given: argparse.Namespace) -> None:
    """Send a request that creates so many times, and keep what came back, one to a row."""
    asked = json.loads(given.request)
    database = opened(given.database)
    database.execute("CREATE TABLE made (record TEXT)")
    with httpx.Client(timeout=60) as client:
        for _ in range(given.count):
            answer = client.request(**asked).raise_for_status().json()
            _write(
                database, "INSERT INTO made VALUES (?)", [(json.dumps(one),) for one in answer.get("issues", [answer])]
            )


def intake(given: argparse.Namespace) -> None:
    """Parse a file of items, hash each, and write those whose hash is new."""
    database = opened(given.database)
    database.execute("CREATE TABLE IF NOT EXISTS taken (ref TEXT PRIMARY KEY, hash TEXT, body TEXT)")
    known = dict(database.execute("SELECT ref, hash FROM taken"))
    rows = []
    for item in json.loads(given.file.read_bytes()):
        body = json.dumps(item, sort_keys=True)
        hash_ = hashlib.sha256(body.encode()).hexdigest()
        if known.get(item["external_ref"]) != hash_:
            rows.append((item["external_ref"], hash_, body))
    _write(database, "INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", rows)


def findings(given: argparse.Namespace) -> None:
    """Parse a scan, hash each finding that failed, and write them all."""
    database = opened(given.database)
    database.execute("CREATE TABLE failing (ref TEXT PRIMARY KEY, hash TEXT, title TEXT)")
    rows = {}
    for one in json.loads(given.file.read_bytes()):
        if one["status_code"] == "FAIL":
            ref = f"{one['metadata']['event_code']} {one['resources'][0]['uid']}"
            rows[ref] = (ref, hashlib.sha256(ref.encode()).hexdigest(), one["finding_info"]["title"])
    _write(database, "INSERT INTO failing VALUES (?, ?, ?)", list(rows.values()))


def ledger(given: argparse.Namespace) -> None:
    """Append hash-chained records, 50 to a transaction."""
    database = opened(given.database)
    database.execute("DROP TABLE IF EXISTS audit")
    database.execute("CREATE TABLE audit (seq INTEGER PRIMARY KEY, prev TEXT, hash TEXT, object TEXT, body TEXT)")
    prev = "0" * 64
    for start_ in range(0, given.count, 50):
        rows = list(_chained(range(start_, start_ + 50), prev))
        prev = rows[-1][2]
        _write(database, "INSERT INTO audit VALUES (?, ?, ?, ?, ?)", rows)


def verify(given: argparse.Namespace) -> None:
    """Read records in order, parse and hash each, and see that it follows the one before and its reason is here."""
    database = opened(given.database)
    texts = "SELECT salt, text FROM salted WHERE hash = ?"
    prev = "0" * 64
    for before, hash_, body in database.execute("SELECT prev, hash, body FROM audit ORDER BY seq"):
        told = json.loads(body)
        if before != prev or hashlib.sha256(b"\0" + body.encode()).hexdigest() != hash_:
            raise SystemExit(f"record {told['seq']}")
        salt, text = database.execute(texts, (told["reason"]["salted"],)).fetchone()
        if hmac.digest(bytes.fromhex(salt), json.loads(text).encode(), "sha256").hex() != told["reason"]["salted"]:
            raise SystemExit(f"the reason of record {told['seq']}")
        prev = hash_


def _chained(numbers: range, prev: str) -> Iterator[tuple[int, str, str, str, str]]:
    for number in numbers:
        body = {"v": 1, "seq": number, "prev": prev, "object": f"AI-{number:06d}", "action": "ticket.changed"}
        text = json.dumps(body | {"before": "open", "after": "in_progress"}, sort_keys=True)
        hash_ = hashlib.sha256(b"\0" + text.encode()).hexdigest()
        yield number, prev, hash_, f"AI-{number:06d}", text
        prev = hash_


def _write(database: sqlite3.Connection, statement: str, rows: list[Any]) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany(statement, rows)
    database.execute("COMMIT")


WORKS: dict[str, Callable[[argparse.Namespace], None]] = {
    work.__name__: work for work in (start, quiet, create, intake, findings, ledger, verify)
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--request", default="{}")
    options = parser.parse_args()
    WORKS[options.work](options)
