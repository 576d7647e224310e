"""What the work costs this machine: CPU and peak memory of the real command line, each beside a floor of the same run.

It prints a table: `python -m tests.bench.local --only quiet --sizes 0 100000`. CPU is user and system time, and the
best of several runs, since a busy machine makes it larger and never smaller.
"""

import argparse
import base64
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from connectors.anchors.directory import Directory
from state.effects import Because, Effects, Note
from state.model import Actor, Agent, ItemDraft, Priority
from state.store import Store
from state.ticket import TicketRef
from sync.app.shell import utc_now
from sync.notary import Notary
from sync.proving import EVERY
from tests import signing
from tests.bench.floor import BULK
from tests.bench.mirror import COMMAND, KINDS, Bench, bench, take_in
from tests.bench.process import Used, process

FLOOR = Path(__file__).with_name("local_floor.py")
MEASURER = Because(Agent(Actor.HUMAN, "bench", "bench"), run="R-bench")
STEP = 5000
RATE = 40_000
"""So many records of a ledger are to be checked in a second, from the start of the command to its end."""
MEMORY = 200
"""So many MB its processes are to take at most, each by itself."""


@dataclass(frozen=True)
class Row:
    """One piece of work by its number in the benchmark, what it used and its floor used, and what is to be reached."""

    number: str
    work: str
    used: Used
    floor: Used
    reach: str


def ended_well(folder: Path, *command: object) -> Used:
    used = process(folder, *command)
    if used.code not in (0, 3):
        raise SystemExit(f"{' '.join(map(str, command))}: exit {used.code}: {(folder / 'said').read_text()[-500:]}")
    return used


def best(times: int, folder: Path, *command: object) -> Used:
    return min((ended_well(folder, *command) for _ in range(times)), key=lambda used: used.cpu)


def floor(times: int, folder: Path, work: str, **given: object) -> Used:
    options = [f"--{name}={value}" for name, value in given.items()]
    return best(times, folder, sys.executable, FLOOR, work, *options)


def rest(made: Bench) -> Store:
    """The installation's store, after a sync that left nothing to settle or to look at again."""
    store = Store.open(f"sqlite:///{made.folder / 'counterfoil.db'}", clock=utc_now)
    feed = store.feed("work")
    if feed.fresh is not None:
        calm = replace(feed, settled=feed.fresh, settling=None, settle_at=None, audited_at=utc_now())
        store.commit(None, Effects(feeds=[calm]))
    return store


def link_more(store: Store, count: int) -> None:
    """Link new items to tickets that the tracker never speaks of, until `count` are linked."""
    [first] = store.links(["AI-000001"]).values()
    due = utc_now().date() + timedelta(days=90)
    have = store.link_count("work")
    for start in range(have, count, STEP):
        numbers = range(start, min(start + STEP, count))
        drafts = [(ItemDraft(f"Encrypt volume {n}", external_ref=f"L-{n}"), due, Priority.MEDIUM) for n in numbers]
        items = store.add_items(drafts, MEASURER)
        keys = [store.marker_key(item.ref, "work", 1) for item in items]
        links = [
            replace(
                first,
                item=item.ref,
                ref=TicketRef("work", f"9{n:08d}", f"{first.ref.key}{n:08d}"),
                marker=replace(first.marker, key=key, item=item.ref),
                item_revision=item.revision,
            )
            for n, item, key in zip(numbers, items, keys, strict=True)
        ]
        store.commit(None, Effects(linked=[(link, MEASURER) for link in links]))


def sync(made: Bench) -> Used:
    httpx.delete(f"{made.url}/_sandbox/requests", timeout=60)
    used = ended_well(made.folder, COMMAND, "sync", "--json")
    return replace(used, requests=len(httpx.get(f"{made.url}/_sandbox/requests", timeout=60).json()))


def quiet_sync(times: int, made: Bench) -> Used:
    """The cheapest of several runs, with the most requests that any of them sent."""
    runs = [sync(made) for _ in range(times)]
    return replace(min(runs, key=lambda used: used.cpu), requests=max(used.requests for used in runs))


def last_request(made: Bench, *, ending: str = "") -> str:
    """The last request that the tracker saw, to a path with this ending, for the floor to send again."""
    every = httpx.get(f"{made.url}/_sandbox/requests", timeout=60).json()
    seen = [one for one in every if one["path"].endswith(ending)][-1]
    token = (made.folder / "token").read_text()
    [email] = re.findall(r'^email = "(.*)"', (made.folder / "counterfoil.toml").read_text(), re.MULTILINE) or [""]
    proof = f"Basic {base64.b64encode(f'{email}:{token}'.encode()).decode()}" if email else f"Bearer {token}"
    headers = {"authorization": proof, "content-type": "application/json", "accept": "application/json"}
    asked = {"method": seen["method"], "url": f"{made.url}{seen['path']}", "headers": headers}
    return json.dumps(asked | {"params": seen["query"], "content": seen["body"] or None})


def quiet(options: argparse.Namespace) -> Iterator[Row]:
    for kind in options.kinds:
        with bench(kind, 0) as made:
            take_in(made, 1)
            sync(made)
            rest(made).close()
            sync(made)
            one = None
            for size in sorted({1, *options.sizes}):
                with rest(made) as store:
                    link_more(store, size)
                sync(made)
                used = quiet_sync(options.repeat, made)
                again = last_request(made)
                least = floor(
                    options.repeat, made.folder, "quiet", database=made.folder / "counterfoil.db", request=again
                )
                one = one or used
                more = f"{used.cpu / one.cpu:.2f} x the CPU and {used.memory / one.memory:.2f} x the memory of 1 linked"
                reach = f"0.8 s, 100 MB; 1.2 x, now {more}" if size > 1 else "0.8 s, 100 MB"
                yield Row("B7", f"{kind}: nothing changed, {size:,} linked", used, least, reach)


def creates(options: argparse.Namespace) -> Iterator[Row]:
    for kind in options.kinds:
        with bench(kind, 0) as made:
            take_in(made, options.count)
            used = sync(made)
            ending = "/issues" if kind == "github" else "/issue/bulk"
            request = last_request(made, ending=ending)
            rest(made).close()
            still = quiet_sync(options.repeat, made)
            database = made.folder / "counterfoil.db"
            least_still = floor(options.repeat, made.folder, "quiet", database=database, request=last_request(made))
            times = options.count if kind == "github" else -(-options.count // BULK)
            least = floor(1, made.folder, "create", database=made.folder / "floor.db", request=request, count=times)
            work = f"{kind}: ms of CPU to create each of {options.count:,}"
            yield Row(
                "B10", work, each(used, still, options.count), each(least, least_still, options.count), "0.5 ms, 90 MB"
            )
            yield Row("B13", f"{kind}: nothing changed, {options.count:,} linked", still, least_still, "90 MB")


def each(whole: Used, start: Used, count: int) -> Used:
    """What a run used, its CPU in ms for each of what it made, without what a run that makes nothing takes."""
    return replace(whole, cpu=(whole.cpu - start.cpu) / count * 1000)


def starts(options: argparse.Namespace) -> Iterator[Row]:
    with installed() as folder:
        ended_well(folder, COMMAND, "init")
        least = floor(options.repeat, folder, "start")
        for words, reach in ((["--help"], "0.2 s"), (["status"], "0.5 s"), (["item", "list"], "0.5 s")):
            yield Row("B9", " ".join(words), best(options.repeat, folder, COMMAND, *words), least, reach)


def intakes(options: argparse.Namespace) -> Iterator[Row]:
    with installed() as folder:
        ended_well(folder, COMMAND, "init")
        file = folder / "items.json"
        file.write_text(json.dumps([_item(number) for number in range(options.items)]))
        for again, reach in (("first", "10 s"), ("nothing new", "3 s")):
            used = ended_well(folder, COMMAND, "intake", "json", file)
            least = floor(1, folder, "intake", file=file, database=folder / "floor.db")
            yield Row("", f"{options.items:,} items of JSON, {again}", used, least, reach)
        scan = folder / "scan.json"
        scan.write_text(json.dumps([_finding(number) for number in range(options.items * 15 // 100)]))
        used = ended_well(folder, COMMAND, "intake", "ocsf", scan)
        least = floor(1, folder, "findings", file=scan, database=folder / "findings.db")
        size = scan.stat().st_size >> 20
        yield Row("", f"{options.items * 15 // 100:,} findings, {size} MB", used, least, "30 s, 200 MB")


def ledgers(options: argparse.Namespace) -> Iterator[Row]:
    """Records appended, 50 to a transaction: the figure is the CPU that 40,000 of them take."""
    with installed() as folder:
        count = 40_000
        store = Store.create(f"sqlite:///{folder / 'counterfoil.db'}", clock=utc_now, entropy=os.urandom)
        notes = [Note("ticket.changed", f"AI-{n:06d}", MEASURER, "status", "open", "in_progress") for n in range(50)]
        began, wall = time.process_time(), time.monotonic()
        for _ in range(count // 50):
            store.commit(None, Effects(notes=notes))
        used = Used(time.process_time() - began, time.monotonic() - wall, 0)
        store.close()
        least = floor(options.repeat, folder, "ledger", database=folder / "floor.db", count=count)
        yield Row("B8", f"{count:,} records, 50 a transaction", used, least, "1.0 s")


def verifies(options: argparse.Namespace) -> Iterator[Row]:
    """A whole ledger checked by `audit verify`, signed all along, by checkpoints that are kept elsewhere too."""
    for count in options.records:
        with signed() as folder:
            record(folder, count)
            used = min((verified(folder, count) for _ in range(options.repeat)), key=lambda used: used.cpu)
            least = floor(options.repeat, folder, "verify", database=folder / "counterfoil.db")
            yield Row("", f"{count:,} records verified", used, least, f"{count / RATE:.1f} s, {MEMORY} MB")


def record(folder: Path, count: int) -> None:
    """Record so many changes, each with a reason of its own, as most have, and sign as often as a long run does."""
    with Store.create(f"sqlite:///{folder / 'counterfoil.db'}", clock=utc_now, entropy=os.urandom) as store:
        notary = Notary(store, [signing.KEY], [Directory("share", folder / signing.SHARE)], utc_now)
        for start in range(0, count, EVERY):
            store.commit(None, Effects(notes=[_note(n) for n in range(start, min(start + EVERY, count))]))
            notary.watch(start + EVERY)


def _note(number: int) -> Note:
    because = replace(MEASURER, reason=f"ENG-{number} says so since {number}")
    return Note("ticket.changed", f"AI-{number % 999:06d}", because, "status", "open", "in_progress")


def verified(folder: Path, count: int) -> Used:
    """What `audit verify` uses, which has to find so many records anchored."""
    used = ended_well(folder, COMMAND, "audit", "verify", "--json")
    told = json.loads((folder / "said").read_text())
    if (told["conclusion"], told["records"], told["anchored"]) != ("anchored", count, count):
        raise SystemExit(f"audit verify: {told}")
    return used


@contextmanager
def installed() -> Iterator[Path]:
    """A folder with a configuration that names no tracker."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as name:
        folder = Path(name)
        (folder / "counterfoil.toml").write_text('[state]\nurl = "sqlite:///counterfoil.db"\n')
        yield folder


@contextmanager
def signed() -> Iterator[Path]:
    """The same, which also says how its ledger is signed."""
    with installed() as folder:
        with (folder / "counterfoil.toml").open("a") as config:
            config.write(signing.TABLE)
        signing.install(folder)
        yield folder


def _item(number: int) -> dict[str, Any]:
    return {
        "external_ref": f"B-{number}",
        "title": f"Encrypt volume {number} of the billing system",
        "description": f"As the policy says of volume {number}. " * 10,
        "priority": ("high", "medium", "low")[number % 3],
        "owner": f"person{number % 50}@acme.example",
        "controls": ["CC6.1", f"CC{number % 9}.2"],
    }


def _finding(number: int) -> dict[str, Any]:
    return {
        "metadata": {"event_code": f"check_{number % 300}", "product": {"name": "Prowler", "version": "5.4.0"}},
        "severity": "High",
        "status": "New",
        "status_code": "PASS" if number % 3 else "FAIL",
        "status_detail": f"Bucket {number} is public.",
        "risk_details": "Anyone can read it. " * 100,
        "remediation": {"desc": "Block public access. " * 50, "references": ["https://docs.example/s3"]},
        "finding_info": {"title": f"Check {number % 300} on buckets."},
        "unmapped": {"compliance": {f"CIS-{n}": [f"{n}.{m}" for m in range(40)] for n in range(14)}},
        "resources": [{"uid": f"arn:aws:s3:::b{number}", "name": f"b{number}", "type": "S3", "region": "eu-west-1"}],
        "cloud": {"account": {"uid": "123456789012", "name": "acme"}, "region": "eu-west-1", "provider": "aws"},
        "time": 1739539623,
    }


GROUPS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "start": starts,
    "quiet": quiet,
    "create": creates,
    "intake": intakes,
    "ledger": ledgers,
    "verify": verifies,
}


def shown(rows: Sequence[Row]) -> Table:
    table = Table(title="CPU and memory")
    for name in ("row", "work", "requests", "CPU", "wall s", "peak MB", "floor CPU", "floor MB", "ratio", "to reach"):
        table.add_column(name, justify="left" if name in ("row", "work", "to reach") else "right")
    for row in rows:
        ratio = f"{row.used.cpu / row.floor.cpu:.1f}" if row.floor.cpu else ""
        least = (f"{row.floor.cpu:.3f}", f"{row.floor.memory:.0f}") if row.floor.cpu else ("", "")
        used = (f"{row.used.requests or ''}", f"{row.used.cpu:.3f}", f"{row.used.wall:.2f}", f"{row.used.memory:.0f}")
        table.add_row(row.number, row.work, *used, *least, ratio, row.reach)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=[10_000, 100_000], help="how many links a quiet run has"
    )
    parser.add_argument("--count", type=int, default=1000, help="how many tickets are created")
    parser.add_argument("--items", type=int, default=100_000, help="how many items are taken in")
    parser.add_argument(
        "--records", nargs="*", type=int, default=[100_000, 1_000_000], help="how long a ledger is that is verified"
    )
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    console = Console(width=170)
    for name in options.only:
        console.print(shown(list(GROUPS[name](options))))


if __name__ == "__main__":
    main()
