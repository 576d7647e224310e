"""A year of an installation, told in chapters, with a list of its own of what was done in it.

The list is made from the steps themselves and never from what the program says of them, but for the names that the
program gives: refs of items, keys of tickets.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.premises import Premises

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
ANY = (0, 3, 5)
TERMS = ("--compensating", "an alert on every login", "--likelihood", "2", "--impact", "3")
CONTROLS = ("CC6.1", "CC6.2", "CC6.3", "CC8.1")
FRAMEWORK = "code,title\n" + "".join(f"{code},Control {code}\n" for code in (*CONTROLS, "CC7.1", "CC7.2", "CC9.1"))
RISKS = "id,statement,owner,inherent,current,target\nR-0001,Accounts are taken over,ruth@acme.example,5x5,4x4,1x4\n"


@dataclass
class Accepted:
    """A risk that was accepted, as those who did it would tell."""

    item: str
    requester: str
    approvers: set[str]
    why: str
    until: str
    became: str


@dataclass
class Truth:
    """What was done in the year; items by ref, days as they are."""

    statuses: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    population: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, int]] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    proofs: dict[str, set[str]] = field(default_factory=dict)
    moved_dates: set[tuple[str, str, str, str, str]] = field(default_factory=set)
    failing: set[tuple[str, str, str, int]] = field(default_factory=set)
    by_comment: set[tuple[str, str, str]] = field(default_factory=set)
    lost: set[tuple[str, str]] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    after_closing: set[tuple[str, str]] = field(default_factory=set)
    expired: set[tuple[str, str]] = field(default_factory=set)

    def open_on(self, day: date) -> set[str]:
        """The items that were unfinished when the day ended."""
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        told = {ref: [status for at, status in some if at < end] for ref, some in self.statuses.items()}
        return {ref for ref, some in told.items() if some and some[-1] == "open"}


@dataclass
class Year:
    """Someone to whom the year happens: each method is a step in it, and is written down."""

    at: Premises
    size: int
    truth: Truth = field(default_factory=Truth)
    dice: Random = field(default_factory=lambda: Random(2026))  # noqa: S311
    key: str = ""
    refs: dict[str, str] = field(default_factory=dict)
    tickets: dict[str, tuple[str, str]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    # Steps

    def day(self, month: int, day: int, hour: int = 10) -> None:
        """Let it be that day."""
        self.at.until(datetime(2026, month, day, hour, tzinfo=UTC))

    def run(self, who: str, *words: str, expect: tuple[int, ...] = ANY) -> Any:
        """Have somebody give a command."""
        return self.at.run(who, *words, expect=expect)

    def sync(self, *words: str) -> None:
        """A run by the clock, and the keys of the tickets that it made."""
        if self.run("kim", "sync", *words)["created"]:
            listed = self.run("kim", "item", "list")
            tickets = ((item["ref"], item["ticket"]) for item in listed if item["ticket"])
            self.tickets |= {ref: (ticket["tracker"], ticket["key"]) for ref, ticket in tickets}

    def now(self) -> datetime:
        """What time it is."""
        return self.at.clock.at

    def in_ticket(self, who: str, name: str) -> tuple[Any, str]:
        """The engineer and the key of the ticket of an item by its name."""
        tracker, key = self.tickets[self.refs[name]]
        return (self.at.at_jira if tracker == "work" else self.at.at_github)[who], key

    def became(self, name: str, status: str, at: datetime | None = None) -> None:
        """Write down how an item stood from then on."""
        self.truth.statuses.setdefault(self.refs[name], []).append((at or self.now(), status))

    def close(self, who: str, name: str) -> None:
        """Close the ticket as done, and write down whether that was late."""
        engineer, key = self.in_ticket(who, name)
        engineer.close(key)
        self.done(name)

    def done(self, name: str) -> None:
        """Write down that the work is done now."""
        ref = self.refs[name]
        self.became(name, "resolved")
        if self.now().date().isoformat() > self.truth.due[ref]:
            self.truth.late.add(ref)

    def prove(self, name: str, text: str, *more: str, piece: str = "") -> str:
        """Bring a file for an item, or as the next version of a piece; the piece."""
        path = self.at.file(f"{name}-{len(text)}.log", text)
        made = self.run("kim", "evidence", "add", piece or self.refs[name], path, "--shows", "how it was done", *more)
        self.truth.proofs.setdefault(self.refs[name], set()).add(hashlib.sha256(text.encode()).hexdigest())
        return str(made["ref"])

    def tested(self, outcomes: dict[str, str], control: str) -> None:
        """Take in a report of automated tests, by name, which leaves one out."""
        cases = "".join(
            f'<testcase classname="controls" name="{name}"><properties><property name="control" value="{control}"/>'
            f"</properties>{_JUNIT[said]}</testcase>"
            for name, said in {**outcomes, "a slow one": "skipped"}.items()
        )
        stamp = f"{self.now():%Y-%m-%dT%H:%M:%S}Z"
        suite = f'<testsuite name="{control}" timestamp="{stamp}">{cases}</testsuite>'
        path = self.at.file("junit.xml", f'<?xml version="1.0"?><testsuites>{suite}</testsuites>')
        self.taken_in(path, len(outcomes) + 1)
        self.run("kim", "intake", "junit", path, "--of", "acme/api")
        self.welcome(lambda title: next((name for name in outcomes if f" {name} " in title), title))

    def taken_in(self, path: str, rows: int) -> None:
        """Write down that a file was taken in, with so many rows."""
        self.truth.files.append((hashlib.sha256(Path(path).read_bytes()).hexdigest(), rows))

    def welcome(self, name: Callable[[str], str] = str) -> None:
        """Write down the items that came up now, by what each is called because of its title."""
        for item in self.run("kim", "item", "list"):
            if item["ref"] not in self.truth.statuses:
                self.refs[name(item["title"])] = item["ref"]
                self.became(name(item["title"]), "open")
                self.truth.due[item["ref"]] = (self.now().date() + timedelta(days=90)).isoformat()

    # Chapters

    def january(self) -> None:
        """Everything is set up, and all that is to be done is taken in and mirrored."""
        self.at.configure()
        self.run("kim", "init")
        made = self.run("kim", "audit", "keygen", "--name", "acme.example/year", "--out", self._path("audit.key"))
        self.key = made["public_key"]
        (self.at.folder / "share").mkdir()
        self.run("kim", "framework", "add", self.at.file("soc2.csv", FRAMEWORK))
        self.run("kim", "risk", "import", self.at.file("risks.csv", RISKS))
        self._take_in()
        self.sync()

    def _path(self, name: str) -> str:
        return str(self.at.folder / name)

    def _take_in(self) -> None:
        rows = [*self._bulk(), *STORIES]
        path = self.at.file("items.json", json.dumps(rows))
        self.taken_in(path, len(rows))
        self.run("kim", "intake", "json", path)
        for item in self.run("kim", "item", "list"):
            self.refs[item["external_ref"]] = item["ref"]
        assert len(self.refs) == len(rows)
        for row in rows:
            name = row["external_ref"]
            self.truth.population[name] = self.refs[name]
            self.truth.due[self.refs[name]] = row["due_date"]
            self.became(name, "open")

    def _bulk(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size - len(STORIES) + 1):
            due = BEGIN.date() + timedelta(days=self.dice.randrange(40, 400))
            yield {
                "external_ref": f"B-{number:03}",
                "title": f"Harden system {number}",
                "priority": self.dice.choice(("low", "medium")),
                "owner": self.dice.choice(("mia@acme.example", "lena@acme.example", "omar@acme.example")),
                "due_date": due.isoformat(),
                "controls": [self.dice.choice(CONTROLS)],
                "risks": ["R-0001"] if number % 7 == 0 else [],
            }

    def routine(self, month: int, days: tuple[int, int]) -> None:
        """What is done without any story between two days, which are followed by a sync."""
        waiting = [name for name in self.refs if name.startswith("B-") and self._is_open(name)]
        chosen = self.dice.sample(waiting, min(len(waiting), self.size // 24))
        for day in range(*days, 3):
            self.day(month, day, 16)
            for name in chosen[:: 1 + day % 3][:4]:
                chosen.remove(name)
                who = self.dice.choice(("mia", "lena"))
                if self.dice.random() < 0.3 and name not in self.begun:
                    engineer, key = self.in_ticket(who, name)
                    engineer.start(key)
                    self.begun.add(name)
                else:
                    self.close(who, name)

    def _is_open(self, name: str) -> bool:
        return self.truth.statuses[self.refs[name]][-1][1] == "open"


def story(name: str, **more: Any) -> dict[str, Any]:
    """An item with a story of its own."""
    row = {"external_ref": name, "title": f"Story {name}", "priority": "medium", "owner": "mia@acme.example"}
    return row | {"due_date": "2026-11-30", "controls": ["CC6.1"], "risks": []} | more


_JUNIT = {"fail": "<failure/>", "skipped": "<skipped/>", "pass": ""}
ON_GITHUB = {"controls": ["CC8.1"]}
STORIES = (
    story("asked-by-comment", risks=["R-0001"]),
    story("refused-there"),
    story("not-planned", **ON_GITHUB),
    story("renewed"),
    story("refused", **ON_GITHUB),
    story("revoked"),
    story("voided"),
    story("two-owners", priority="critical"),
    story("later-there"),
    story("later-here"),
    story("later-refused"),
    story("earlier"),
    story("proved", priority="high"),
    story("proved-late", priority="high"),
    story("pulled", priority="high", **ON_GITHUB),
    story("expiring"),
    story("came-back"),
    story("changed-after"),
    story("deleted"),
    story("transferred", **ON_GITHUB),
    story("moved"),
    story("conflict"),
    story("late", due_date="2026-03-31"),
    story("resolved-here"),
    story("withdrawn"),
    story("hushed", **ON_GITHUB),
    story("unseen"),
    story("doubtful"),
    story("unanswered"),
    story("put-back"),
)
