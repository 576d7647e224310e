"""What a mirror costs: requests, wall time, CPU and peak memory of the real command line against embedded trackers.

It prints a table, beside each piece of work the least it can take (`floor.py`, on a tracker of the same kind and size)
and what a script takes that minds each ticket by itself (`naive.py`), and judges the request counts by their limits:
`python -m tests.bench.mirror 100 1000`. What each row is, and why it may take that, is in the README beside this.
"""

import argparse
import base64
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.jira_engineer import JiraEngineer
from tests import signing
from tests.bench.floor import Floor
from tests.bench.naive import Naive
from tests.bench.process import process

COMMAND = Path(sys.executable).with_name("counterfoil")
KINDS = ("jira-cloud", "jira-datacenter", "github")
CHANGED = 10
EDITED = 100
LIMIT = 50
PAUSE = 2
"""Each so many requests, one is refused as too many for so many seconds."""
AT_ONCE = 2
SOME = 100
"""How many tickets the naive script minds at most; what it takes for more is reckoned from that."""
OWN = 2
"""The connections that looking at what a run asked for takes itself."""
NAMES = (
    "tracker",
    "items",
    "row",
    "work",
    "requests",
    "at most",
    "naive",
    "conns",
    "wall s",
    "floor s",
    "ratio",
    "naive s",
    "CPU s",
    "MB",
    "by kind",
)
CONFIG = """
[state]
url = "sqlite:///counterfoil.db"

[trackers.work]
{table}
token_file = "token"

[[routes]]
tracker = "work"

[safety]
max_creates = 1000000
change_share = 1.0
visibility_wait_seconds = 3600
"""
"""With so long a wait, what is young is not read a second time while other work is measured."""


@dataclass(frozen=True)
class Cost:
    """One run of the command line: requests by kind, seconds of wall and CPU, peak MB, exit code, new connections.

    `limited` is how many of the requests were refused as too many.
    """

    requests: Counter[str]
    wall: float
    cpu: float
    memory: float
    code: int
    connections: int = 0
    limited: int = 0


@dataclass(frozen=True)
class Row:
    """One piece of work by its number in the benchmark, what it cost, the most requests that it may take, seconds of
    the least that it can take, and requests and seconds of the script that minds each ticket by itself.
    """

    number: str
    work: str
    cost: Cost
    most: float
    floor: float = 0.0
    naive: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Bench:
    """One installation beside one embedded tracker that runs as a process of its own."""

    folder: Path
    url: str
    engineer: Any
    floor: Floor
    naive: Naive

    def run(self, *words: str, **variables: str) -> Cost:
        httpx.delete(f"{self.url}/_sandbox/requests", timeout=60)
        before = self._connections()
        used = process(self.folder, COMMAND, *words, "--json", env=variables)
        seen = httpx.get(f"{self.url}/_sandbox/requests", timeout=60).json()
        kinds = Counter(kind_of(one["method"], one["path"]) for one in seen)
        made = self._connections() - before - OWN
        limited = sum(one["fault"] == "rate_limited" for one in seen)
        return Cost(kinds, used.wall, used.cpu, used.memory, used.code, made, limited)

    def _connections(self) -> int:
        return int(httpx.get(f"{self.url}/_sandbox/connections", timeout=60).json()["made"])

    def naively(self, keys: Sequence[str], work: Callable[[Sequence[str]], None], count: int) -> tuple[float, float]:
        """Requests and seconds that a piece of work takes of the naive script for so many tickets, reckoned from one
        ticket and from some: what it takes to begin is not multiplied.
        """
        one, some = self._timed(work, keys[:1]), self._timed(work, keys[1:])
        each = [(more - first) / (len(keys) - 2) for first, more in zip(one, some, strict=True)]
        requests, seconds = (first + per * (count - 1) for first, per in zip(one, each, strict=True))
        return requests, seconds

    def _timed(self, work: Callable[[Sequence[str]], None], keys: Sequence[str]) -> tuple[float, float]:
        httpx.delete(f"{self.url}/_sandbox/requests", timeout=60)
        began = time.monotonic()
        work(keys)
        wall = time.monotonic() - began
        return len(httpx.get(f"{self.url}/_sandbox/requests", timeout=60).json()), wall

    def forward(self, seconds: float) -> None:
        """Let time pass in the tracker."""
        httpx.post(f"{self.url}/_sandbox/clock", json={"advance": seconds}, timeout=60)

    def keys(self, count: int) -> list[tuple[str, str]]:
        """The first items that have a ticket: their refs and keys."""
        listed = subprocess.run([COMMAND, "item", "list", "--json"], cwd=self.folder, capture_output=True, check=True)
        return [(i["ref"], i["ticket"]["key"]) for i in json.loads(listed.stdout) if i["ticket"]][:count]


def kind_of(method: str, path: str) -> str:
    """A request with its numbers and names taken out."""
    parts = ["*" if any(c.isdigit() for c in p) and p not in ("2", "3") else p for p in path.split("/") if p]
    return f"{method} {'/'.join(parts[-2:])}"


@contextmanager
def bench(kind: str, latency: float) -> Iterator[Bench]:
    """An embedded tracker that answers after `latency` ms, and an installation in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-bench-"))
    command = [sys.executable, "-m", "connectors.sandbox", f"--{kind}", "--port-file", str(folder / "port")]
    server = subprocess.Popen([*command, "--latency-ms", str(latency)], stdout=subprocess.DEVNULL)
    try:
        while not (folder / "port").exists():
            time.sleep(0.01)
        told = json.loads((folder / "port").read_text())[kind]
        yield installed(folder, kind, told)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(folder)


def installed(folder: Path, kind: str, told: dict[str, Any]) -> Bench:
    people = {person["name"]: person for person in told["people"]}
    engineer: Any
    if kind == "github":
        us, mia = people["counterfoil-bot"], people["mia-krystof"]
        table = f'kind = "github"\nurl = "{told["url"]}"\nrepository = "acme/platform"'
        engineer = GithubEngineer(told["url"], mia["token"])
    else:
        us, mia = people["sync"], people["mia"]
        cloud = kind == "jira-cloud"
        table = f'kind = "jira"\nurl = "{told["url"]}"\nproject = "SEC"\n'
        table += f'email = "{us["email"]}"' if cloud else 'deployment = "datacenter"'
        engineer = JiraEngineer(told["url"], mia["token"], mia["email"] if cloud else None)
    (folder / "token").write_text(us["token"])
    (folder / "token").chmod(0o600)
    (folder / "counterfoil.toml").write_text(CONFIG.format(table=table) + signing.TABLE)
    signing.install(folder)
    basic = base64.b64encode(f"{us.get('email')}:{us['token']}".encode()).decode()
    auth = {"authorization": f"Basic {basic}" if kind == "jira-cloud" else f"Bearer {us['token']}"}
    naive = Naive(kind, told["url"], us["token"], us.get("email", ""))
    return Bench(folder, told["url"], engineer, Floor(kind, told["url"], auth), naive)


def take_in(made: Bench, count: int, text: str = "As the policy says.") -> None:
    items = [
        {
            "external_ref": f"B-{n}",
            "title": f"Encrypt volume {n} of the billing system",
            "description": f"{text} " * 10,
        }
        for n in range(count)
    ]
    (made.folder / "items.json").write_text(json.dumps(items))
    for words in (("init",), ("intake", "json", "items.json")):
        subprocess.run([COMMAND, *words], cwd=made.folder, check=True, stdout=subprocess.DEVNULL)


def measured(kind: str, count: int, latency: float) -> Iterator[Row]:
    """Each piece of work, one after the other in one installation."""
    github, cloud = kind == "github", kind == "jira-cloud"
    batches = count if github else -(-count // 50)
    begins = 1 if github else 5 if cloud else 6
    with bench(kind, latency) as other:
        one_by_one = other.floor.create(count)
        at_once = other.floor.create(count, AT_ONCE) if cloud else one_by_one
    with bench(kind, latency) as other:
        titles = [f"Encrypt volume {number}" for number in range(min(count, SOME))]
        each = other.naively(titles, other.naive.create, count)
    with bench(kind, latency) as made:
        take_in(made, count)
        first = made.run("sync")
        yield Row("" if github else "B1", "first mirror", first, batches + begins, at_once, each)
        made.run("sync")
        every = [key for _, key in made.keys(min(count, SOME))]
        read = made.naively(every, made.naive.read, count)
        yield Row("B2", "nothing changed", made.run("sync"), 1, made.floor.news(), read)
        made.forward(300)
        chosen = made.keys(CHANGED)
        for _, key in chosen:
            made.engineer.start(key)
        most = 2 if cloud else 2 + CHANGED
        yield Row("B3", f"{CHANGED} changed there", made.run("sync"), most, made.floor.news(), read)
        for ref, _ in chosen:
            words = ["item", "edit", ref, "--description", "Another description of the same thing."]
            subprocess.run([COMMAND, *words], cwd=made.folder, check=True, stdout=subprocess.DEVNULL)
        keys = [key for _, key in chosen]
        run, least = made.run("sync"), made.floor.change(keys)
        yield Row(
            "B4", f"{CHANGED} changed here", run, CHANGED + 3, least, made.naively(keys, made.naive.change, len(keys))
        )
        made.run("sync")
        pages = -(-count // {"jira-cloud": 5000, "jira-datacenter": 1000, "github": 100}[kind])
        audit = made.run("sync", COUNTERFOIL_TRACKERS__WORK__AUDIT_HOURS="0")
        yield Row("B6", "audit", audit, 3 + pages if github else 2 + pages, made.floor.audit(count), read)
    yield killed_at_half(kind, count, latency, batches, 1.1 * first.requests.total())


def limited(kind: str, latency: float) -> Iterator[Row]:
    """Many edits while each 50th request is refused as too many, beside the same without and the waits asked for.

    What was read before a wait may be looked at again after it.
    """
    with bench(kind, latency) as made:
        take_in(made, EDITED)
        made.run("sync")
        plain = edited(made, "plain")
        for reason in ("", "bare") if kind != "github" else ("",):
            for number in range(1, 9):
                fault = {"fault": "rate_limited", "skip": LIMIT * number - number, "seconds": PAUSE, "reason": reason}
                httpx.post(f"{made.url}/_sandbox/faults", json=fault, timeout=60)
            cost = edited(made, f"limited {reason}")
            httpx.delete(f"{made.url}/_sandbox/faults", timeout=60)
            asked = f"{cost.limited} times 429, {f'Retry-After {PAUSE}' if not reason else 'no Retry-After'}"
            yield Row(
                "B11",
                f"all edited, {asked}",
                cost,
                plain.requests.total() + 2 * EDITED,
                plain.wall + cost.limited * PAUSE,
            )


def edited(made: Bench, text: str) -> Cost:
    """Every item gets another description, and a sync carries them over."""
    take_in(made, EDITED, text)
    return made.run("sync", "--force", "all of them on purpose")


def killed_at_half(kind: str, count: int, latency: float, batches: int, unhurt: float) -> Row:
    """A first mirror that is killed at half, and the run that goes on: what both took together, duplicates refused.

    Beside a tenth more than without the kill, the second run asks once for news, for what was lost, and who we are.
    """
    with bench(kind, latency) as made:
        take_in(made, count)
        no_wait = {"COUNTERFOIL_SAFETY__VISIBILITY_WAIT_SECONDS": "0"}
        first = made.run("sync", COUNTERFOIL_CRASH=f"created.after:{batches // 2}", **no_wait)
        if first.code != -signal.SIGKILL:
            raise AssertionError(f"the first run ended with {first.code} and was not killed")
        second = made.run("sync", **no_wait)
        there = {key for _, key in made.keys(count)}
        if len(there) != count or len(made.floor.keys()) != count:
            raise AssertionError(f"{count} items have {len(there)} tickets, and {len(made.floor.keys())} are there")
    both = Cost(
        first.requests + second.requests,
        first.wall + second.wall,
        first.cpu + second.cpu,
        max(first.memory, second.memory),
        second.code,
        first.connections + second.connections,
    )
    return Row("B12", "killed at half, resumed", both, unhurt + 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000, 10000])
    parser.add_argument("--latency-ms", nargs="*", type=float, default=[0, 100])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    console = Console(width=190)
    over = 0
    for latency in options.latency_ms:
        table = Table(title=f"{latency:.0f} ms a request")
        for name in NAMES:
            table.add_column(name, justify="right" if name not in ("tracker", "row", "work", "by kind") else "left")
        for kind in options.kinds:
            rows = [(count, row) for count in options.sizes for row in measured(kind, count, latency)]
            for count, row in (*rows, *((EDITED, row) for row in limited(kind, latency))):
                over += row.cost.requests.total() > row.most or row.cost.code not in (0, 3)
                table.add_row(kind, str(count), row.number, row.work, *figures(row))
        console.print(table)
    console.print("Every count is within its limit." if not over else f"{over} runs are over their limit or failed.")
    sys.exit(bool(over))


def figures(row: Row) -> Iterator[str]:
    cost, (requests, seconds) = row.cost, row.naive
    yield from (f"{cost.requests.total()}", f"{row.most:.0f}", f"{requests:.0f}" if requests else "-")
    yield from (f"{cost.connections}", f"{cost.wall:.2f}")
    yield f"{row.floor:.2f}" if row.floor else "-"
    yield f"{cost.wall / row.floor:.1f}" if row.floor else "-"
    yield f"{seconds:.1f}" if seconds else "-"
    yield from (f"{cost.cpu:.2f}", f"{cost.memory:.0f}")
    yield ", ".join(f"{number} {name}" for name, number in cost.requests.most_common(4))


if __name__ == "__main__":
    main()
