"""Everything that would stop or bend a run, found without writing anything."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Tracker
from connectors.errors import TrackerError, Unavailable
from connectors.settings import TrackerSettings
from mapping.rules import Rules
from state import checkpoints, queries, roles, whereabouts
from state.errors import Damaged, NotInitialised, Outdated, StateError, Tampered
from state.lifecycle import UNFINISHED
from state.model import Problem
from state.store import Store, Wanted
from sync.app import show
from sync.app.anchoring import anchors
from sync.app.complaints import ConfigError
from sync.app.evidence import vault
from sync.app.failures import IN_ORDER, USAGE
from sync.app.identity import authorities, people
from sync.app.keys import notary, public_keys, signing_key
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
    found += [*_plain_http(tables), *_signing(shell, config), *_state(shell, config, rules), *_one_role(around)]
    found += [*_evidence(config), *_roles(config)]
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
            found += _complained(name, error)
    return trackers, found


def _complained(where: str, error: ConfigError) -> list[_Found]:
    told = [(f"{c.key}: {c.what}", f"{error.file}, line {c.line}") for c in error.complaints]
    return [_Found(where, Problem(what, fix)) for what, fix in told]


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


def _roles(config: Configuration) -> Iterator[_Found]:
    """The roles of which too few people can be told by their login, so that nobody could ever act in them.

    Who may decide in the name of somebody else makes up for that, and a comment where comments decide about risks.
    """
    allowed, by_comment = authorities(config), config.settings.accept.by_comment
    roles = {"reviewer": (allowed.reviewers, 1)}
    if not by_comment:
        owners = allowed.risk_owners.items()
        roles |= {f"risk_owner at {priority.value}": (some, allowed.needed(priority)) for priority, some in owners}
    known = {each.email.casefold() for each in people(config) if each.login}
    if any(name.casefold() in known for name in allowed.delegates):
        return
    for role, (names, needed) in roles.items():
        able = sum(name.casefold() in known for name in names)
        if names and able < needed:
            what = f"{role}: it takes {needed}, and of {', '.join(sorted(names))} {able} can give commands"
            yield _Found("roles", Problem(what, "name them in [[people]], each with a login", fatal=False))


def _signing(shell: Shell, config: Configuration) -> Iterator[_Found]:
    """What of the configuration of the signed ledger cannot be used."""
    parts: tuple[Callable[[], object], ...] = (
        lambda: signing_key(shell, config),
        lambda: public_keys(shell, config, ()),
        lambda: anchors(shell, config, ()),
    )
    for part in parts:
        try:
            part()
        except ConfigError as error:
            yield from _complained("audit", error)


def _ledger(shell: Shell, config: Configuration, store: Store) -> Iterator[_Found]:
    """Whether the ledger can be trusted and goes on from what was signed, and which places do not do their part."""
    if why := doubt(store):
        yield _Found("state", Problem(why, "look at `counterfoil audit verify`; bring back a copy that verifies"))
    try:
        signer = notary(shell, config, store)
    except ConfigError:
        return
    if signer is None:
        return
    try:
        signer.check()
    except Tampered as error:
        if not why:
            yield _Found("ledger", Problem(str(error), "put the newest copy in its place, or do what it says there"))
    told = store.ask(checkpoints.anchors)
    for each in signer.anchors:
        what, last = signer.silent.get(each.name, ""), told.get(each.name)
        if not what and last is not None and last.why:
            what = f"it took nothing at {last.failed_at:%Y-%m-%d %H:%M} UTC: {last.why}"
        if what:
            fix = f"have it within reach as [[audit.anchors]] in {config.file} says; then run: counterfoil audit sign"
            yield _Found(each.name, Problem(what, fix, fatal=False))


def _state(shell: Shell, config: Configuration, rules: Rules) -> Iterator[_Found]:
    try:
        with open_store(shell, config) as store:
            view, astray = queries.status(store, shell.today), _astray(store, rules)
            found = [*_ledger(shell, config, store)]
            store.ask(whereabouts.check)
    except StateError as error:
        yield _Found("state", Problem(str(error), _mended(error)))
        return
    yield from found
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
