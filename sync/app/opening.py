"""The configuration and the database that a command works with."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from state import audit, whereabouts
from state.store import Store
from sync.app.failures import Untrusted
from sync.app.settings import Configuration, load
from sync.app.shell import Shell

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

    Raises `StateError` if it is not there or not up to date. If the command `writes` (or plans what to write), raises
    `Elsewhere` where it is not the one in use any more, and `Untrusted` where the ledger does not verify.
    """
    store = Store.open(config.state_url.get_secret_value(), clock=shell.clock)
    try:
        if writes:
            with store.reading() as connection:
                whereabouts.check(connection)
        if writes and (why := doubt(store)):
            raise Untrusted(f"{why}. Nothing was done; see `counterfoil audit verify`")
        yield store
    finally:
        store.close()


def doubt(store: Store) -> str:
    """Why the ledger cannot be trusted, if so; of a long one only the end is looked at."""
    with store.reading() as connection:
        records, _ = audit.head(connection)
    verdict = store.verify(None if records < _WHOLE else _TAIL)
    return "" if verdict.first_bad is None else f"the ledger cannot be trusted: {verdict.first_bad[1]}"
