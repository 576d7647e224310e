"""An installation with work to do and its embedded tracker, which can be put back to where it was and compared."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from connectors.sandbox.__main__ import load
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraSandbox
from connectors.sandbox.server import SandboxServer
from state import acceptances, due_dates, proofs
from state.acceptance import Acceptance, DueChange
from state.model import ActionItem, Link
from state.proof import Evidence, EvidenceKind
from state.store import Store
from tests import postgresql, program, signing
from tests.campaigns.clocks import DAY, Clock
from tests.campaigns.schedules import compiled
from tests.histories.matters import NUMBERED, STANDING
from tests.histories.signing import MEMORY
from tests.program import Ended, Process

KINDS = ("jira-cloud", "jira-datacenter", "github")
NEW = 20
"""Each case whose number this divides is done by newly started processes, the others by forked ones."""
PROCESSES = f"processes: forked, in each {NEW}th case newly started"
"""The same in the words of a row."""

_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_PLANTED = re.compile(r"(?<=counterfoil:c k=)\w+")

_ROOM = 1 << 30

_TABLES = {
    "jira-cloud": 'kind = "jira"\ndeployment = "cloud"\nproject = "SEC"\nemail = "{user.email}"',
    "jira-datacenter": 'kind = "jira"\ndeployment = "datacenter"\nproject = "SEC"',
    "github": 'kind = "github"\nrepository = "acme/platform"',
}
_CONFIG = """
[trackers.work]
url = "http://127.0.0.1:{port}"
token_file = "token"
{table}

[[routes]]
tracker = "work"

[safety]
change_share = 1.0
visibility_wait_seconds = 0

[resolve]
critical = {{ pieces = 0 }}
high = {{ pieces = 0 }}
medium = {{ pieces = 0 }}
"""


@dataclass(frozen=True)
class Place:
    """A folder with a configuration, a token, a database and the log of its tracker, which serves on `port`.

    The database is a file in the folder unless `url` names another. With `anew`, each command is a newly started
    process.
    """

    folder: Path
    kind: str
    port: int
    clock: Clock = DAY
    url: str = ""
    anew: bool = False

    @classmethod
    def made(cls, folder: Path, kind: str, clock: Clock = DAY, url: str = "") -> "Place":
        """A new one, with nothing in it; program and tracker go by `clock`. `url` names its database."""
        folder.mkdir(parents=True)
        port = free_port()
        place = cls(folder, kind, port, clock, url)
        user = load(kind).users[0]
        (folder / "token").write_text(user.token)
        (folder / "token").chmod(0o600)
        config = _CONFIG.format(port=port, table=_TABLES[kind].format(user=user)) + signing.TABLE
        (folder / "counterfoil.toml").write_text(config)
        signing.install(folder)
        return place

    def copied(self, folder: Path, url: str = "") -> "Place":
        """The same in another folder; only one of both can be served at a time. `url` names a copy of its database."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder, url=url)

    def tried(self, number: int) -> "Place":
        """The same, with its commands run as they are in the case of this number."""
        return replace(self, anew=number % NEW == 0)

    def moved(self, url: str) -> "Place":
        """The same with its database at `url`, which is empty; the one in the folder takes no more writes."""
        if (ended := self.run("state", "copy", "--to", url)).code:
            raise RuntimeError(str(ended))
        config = self.folder / "counterfoil.toml"
        config.write_text(f'[state]\nurl = "{url}"\n{config.read_text()}')
        return replace(self, url=url)

    @property
    def log(self) -> Path:
        """What the tracker was asked to write, a line to a request; it is what it was asked."""
        return self.folder / "tracker.jsonl"

    @property
    def database(self) -> Path:
        return self.folder / "counterfoil.db"

    @contextmanager
    def served(self) -> Iterator[None]:
        """The tracker answers, in a process of its own."""
        with serving(lambda: SandboxServer(load(self.kind), port=self.port, persist=self.log, clock=self.clock.now)):
            yield

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Run a command to its end, in a process of its own."""
        process = self.start(words, environment)
        process.go()
        return process.wait()

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        output: str = "std",
    ) -> Process:
        """Make a process for a command that goes by the place's clock; it calls `before` first."""
        kept = {"COUNTERFOIL_STATE__URL": self.url} if self.url else {}
        if not self.anew:
            compiled()
        begin = self.clock.govern if before is None else partial(self.clock.govern_and, before)
        return program.start(words, self.folder, {**kept, **(environment or {})}, begin, output, anew=self.anew)

    def ask(self, *words: str) -> Any:
        """The JSON answer of a command that must succeed."""
        ended = self.run(*words, "--json")
        if ended.code:
            raise RuntimeError(f"{words}: {ended}")
        return json.loads(ended.out)

    def engineer(self) -> Any:
        """Somebody who works in the tracker, while it is served; a context manager."""
        url, people = f"http://127.0.0.1:{self.port}", {user.name: user for user in load(self.kind).users}
        if self.kind == "github":
            return GithubEngineer(url, people["mia-krystof"].token)
        return JiraEngineer.of(url, people["mia"], cloud=self.kind == "jira-cloud")

    def writes(self) -> int:
        """How many writing requests the tracker ever had."""
        return self.log.read_bytes().count(b"\n")

    def records(self) -> int:
        """How many records the ledger has, but for those that say of a day that nothing was recorded."""
        return self._count("""audit WHERE body NOT LIKE '%"action":"ledger.checked"%'""")

    def in_doubt(self) -> int:
        """How many writes are on their way, or nobody knows what came of them."""
        return self._count("intent WHERE finished_at IS NULL")

    def whole_pulls(self) -> int:
        """How many records say that a tracker was read whole."""
        return self._count("""audit WHERE body LIKE '%"action":"tracker.read"%'""")

    def _count(self, rows: str) -> int:
        """How many there are in the database, whose files stay as they were left."""
        asked = f"SELECT count(*) FROM {rows}"  # noqa: S608
        if self.url:
            return int(postgresql.run(self.url, asked)[0][0])
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(asked).fetchone()[0])

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, looked at beside the program."""
        store = Store.open(self.url or f"sqlite:///{self.database}", clock=self.clock.now)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def workshop() -> Iterator[Path]:
    """A folder for the cases of a campaign, in memory if there is room: a process that is killed leaves the same."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > _ROOM
    with tempfile.TemporaryDirectory(dir=MEMORY if roomy else None) as folder:
        yield Path(folder)


@contextmanager
def serving(made: Callable[[], SandboxServer]) -> Iterator[None]:
    """A server answers, in a process of its own, in which it is made."""
    waiting, ready = os.pipe()
    pid = program.fork()
    if pid == 0:
        _serve(made, ready)
    os.close(ready)
    answers = os.read(waiting, 1)
    os.close(waiting)
    try:
        if not answers:
            raise RuntimeError("the tracker could not be started")
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(made: Callable[[], SandboxServer], ready: int) -> NoReturn:
    try:
        made().start()
        os.write(ready, b".")
        signal.pause()
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    finally:
        os._exit(70)


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def busy(place: Place) -> None:
    """Give a new installation linked and new items, and changes on both sides that the next sync has to carry."""
    place.run("init")
    with place.served():
        refs = [place.ask("item", "add", f"Rotate key {n} of the build account")["ref"] for n in range(5)]
        place.ask("sync")
        keys = [place.ask("item", "show", ref)["ticket"]["key"] for ref in refs]
        with place.engineer() as mia:
            mia.start(keys[1])
            mia.comment(keys[2], "Which of the two accounts is meant?")
            mia.close(keys[3], "Done on Monday.")
            mia.edit_title(keys[4], "nope")
        place.ask(
            "item", "edit", refs[0], "--title", "Rotate every key of the build account", "--status", "in_progress"
        )
        place.ask("item", "comment", refs[0], "Before the audit, please.")
        for n in range(3):
            place.ask("item", "add", f"Encrypt volume {n} of the billing system", "--priority", "high")


def both_sides(place: Place) -> dict[str, Any]:
    """What stands on either side, by item, in a form in which equal means equal, whoever got which number."""
    with place.store() as store:
        return _both_sides(place, store)


def _both_sides(place: Place, store: Store) -> dict[str, Any]:
    items = list(store.list_items())
    links = store.links([item.ref for item in items])
    ours = {item.ref: _item(store, item, links.get(item.ref)) for item in items}
    open_intents = len(store.open_intents())
    return {"tickets": sorted(tickets_of(place), key=json.dumps), "items": ours, "open intents": open_intents}


def _item(store: Store, item: ActionItem, link: Link | None) -> dict[str, Any]:
    agreed = link.baseline if link is not None else {}
    comments = store.comments(item.ref)
    accepted = store.ask(acceptances.of_items, [item.ref]).get(item.ref, [])
    return {
        "values": [item.title, item.status.value, item.owner, item.priority.value, str(item.due_date)],
        "claim": [item.claim.kind.value, item.claim.by] if item.claim is not None else None,
        "part of": item.part_of,
        "linked": link is not None,
        "agreed": sorted((name.value, both.ours, both.theirs) for name, both in agreed.items()),
        "comments": sorted((_plain(said.text), said.inbound, bool(said.remote_id), said.topic) for said in comments),
        "holds": sorted((hold.kind.value, hold.field or "") for hold in store.holds(item.ref)),
        "evidence": sorted(_piece(each) for each in store.ask(proofs.of_items, [item.ref]).get(item.ref, [])),
        "acceptances": sorted(_accepted(each) for each in accepted),
        "asked for later": sorted(_later(each) for each in store.ask(due_dates.changes, item.ref)),
    }


def _piece(each: Evidence) -> tuple[str, ...]:
    """A piece of evidence but for its number and its time, and what a snapshot shows, which the time has a say in."""
    draft, review = each.draft, each.review
    shows = "" if draft.kind is EvidenceKind.TICKET_SNAPSHOT else str(draft.sha256)
    verdict = (review.verdict.value, review.by) if review is not None else ()
    return (draft.kind.value, draft.remote_id, draft.url, draft.by, draft.shows, shows, str(each.version), *verdict)


def _accepted(each: Acceptance) -> tuple[str, ...]:
    """A request and what became of it, but for its number and its times."""
    decided = (f"{decision.verdict} {decision.by}" for decision in each.decisions)
    terms = (each.terms.justification, str(each.terms.until), str(each.warned_at is not None))
    return (each.state.value, each.requester, each.event, *terms, _plain(each.ended_why), *decided)


def _later(each: DueChange) -> tuple[str, ...]:
    return (str(each.before), str(each.after), each.requester, each.verdict)


def _plain(text: str) -> str:
    """What was said but for the day, and the numbers of evidence and requests: they depend on what came first.

    So does the number of a comment, which is in what marks it as ours where a ticket shows that.
    """
    return _PLANTED.sub("some", NUMBERED.sub("some", _DAY.sub("that day", text.strip())))


def tickets_of(place: Place) -> Iterator[dict[str, Any]]:
    """Every ticket the tracker has, as it keeps them itself."""
    server = SandboxServer(load(place.kind), persist=place.log)
    server.stop()
    match server.sandbox:
        case JiraSandbox() as jira:
            for issue in jira.issues.by_id.values():
                said = [_plain(json.dumps(comment.body)) for comment in issue.comments]
                person = issue.assignee.id if issue.assignee else None
                values = [issue.summary, issue.status.name, issue.resolution, issue.priority, person, issue.duedate]
                yield _ticket(json.dumps(issue.description), values, issue.labels, said)
        case GithubSandbox() as github:
            for one in github.state.issues.values():
                said = [_plain(github.state.comments[number].body) for number in one.comments]
                yield _ticket(one.body or "", [one.title, one.state, one.reason, *one.assignees], one.labels, said)


def _ticket(body: str, values: list[Any], labels: Sequence[str], said: Sequence[str]) -> dict[str, Any]:
    named = re.search(r"AI-\d{6}", body)
    return {
        "item": named[0] if named else "",
        "values": values,
        "body": body,
        "labels": sorted(labels),
        "said": sorted(said),
    }


def wrong_with(place: Place, wanted: Mapping[str, Any]) -> list[str]:
    """What is not as it would be if nothing had happened, by name, and nothing if all is well."""
    with place.store() as store:
        found, sound = _both_sides(place, store), signing.is_vouched_for(store, place.folder / signing.SHARE)
    alone = {ref: item for ref, item in found["items"].items() if item["part of"] is None}
    many = Counter(ticket["item"] for ticket in found["tickets"] if ticket["item"])
    wrong = []
    if any(number > 1 for number in many.values()):
        wrong.append("duplicates")
    if any(ref not in many for ref in alone):
        wrong.append("lost")
    if not all(item["linked"] for item in alone.values()):
        wrong.append("unlinked")
    wrong += _told_twice(found)
    if not wrong and found != wanted:
        wrong.append("another end state")
    if not sound:
        wrong.append("ledger unsound")
    return wrong


def _told_twice(found: Mapping[str, Any]) -> Iterator[str]:
    """What stands there more than once of which there is to be one, by name."""
    items = found["items"].values()
    if any(n > 1 for item in items for n in Counter(kept[1] or kept[2] for kept in item["evidence"]).values()):
        yield "evidence twice"
    if any([state for state, *_ in item["acceptances"]].count("requested") > 1 for item in items):
        yield "asked for twice"
    if any(sum(bool(STANDING.search(said)) for said in ticket["said"]) > 1 for ticket in found["tickets"]):
        yield "two standing comments"
