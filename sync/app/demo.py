"""The main job from nothing, on embedded trackers, in a folder that stays."""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from connectors.sandbox.showcase import BRING_BACK, PEOPLE, Place, showcase
from sync.app import demo_data, show
from sync.app.cli import run
from sync.app.failures import BUG, IN_ORDER, Mistaken
from sync.app.shell import AHEAD, Shell, system_user, utc_now
from sync.report.page import PAGE

_ROUTES = """
[[routes]]                           # what is urgent and about access goes to the platform team
tracker = "{host}"
when = {{ controls = ["*CC6.*"], priority = ["critical", "high"] }}

[[routes]]
tracker = "{tracker}"

[intake.ocsf]
frameworks = ["{framework}"]

[[people]]                           # whoever runs this
email = "ada@acme.example"
login = {login}

[roles]
reviewer = ["ada@acme.example"]

[roles.risk_owner]
medium = ["ada@acme.example"]
low = ["ada@acme.example"]

[audit]
key_file = "audit.key"

[[audit.anchors]]                    # elsewhere, where those who run this cannot change it
name = "share"
kind = "directory"
path = "share"
"""
_DAYS = 40
_SEE = "What one can look at from here"
_PAPER = 110


@dataclass
class _Stage:
    """Runs the real commands, shows them as a person would type them, and keeps what they answered."""

    config: Path
    quiet: bool
    steps: list[dict[str, Any]] = field(default_factory=list)

    def say(self, title: str, *lines: str) -> None:
        if not self.quiet:
            print(show.rendered(show.heading(f"== {title}"), *lines))

    def command(self, *words: str, expect: Sequence[int] = (0,)) -> Any:
        """Run one command; its answer as JSON where nobody reads along. Raises if the exit code is another."""
        if not self.quiet:
            print(show.rendered(f"\n$ counterfoil {' '.join(_quoted(word) for word in words)}"))
            code, answer = run([*words, "--config", str(self.config)]), None
        else:
            code, answer = self._asked(words)
        self.steps.append({"command": list(words), "exit_code": code, "answer": answer})
        if code not in expect:
            raise Mistaken(f"the demo stopped: `counterfoil {' '.join(words)}` ended with {code}")
        return answer

    def ask(self, *words: str) -> Any:
        """The answer of a reading command, for the demo's own use."""
        return self._asked(words)[1]

    def _asked(self, words: Sequence[str]) -> tuple[int, Any]:
        with redirect_stdout(io.StringIO()) as text:
            code = run([*words, "--json", "--config", str(self.config)])
        return code, json.loads(text.getvalue() or "null")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def picture(file: Path) -> int:
    """Run the main job in passing and draw its middle: what engineers did, and what came of it."""
    paper = show.PAPER.set(_PAPER)
    try:
        with TemporaryDirectory() as passing, redirect_stdout(io.StringIO()) as text:
            _, calm = _performed(Shell(file), _folder(Path(passing) / "demo"))
        told = text.getvalue()
        middle = told[told.index("== Meanwhile") : told.index("== A closed ticket")]
        file.write_text(show.drawn(middle.rstrip(), "counterfoil demo"), encoding="utf-8")
    finally:
        show.PAPER.reset(paper)
    return IN_ORDER if calm else BUG


def demo(shell: Shell, folder: Path | None) -> int:
    """Run the main job and leave the folder; exit 1 if the last sync still had something to write."""
    made = _folder(folder)
    stage, calm = _performed(shell, made)
    stage.say("What an auditor is handed, and checks alone")
    days = ("--from", str(shell.today), "--to", str(shell.today + timedelta(days=_DAYS)))
    stage.command("audit", "pack", *days, "--out", str(made / "pack.zip"))
    with ZipFile(made / "pack.zip") as pack:
        pack.extract(PAGE, made)
    answer = {"folder": str(made), "at_rest": calm, "steps": stage.steps}
    shell.answer(answer, lambda: _farewell(made))
    return IN_ORDER if calm else BUG


def _performed(shell: Shell, made: Path) -> tuple[_Stage, bool]:
    """The main job, done in a folder; whether the last sync had nothing more to write."""
    stage = _Stage(made / "counterfoil.toml", quiet=shell.as_json)
    with showcase(made / "trackers") as places:
        _set_up(made, places, shell)
        return stage, _play(stage, made, places)


def _folder(given: Path | None) -> Path:
    numbered = (Path(f"counterfoil-demo-{number}") for number in range(1, 10_000))
    folder = given or next(path for path in numbered if not path.exists())
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except OSError as error:
        raise Mistaken(f"{folder} cannot be made: {error.strerror}; name a folder that does not exist yet") from None
    return folder.resolve()


def _set_up(folder: Path, places: tuple[Place, Place], shell: Shell) -> None:
    tracker, host = places
    for place in places:
        secret = folder / f"{place.name}.token"
        secret.touch(mode=0o600)
        secret.write_text(place.token + "\n", encoding="utf-8")
    routes = _ROUTES.format(
        host=host.name, tracker=tracker.name, framework=demo_data.FRAMEWORK, login=json.dumps(system_user())
    )
    text = "# Written by `counterfoil demo`.\n" + "".join((tracker.table, host.table, routes, PEOPLE))
    (folder / "counterfoil.toml").write_text(text, encoding="utf-8")
    (folder / "share").mkdir()
    (folder / "findings.ocsf.json").write_text(demo_data.findings(shell.clock()), encoding="utf-8")
    (folder / "items.csv").write_text(demo_data.items(), encoding="utf-8")
    (folder / "soc2.csv").write_text(demo_data.CONTROLS, encoding="utf-8")
    (folder / "rotation.log").write_text(demo_data.PROOF, encoding="utf-8")


def _play(stage: _Stage, folder: Path, places: tuple[Place, Place]) -> bool:
    """Everything in order; whether the last sync had nothing to write."""
    tracker, host = places
    products = f"a {tracker.product} and a {host.product}"
    stage.say(f"Two trackers of our own: {products} on loopback, in {folder}")
    stage.command("audit", "keygen", "--name", "acme.example/compliance", "--out", str(folder / "audit.key"))
    stage.command("init")
    stage.command("check")
    stage.say("Items come in: a scanner's findings, and an auditor's list")
    stage.command("intake", "ocsf", str(folder / "findings.ocsf.json"))
    stage.command("intake", "csv", str(folder / "items.csv"))
    stage.command("framework", "add", str(folder / "soc2.csv"), "--id", demo_data.FRAMEWORK)
    stage.command("risk", "add", "Staff give away their password", "--id", "R-05", "--current", "4x3")
    stage.say("What a sync would do, and the sync")
    stage.command("plan")
    stage.command("sync")
    done, declined, refused = _work(stage, tracker, host)
    stage.say("The second sync carries it back")
    stage.command("plan")
    stage.command("sync", expect=(5,))
    stage.command("status")
    stage.say("Why one item looks as it does")
    stage.command("explain", declined)
    _decide(stage, folder, done, declined, refused)
    _mend(stage, folder)
    stage.say("The third sync tells the trackers: tickets are resolved, one is accepted for a time, one open again")
    stage.command("sync")
    _regress(stage, folder)
    stage.say("The last sync looks for every ticket once more, and has nothing left to do")
    last = stage.ask("plan", "--full")
    stage.command("sync", "--full")
    stage.command("audit", "verify")
    _wait(stage)
    return not last["operations"]


def _decide(stage: _Stage, folder: Path, done: str, declined: str, refused: str) -> None:
    """A claim is backed by evidence; one risk is accepted for a time, and another is not."""
    stage.say("A closed ticket is a claim: evidence settles it, and named people decide about risks")
    stage.command("evidence", "add", done, str(folder / "rotation.log"), "--shows", "The old keys are gone")
    stage.command("accept", "reject", refused, "--reason", "It takes an hour to mend")
    until = (utc_now() + timedelta(days=_DAYS - 10)).date().isoformat()
    terms = ("--until", until, "--likelihood", "2", "--impact", "2", "--compensating", "Nobody but Mia logs in there")
    stage.command("accept", "approve", declined, *terms)


def _mend(stage: _Stage, folder: Path) -> None:
    """A control goes from failing to implemented, and a risk is scored again."""
    stage.say("The databases are encrypted: the scanner sees it, a reviewer agrees, and the control is implemented")
    stage.command("controls", "list", "--framework", demo_data.FRAMEWORK)
    _scan(stage, folder, "findings-2.ocsf.json", mended=(demo_data.MENDED,))
    for row in stage.ask("item", "list", "--control", demo_data.CONTROL):
        stage.command("review", row["ref"], "--accept")
        stage.command("resolve", row["ref"], "--reason", "Restored from an encrypted snapshot")
    stage.command("controls", "show", demo_data.CONTROL)
    stage.say("The last item of a risk ends, and the risk is scored again")
    [last] = [row for row in stage.ask("item", "list") if row["external_ref"] == demo_data.LAST]
    stage.command("resolve", last["ref"], "--reason", "Held on Monday, all but two reported it")
    stage.command("risk", "score", "R-05", "2x3", "--reason", "Most people report the mail by now")


def _regress(stage: _Stage, folder: Path) -> None:
    """What was mended fails again."""
    stage.say("The scanner finds what was mended broken again: the same items and tickets are open again")
    _scan(stage, folder, "findings-3.ocsf.json")
    stage.command("sync")


def _scan(stage: _Stage, folder: Path, name: str, mended: Sequence[str] = ()) -> None:
    (folder / name).write_text(demo_data.findings(utc_now(), mended), encoding="utf-8")
    stage.command("intake", "ocsf", str(folder / name))


def _wait(stage: _Stage) -> None:
    """What time alone brings about, looked at ahead of it."""
    stage.say(f"In {_DAYS} days the acceptance is over, whether or not anything runs; the next sync then says so")
    later = AHEAD.set(timedelta(days=_DAYS))
    try:
        stage.command("accept", "list")
        stage.command("plan")
    finally:
        AHEAD.reset(later)


def _work(stage: _Stage, tracker: Place, host: Place) -> tuple[str, str, str]:
    """What people do meanwhile, on both sides; the items that are said to be done, and to be lived with, twice."""
    rows = stage.ask("item", "list", "--status", "open")
    at = {place.name: [row for row in rows if row["ticket"]["tracker"] == place.name] for place in (tracker, host)}
    started, done, declined, refused, here, *_ = at[tracker.name]
    edited, talked, wiped, *_ = at[host.name]
    mia, dev = tracker.engineer, host.engineer

    def key(row: dict[str, Any]) -> str:
        return str(row["ticket"]["key"])

    deeds: list[tuple[str, Callable[[], object]]] = [
        (f"{key(started)}: Mia starts work", lambda: mia.start(key(started))),
        (f"{key(done)}: closes it as done", lambda: mia.close(key(done), "Done and checked on both hosts.")),
        (
            f"{key(declined)}: closes it as won't do",
            lambda: mia.wont_do(key(declined), "The host is switched off in March, we live with it until then."),
        ),
        (f"{key(refused)}: too", lambda: mia.wont_do(key(refused), "No time this quarter.")),
        (f"{key(edited)}: edits the title", lambda: dev.edit_title(key(edited), "FYI only")),
        (f"{key(talked)}: comments", lambda: dev.comment(key(talked), "Waiting for the vendor, expect Thursday.")),
        (f"{key(wiped)}: overwrites the text, marker and all", lambda: dev.set_body(key(wiped), "see the runbook")),
    ]
    stage.say("Meanwhile an engineer works, over the trackers' own HTTP API", show.bullets(text for text, _ in deeds))
    for _, act in deeds:
        act()
    stage.say("And on our side somebody adds a comment and names another owner")
    stage.command("item", "comment", here["ref"], "The auditor comes back to this one in December.")
    stage.command("item", "edit", here["ref"], "--owner", "omar@acme.example")
    return str(done["ref"]), str(declined["ref"]), str(refused["ref"])


def _farewell(folder: Path) -> str:
    config = folder / "counterfoil.toml"
    lines = (
        f"{folder}  has the configuration, the database, what came in, and the auditor's pack.zip",
        f"{folder / PAGE}  out of the pack is the page to open: a period for somebody who has never seen the tool",
        f"counterfoil status --config {config}",
        f"counterfoil audit log --config {config}",
        f"counterfoil audit key --config {config}  shows the key that verify.py in the pack asks for",
        f"counterfoil holds list --config {config}",
        f"{BRING_BACK} {folder / 'trackers'}  serves the trackers again, for a sync",
    )
    return show.rendered(show.heading(f"== {_SEE}; everything that was started has stopped"), show.bullets(lines))
