"""The configuration and the database that a command works with."""

from collections.abc import Iterator
from contextlib import contextmanager

from state.store import Store
from sync.app.settings import Configuration, load
from sync.app.shell import Shell


def configuration(shell: Shell) -> Configuration:
    """The configuration that the command line names; raises `ConfigError`."""
    config = load(shell.file)
    shell.redactor.learn(_passwords(config.state_url.get_secret_value()))
    return config


def _passwords(url: str) -> list[str]:
    before, mark, _ = url.partition("://")[2].partition("@")
    return [before.partition(":")[2]] if mark else []


@contextmanager
def open_store(shell: Shell, config: Configuration) -> Iterator[Store]:
    """The database, closed again afterwards; raises `StateError` if it is not there or not up to date."""
    store = Store.open(config.state_url.get_secret_value(), clock=shell.clock)
    try:
        yield store
    finally:
        store.close()
