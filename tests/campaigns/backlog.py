"""What is to be done when a run begins that is to be killed: work on both sides, claims, proofs and decisions."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from connectors.sandbox.faults import Fault
from sync.app.shell import system_user
from tests.campaigns.clocks import Shared
from tests.campaigns.places import Place

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When every history begins, so that no day of it ends but where that is meant."""

_WRITTEN = {"jira-cloud": "/issue/[^/]+$", "jira-datacenter": "/issue/[^/]+$", "github": "/issues/[0-9]+$"}
_MADE = {"jira-cloud": "/issue(/bulk)?$", "jira-datacenter": "/issue(/bulk)?$", "github": "/issues$"}
_SAID = {"jira-cloud": "/comment$", "jira-datacenter": "/comment$", "github": "/comments$"}

_CONFIG = """
[[people]]
email = "ruth@acme.example"
login = "{login}"

[roles]
reviewer = ["ruth@acme.example"]

[roles.risk_owner]
high = ["ruth@acme.example"]

[[groups]]
by = "control"
controls = ["CC8.*"]
"""
SOON = timedelta(seconds=20)
_DAYS = 14
"""How long a claim and a request may stand without an answer, and how long the risk that ends is accepted for."""

_URL = "https://ci.acme.example/builds/{}"


@dataclass(frozen=True)
class Matter:
    """One item with its ticket: what an engineer does there, and what a risk owner and reviewer does here."""

    place: Place
    mia: Any
    ref: str
    key: str
    number: int
    dice: random.Random

    def closes(self) -> None:
        """Closed as done, on nothing but a word."""
        self.mia.close(self.key, "Done on Monday.")

    def brings(self) -> None:
        """A line in a comment, an attachment or a merged change."""
        said = f"/evidence {_URL.format(self.dice.randrange(100))} the build is green"
        ways: list[Callable[[], Any]] = [lambda: self.mia.comment(self.key, said)]
        if self.place.kind == "github":
            ways.append(lambda: self.mia.merge_pull(self.mia.open_pull(self.key, "Rotate it")))
        else:
            ways.append(lambda: self.mia.attach(self.key, "scan.pdf", b"%PDF-1.7 it is clean"))
        self.dice.choice(ways)()

    def is_done(self) -> None:
        """Closed as done, with something that shows it."""
        self.brings()
        self.mia.close(self.key, f"Rotated, see {_URL.format(100)}")

    def drops(self) -> None:
        """Closed as not to be done, which asks that its risk be accepted."""
        self.mia.wont_do(self.key, "Not worth it.")

    def asks(self) -> None:
        """The same in a comment."""
        self.mia.comment(self.key, "/accept-risk it is switched off in March until 2027-03-01")

    def postpones(self) -> None:
        """A later date is asked for, where a ticket has one."""
        self.mia.due(self.key, "2027-05-01")

    def joined(self) -> None:
        """Something more is found that its ticket is to list, if it is one that lists several."""
        _find(self.place, f"CC8.{self.number}", 3)

    def approved(self, days: int = 90) -> None:
        """The risk is accepted, for so many days."""
        until = (self.place.clock.now() + timedelta(days=days)).date().isoformat()
        terms = ("--likelihood", "2", "--impact", "2", "--compensating", "an alert")
        self._say("accept", "approve", self.ref, "--until", until, *terms)

    def refused(self) -> None:
        """It is not."""
        self._say("accept", "reject", self.ref, "--reason", "the data is too sensitive")

    def revoked(self) -> None:
        """It is not any more."""
        self._say("accept", "revoke", self.ref, "--reason", "the account is in use again")

    def reviewed(self) -> None:
        """What was brought will do."""
        self._say("review", self.ref, "--accept")

    def doubted(self) -> None:
        """It will not."""
        self._say("review", self.ref, "--reject", "that is another build")

    def _say(self, *words: str) -> None:
        self.place.ask(*words)


Deed = Callable[[Matter], None]
_SOON: Deed = partial(Matter.approved, days=_DAYS)
MATTERS: Mapping[str, tuple[Deed | None, Deed | None, Deed | None]] = {
    "claimed": (None, None, Matter.closes),
    "shown": (None, None, Matter.is_done),
    "shown at last": (Matter.closes, None, Matter.brings),
    "reviewed": (Matter.is_done, None, Matter.reviewed),
    "doubted": (Matter.is_done, None, Matter.doubted),
    "asked for": (None, None, Matter.drops),
    "asked for in words": (None, None, Matter.asks),
    "approved": (Matter.drops, None, Matter.approved),
    "refused": (Matter.drops, None, Matter.refused),
    "revoked": (Matter.drops, Matter.approved, Matter.revoked),
    "joined": (Matter.closes, None, Matter.joined),
    "postponed": (None, None, Matter.postpones),
    "never shown": (Matter.closes, None, None),
    "never answered": (Matter.drops, None, None),
    "at its end": (Matter.drops, _SOON, None),
}
"""What may become of an item: before a run, before another, and before the one that is to be killed."""

LASTING = frozenset({"never shown", "never answered", "at its end"})
"""Those in which the days that pass do what is left to be done."""


@contextmanager
def _mia(place: Place) -> Iterator[Any]:
    """The tracker answers, and an engineer is at work in it."""
    with place.served(), place.engineer() as mia:
        yield mia


def much_to_do(place: Place, clock: Shared, dice: random.Random) -> None:
    """Links, answers that were lost, new items, and changes, comments, claims and decisions on both sides.

    Where days have to pass, another one may begin soon after the time that it is then.
    """
    clock.put(START)
    _ask_for_proof(place)
    place.run("init")
    names = dice.sample([*MATTERS], dice.choice((0, 0, 1, 2)))
    early, then, late = ([MATTERS[name][turn] for name in names] for turn in range(3))
    days_end = None if LASTING.isdisjoint(names) else dice.choice((timedelta(hours=1), timedelta(hours=-1)))
    with _mia(place) as mia:
        refs = [place.ask("item", "add", f"Rotate key {n} of the build account")["ref"] for n in range(4)]
        about = [_added(place, name, number, dice) for number, name in enumerate(names)]
        place.ask("sync")
        clock.sleep(dice.choice((600, 90_000)))
        matters = [Matter(place, mia, ref, _key(place, ref), n, dice) for n, ref in enumerate(about)]
        took = _take(early, matters)
        if dice.random() < 0.7:
            _lose_answers(place, refs[0])
            took = True
        if took:
            place.run("sync")
        if _take(then, matters):
            place.run("sync")
        if days_end is not None:
            clock.put(_midnight(clock.now()) + timedelta(days=_DAYS + 1) + days_end)
        _take(late, matters)
        _ours(place, refs, dice)
        _theirs(place, mia, refs, dice)
        for n in range(dice.choice((1, 2, 3, 3, 3, 60 if place.kind == "jira-cloud" else 4))):
            place.run("item", "add", f"Encrypt volume {n} of the billing system")
    clock.sleep(150)
    if days_end is not None and days_end < timedelta(0):
        clock.put(_midnight(clock.now()) + timedelta(days=1) - SOON)


def _midnight(at: datetime) -> datetime:
    """When that day began."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def is_ending(at: datetime) -> bool:
    """Whether the day ends soon after that."""
    return at >= _midnight(at) + timedelta(days=1) - SOON


def _ask_for_proof(place: Place) -> None:
    config = place.folder / "counterfoil.toml"
    told = config.read_text().replace("high = { pieces = 0 }", "high = { pieces = 1, review = true }")
    config.write_text(told + _CONFIG.format(login=system_user()))


def _added(place: Place, name: str, number: int, dice: random.Random) -> str:
    """A new item, or where nobody asks to live with its risk, perhaps that of a group of two."""
    if {Matter.drops, Matter.asks} & {*MATTERS[name]} or (name != "joined" and dice.random() < 0.6):
        _find(place, f"CC6.{number}", 1)
        return _called(place, f" of CC6.{number} alone")
    _find(place, f"CC8.{number}", 2)
    return _called(place, f" CC8.{number}")


def _find(place: Place, control: str, many: int) -> None:
    """Take in so many findings under one control, which share a ticket where the control begins with CC8.

    Nobody files them by hand, who would not decide about them then.
    """
    file = place.folder / "findings.csv"
    rows = (f"Close hole {n} of {control} alone,high,{control},{control}-{n}\n" for n in range(many))
    file.write_text("title,priority,controls,external_ref\n" + "".join(rows))
    place.ask("intake", "csv", str(file))


def _called(place: Place, end: str) -> str:
    """The item whose title ends like that."""
    return next(str(each["ref"]) for each in place.ask("item", "list") if each["title"].endswith(end))


def _key(place: Place, ref: str) -> str:
    return str(place.ask("item", "show", ref)["ticket"]["key"])


def _take(deeds: Sequence[Deed | None], matters: Sequence[Matter]) -> bool:
    """Let each happen; whether any did."""
    for deed, matter in zip(deeds, matters, strict=True):
        if deed is not None:
            deed(matter)
    return any(deeds)


def _lose_answers(place: Place, ref: str) -> None:
    """Leave a new ticket and a comment in doubt."""
    place.run("item", "add", "Encrypt the volume whose ticket is in doubt")
    place.run("item", "comment", ref, "Is this said once only?")
    stir(place, [_fault("POST", _MADE[place.kind], Fault.LOSE_ANSWER)])
    stir(place, [_fault("POST", _SAID[place.kind], Fault.LOSE_ANSWER)])


def _ours(place: Place, refs: Sequence[str], dice: random.Random) -> None:
    place.run("item", "edit", refs[1], "--title", "Rotate every key", "--priority", dice.choice(("low", "critical")))
    if dice.random() < 0.5:
        place.run("item", "edit", refs[0], "--status", "in_progress", "--due", "2027-02-01")
    if dice.random() < 0.7:
        place.run("item", "comment", refs[dice.randrange(4)], "Before the audit, please.")


def _theirs(place: Place, mia: Any, refs: Sequence[str], dice: random.Random) -> None:
    keys = [_key(place, ref) for ref in refs[1:]]
    begun, done, dropped = dice.sample(keys, 3)
    deeds: list[Callable[[], Any]] = [
        lambda: mia.start(begun),
        lambda: mia.close(done, "Done on Monday."),
        lambda: mia.wont_do(dropped, "Not worth it."),
        lambda: mia.comment(dice.choice(keys), "Which of the two accounts is meant?"),
        lambda: mia.edit_title(dice.choice(keys), "nope"),
        lambda: mia.add_label(dice.choice(keys), "theirs"),
    ]
    for deed in dice.sample(deeds, dice.randint(1, 4)):
        deed()


def trouble(kind: str, dice: random.Random) -> list[Mapping[str, Any]]:
    """How the tracker behaves while it is done: faults, for `stir`."""
    verb = "PATCH" if kind == "github" else "PUT"
    found = []
    if dice.random() < 0.4:
        found.append(_fault(verb, _WRITTEN[kind], Fault.RATE_LIMITED, times=5, seconds=59))
    if dice.random() < 0.5:
        found.append(_fault("POST", _SAID[kind], Fault.RATE_LIMITED, seconds=20))
    if dice.random() < 0.5:
        found.append(_fault("POST", _MADE[kind], dice.choice((Fault.RATE_LIMITED, Fault.LOSE_ANSWER)), seconds=20))
    elif dice.random() < 0.7:
        found.append(_fault("POST", _MADE[kind], Fault.ERROR_BEFORE, status=425))
    return found


def _fault(method: str, path: str, fault: Fault, **more: Any) -> Mapping[str, Any]:
    return {"method": method, "path": path, "fault": fault.value, **more}


def stir(place: Place, trouble: Sequence[Mapping[str, Any]]) -> None:
    """Let the tracker, which is served, behave like that."""
    for each in trouble:
        url = f"http://127.0.0.1:{place.port}/_sandbox/faults"
        httpx.post(url, json=each, trust_env=False, verify=False).raise_for_status()  # noqa: S501
