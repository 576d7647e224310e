"""Everything that would stop or bend a run, found without writing anything."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Tracker
from connectors.errors import TrackerError, Unavailable
from connectors.settings import TrackerSettings
from mapping.rules import Rules
from state import queries, roles
from state.errors import Damaged, NotInitialised, Outdated, StateError
from state.lifecycle import UNFINISHED
from state.model import Problem
from state.store import Store, Wanted
from sync.app import show
from sync.app.complaints import ConfigError
from sync.app.evidence import vault
from sync.app.failures import IN_ORDER, USAGE
from sync.app.opening import configuration, doubt, open_store
from sync.app.reaching import open_one, rules_of, tracker_settings
from sync.app.settings import Configuration
from sync.app.shell import Shell

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class _Found:
    where: str
    problem: Problem


def check(shell: Shell) -> int:
    """List every problem with its fix; exit 2 if one of them stops a run."""
    config = configuration(shell)
    tables = tracker_settings(config)
    with ExitStack() as stack:
        trackers, found = _open(shell, config, tables, stack)
        rules = rules_of(config, tables, trackers)
        found += [_Found("rules", p) for p in rules.problems() if _concerns(p, trackers)]
        for name, tracker in trackers.items():
            found += _asked(name, tracker)
            found += _unheard(name, tracker) if config.settings.accept.by_comment else ()
    around = _around(shell, config)
    found += [*_plain_http(tables), *_state(shell, config, rules), *_one_role(around), *_evidence(config)]
    answer = {
        "ok": not any(f.problem.fatal for f in found),
        "trackers": sorted(trackers),
        "roles_apart": None if around is None else not around,
        "problems": [
            {"where": f.where, "what": f.problem.what, "fix": f.problem.fix, "fatal": f.problem.fatal} for f in found
        ],
    }
    shell.answer(answer, lambda: _words(answer))
    return IN_ORDER if answer["ok"] else USAGE


def _open(
    shell: Shell, config: Configuration, tables: dict[str, TrackerSettings], stack: ExitStack
) -> tuple[dict[str, Tracker], list[_Found]]:
    trackers: dict[str, Tracker] = {}
    found: list[_Found] = []
    if not tables:
        found.append(_Found("trackers", Problem("no tracker is configured", f"add [trackers.NAME] to {config.file}")))
    for name, table in tables.items():
        try:
            trackers[name] = open_one(shell, config, name, table)
            stack.callback(trackers[name].close)
        except ConfigError as error:
            found += [
                _Found(name, Problem(f"{c.key}: {c.what}", f"{config.file}, line {c.line}")) for c in error.complaints
            ]
    return trackers, found


def _concerns(problem: Problem, trackers: dict[str, Tracker]) -> bool:
    """Whether a problem of the tables is one, and not the echo of a tracker that could not be opened."""
    return bool(trackers) and "unknown tracker" not in problem.what


def _asked(name: str, tracker: Tracker) -> list[_Found]:
    try:
        return [_Found(name, problem) for problem in tracker.check()]
    except Unavailable as error:
        return [_Found(name, Problem(str(error), "try again; then look at url and the proxy variables"))]
    except TrackerError as error:
        return [_Found(name, Problem(str(error), f"look at the credentials and the url of [trackers.{name}]"))]


def _unheard(name: str, tracker: Tracker) -> Iterator[_Found]:
    if not tracker.caps.vouches:
        what = f"{name} does not vouch for who writes its comments, so by_comment lets none of them decide"
        yield _Found(name, Problem(what, "decide with `counterfoil accept approve` or `accept reject`", fatal=False))


def _plain_http(tables: dict[str, TrackerSettings]) -> Iterator[_Found]:
    for name, table in tables.items():
        url = urlsplit(table.url)
        if url.scheme != "https" and url.hostname not in _LOOPBACK:
            yield _Found(
                name, Problem("the token goes over the network unprotected", "use an https:// url", fatal=False)
            )


def _evidence(config: Configuration) -> Iterator[_Found]:
    if why := vault(config).obstacle():
        yield _Found("evidence", Problem(why, "name a folder that this user may write to as `folder` under [evidence]"))


def _state(shell: Shell, config: Configuration, rules: Rules) -> Iterator[_Found]:
    try:
        with open_store(shell, config) as store:
            view, why = queries.status(store, shell.today), doubt(store)
            astray = _astray(store, rules)
    except StateError as error:
        yield _Found("state", Problem(str(error), _mended(error)))
        return
    if why:
        yield _Found("state", Problem(why, "look at `counterfoil audit verify`; bring back a copy that verifies"))
    if astray:
        what = f"{show.counted(len(astray), 'item')} without a ticket: no [[routes]] entry takes "
        what += astray[0] if len(astray) == 1 else f"them, such as {astray[0]}"
        fix = "add a [[routes]] entry whose `when` matches, or a last one without `when`"
        yield _Found("routes", Problem(what, fix, fatal=False))
    for text, number in view.warnings.items():
        example = next((ref for ref, said in view.warned if text in said), "")
        fix = f"counterfoil item edit {example}" if example else "counterfoil status"
        yield _Found("items", Problem(f"{show.counted(number, 'item')}: {text}", fix, fatal=False))


def _around(shell: Shell, config: Configuration) -> list[str] | None:
    """What lets the program's role rewrite the ledger of a server; `None` where there is no server, or none to ask."""
    try:
        with open_store(shell, config) as store:
            return store.ask(roles.ways_around)
    except StateError:
        return None


def _one_role(around: list[str] | None) -> Iterator[_Found]:
    if around:
        what = f"whoever can use `url` can rewrite what was recorded, since its role {around[0]}"
        fix = "make another role, and run: counterfoil init --postgres-owner URL"
        yield _Found("state", Problem(what, fix, fatal=False))


def _astray(store: Store, rules: Rules) -> list[str]:
    """The unfinished items without a ticket that none of the routes takes."""
    if not all(route.when for route in rules.routes):
        return []
    refs = [i.ref for i in store.list_items(Wanted(status=UNFINISHED)) if i.part_of is None and rules.route(i) is None]
    linked = store.links(refs)
    return [ref for ref in refs if ref not in linked]


def _mended(error: StateError) -> str:
    match error:
        case NotInitialised():
            return "mend `url` under [state], or run: counterfoil init"
        case Outdated():
            return "run: counterfoil init"
        case Damaged():
            return "put a copy from before in its place, or name the right one as `url` under [state]"
        case _:
            return "do what it says there, then run: counterfoil check"


def _words(answer: dict[str, Any]) -> str:
    problems = answer["problems"]
    if not problems:
        apart = " The program's own role can only add to the ledger." if answer["roles_apart"] else ""
        return f"In order: {', '.join(answer['trackers'])}.{apart} Next: counterfoil plan"
    rows = [("stops a run" if p["fatal"] else "warning", p["where"], p["what"], p["fix"]) for p in problems]
    end = "In order, with warnings. Next: counterfoil plan" if answer["ok"] else "Not in order."
    return show.rendered(show.table(("", "where", "what is wrong", "what mends it"), rows), end)
