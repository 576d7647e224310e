"""The configuration and the database that a command works with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from state import audit, whereabouts
from state.effects import Because
from state.errors import Busy, Unreachable
from state.store import Store
from sync.app.failures import Untrusted
from sync.app.settings import Configuration, load
from sync.app.shell import Shell
from sync.reevaluation import reevaluate
from sync.standing import restate

_log = logging.getLogger("counterfoil")
_WHOLE = 5_000
_TAIL = 1_000


def configuration(shell: Shell) -> Configuration:
    """The configuration that the command line names; raises `ConfigError`."""
    config = load(shell.file)
    shell.redactor.learn(passwords(config.state_url.get_secret_value()))
    return config


def passwords(url: str) -> list[str]:
    """What a database URL may hold as a password, as it is written there and as it is meant."""
    place, _, query = url.partition("://")[2].partition("?")
    written = [place.rpartition("@")[0].partition(":")[2]]
    written += [value for name, _, value in (pair.partition("=") for pair in query.split("&")) if "password" in name]
    return [text for each in written if each for text in (each, unquote(each))]


@contextmanager
def open_store(shell: Shell, config: Configuration, *, writes: bool = False) -> Iterator[Store]:
    """The database, closed again afterwards.

    Raises `StateError` if it is not there or not up to date. If the command `writes`, raises what `must_be_ours` does,
    and what it came to is carried to the controls and risks that rest on it.
    """
    store = Store.open(config.state_url.get_secret_value(), clock=shell.clock)
    try:
        if writes:
            must_be_ours(store)
        yield store
        if writes:
            carry_on(shell, config, store)
    finally:
        store.close()


def must_be_ours(store: Store) -> None:
    """Raise `Elsewhere` where the database is not the one in use any more, `Untrusted` where its ledger is no proof."""
    with store.reading() as connection:
        whereabouts.check(connection)
    if why := doubt(store):
        raise Untrusted(f"{why}. Nothing was done; see `counterfoil audit verify`")


def carry_on(shell: Shell, config: Configuration, store: Store) -> None:
    """Find out how controls stand by now, and which risks are due; what cannot be done now is done next time."""
    because = Because(shell.agent(scheduled=True), run=shell.run)
    try:
        for control in restate(store, shell.today, because, silent_days=config.settings.tests.stale_days):
            _log.info("%s is %s now: %s", control.id, control.status.value, control.why)
        for risk, why in reevaluate(store, because).items():
            _log.info("%s is to be scored again: %s", risk, why)
    except (Busy, Unreachable) as error:
        _log.warning("how controls stand is found out by the next command: %s", error)


def doubt(store: Store) -> str:
    """Why the ledger cannot be trusted, if so; of a long one only the end is looked at."""
    with store.reading() as connection:
        records, _ = audit.head(connection)
    verdict = store.verify(last=None if records < _WHOLE else _TAIL)
    return "" if verdict.first_bad is None else f"the ledger cannot be trusted: {verdict.first_bad[1]}"
