"""The configuration and the database that a command works with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from state import audit, whereabouts
from state.effects import Because
from state.errors import Busy, StateError, Unreachable
from state.store import Store
from sync.app.complaints import ConfigError
from sync.app.failures import Untrusted
from sync.app.keys import notary
from sync.app.settings import Configuration, load
from sync.app.shell import Shell
from sync.notary import Notary
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

    Raises `StateError` if it is not there or not up to date. If the command `writes`, raises what `must_be_ours` and
    `recording` do, and ends as that does.
    """
    with Store.open(config.state_url.get_secret_value(), clock=shell.clock) as store:
        if not writes:
            yield store
            return
        must_be_ours(store)
        with recording(shell, config, store):
            yield store


@contextmanager
def recording(shell: Shell, config: Configuration, store: Store, *, signs: bool = False) -> Iterator[Notary | None]:
    """Whatever a command writes: however it ends, what is recorded by then is signed, if the key is at hand.

    What it came to is carried to the controls and risks that rest on it. Raises `Tampered` where the ledger is not the
    one that was signed, also at the end; where `StateError` says that nothing was signed; for a command that `signs`
    in any case, `ConfigError` where the key is not at hand.
    """
    signer = _signer(shell, config, store, must=signs)
    if signer is not None:
        signer.check()
    try:
        yield signer
        _carry_on(shell, config, store)
    except BaseException:
        if signer is not None:
            _seal_too(shell, signer)
        raise
    if signer is not None:
        _seal(shell, signer)


def _signer(shell: Shell, config: Configuration, store: Store, *, must: bool) -> Notary | None:
    try:
        return notary(shell, config, store)
    except ConfigError as error:
        if must:
            raise
        _log.info("what is recorded now is signed by the next sync: %s", error)
        return None


def _seal(shell: Shell, signer: Notary) -> None:
    """Sign what was recorded; a place that takes nothing is only told of. Raises `StateError`."""
    because = Because(shell.agent(scheduled=True), run=shell.run, reason="nothing was recorded today")
    for complaint in signer.close(because):
        _log.warning(complaint)


def _seal_too(shell: Shell, signer: Notary) -> None:
    """The same where a command ends with an error of its own, which is the one that counts."""
    try:
        _seal(shell, signer)
    except StateError as error:
        _log.error("what was recorded is not signed: %s", error)


def must_be_ours(store: Store) -> None:
    """Raise `Elsewhere` where the database is not the one in use any more, `Untrusted` where its ledger is no proof."""
    with store.reading() as connection:
        whereabouts.check(connection)
    if why := doubt(store):
        raise Untrusted(f"{why}. Nothing was done; see `counterfoil audit verify`")


def _carry_on(shell: Shell, config: Configuration, store: Store) -> None:
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
