"""What a mirror costs: requests, wall time, CPU and peak memory of the real command line against embedded trackers.

It prints a table, and judges the request counts by their limits: `python tests/bench/mirror.py 100 1000`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.jira_engineer import JiraEngineer

COMMAND = Path(sys.executable).with_name("counterfoil")
KINDS = ("jira-cloud", "jira-datacenter", "github")
CHANGED = 10
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
"""


@dataclass(frozen=True)
class Cost:
    """One run of the command line: requests by kind, seconds of wall and CPU, peak memory in MB, its exit code."""

    requests: Counter[str]
    wall: float
    cpu: float
    memory: float
    code: int


@dataclass(frozen=True)
class Bench:
    """One installation beside one embedded tracker that runs as a process of its own."""

    folder: Path
    url: str
    engineer: Any

    def run(self, *words: str) -> Cost:
        httpx.delete(f"{self.url}/_sandbox/requests", timeout=60)
        began = time.monotonic()
        with (self.folder / "out.json").open("wb") as out:
            process = subprocess.Popen(
                [COMMAND, *words, "--json"], cwd=self.folder, stdout=out, stderr=subprocess.STDOUT
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        seen = httpx.get(f"{self.url}/_sandbox/requests", timeout=60).json()
        kinds = Counter(kind_of(one["method"], one["path"]) for one in seen)
        return Cost(kinds, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode)

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
    (folder / "counterfoil.toml").write_text(CONFIG.format(table=table))
    return Bench(folder, told["url"], engineer)


def take_in(made: Bench, count: int) -> None:
    items = [
        {
            "external_ref": f"B-{n}",
            "title": f"Encrypt volume {n} of the billing system",
            "description": "As the policy says. " * 10,
        }
        for n in range(count)
    ]
    (made.folder / "items.json").write_text(json.dumps(items))
    for words in (("init",), ("intake", "json", "items.json")):
        subprocess.run([COMMAND, *words], cwd=made.folder, check=True, stdout=subprocess.DEVNULL)


def measured(kind: str, count: int, latency: float) -> Iterator[tuple[str, Cost, int]]:
    """Each piece of work, what it cost, and the most requests it may take."""
    with bench(kind, latency) as made:
        take_in(made, count)
        most = count + 5 if kind == "github" else -(-count // 50) + 5
        yield "first mirror", made.run("sync"), most
        yield "nothing changed", made.run("sync"), 2
        httpx.post(f"{made.url}/_sandbox/clock", json={"advance": 300}, timeout=60)
        chosen = made.keys(CHANGED)
        for _, key in chosen:
            made.engineer.start(key)
        yield f"{CHANGED} changed there", made.run("sync"), 2 + CHANGED
        for ref, _ in chosen:
            words = ["item", "edit", ref, "--description", "Another description of the same thing."]
            subprocess.run([COMMAND, *words], cwd=made.folder, check=True, stdout=subprocess.DEVNULL)
        yield f"{CHANGED} changed here", made.run("sync"), 3 * CHANGED + 2
        yield "nothing changed", made.run("sync"), 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000, 10000])
    parser.add_argument("--latency-ms", nargs="*", type=float, default=[0, 100])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    console = Console(width=150)
    over = 0
    for latency in options.latency_ms:
        table = Table(title=f"{latency:.0f} ms a request")
        for name in ("tracker", "items", "work", "requests", "at most", "wall s", "CPU s", "peak MB", "by kind"):
            table.add_column(name, justify="right" if name not in ("tracker", "work", "by kind") else "left")
        for kind in options.kinds:
            for count in options.sizes:
                for work, cost, most in measured(kind, count, latency):
                    total = cost.requests.total()
                    over += total > most or cost.code not in (0, 3)
                    by_kind = ", ".join(f"{n} {name}" for name, n in cost.requests.most_common(4))
                    figures = (f"{total}", f"{most}", f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.memory:.0f}")
                    table.add_row(kind, str(count), work, *figures, by_kind)
        console.print(table)
    console.print("Every count is within its limit." if not over else f"{over} runs are over their limit or failed.")
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
