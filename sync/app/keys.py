"""Who signs the ledger here, and whose signatures count."""

import os
from collections.abc import Sequence

from state.checkpoint import BadKey, PublicKey, SigningKey
from state.store import Store
from sync.app.anchoring import anchors
from sync.app.complaints import ConfigError, Place
from sync.app.crashing import crash_hook
from sync.app.credentials import from_file, from_keyring, from_variable
from sync.app.failures import Mistaken
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.notary import Notary


def signing_key(shell: Shell, config: Configuration) -> SigningKey | None:
    """The key that the configuration names, `None` for none; from now on the shell shows none of it.

    Raises `ConfigError`.
    """
    said = config.settings.audit
    if said.key is None:
        return None
    kept = {
        "key_env": from_variable,
        "key_file": lambda name: from_file(config.path(name)),
        "key_keyring": from_keyring,
    }
    try:
        secret = kept[said.key](getattr(said, said.key)).get_secret_value()
        shell.redactor.learn([secret, secret.rpartition("+")[2]])
        return SigningKey.read(secret)
    except (ValueError, BadKey) as error:
        config.refuse([(("audit", said.key), str(error))])
        raise


def public_keys(shell: Shell, config: Configuration | None, more: Sequence[str]) -> list[PublicKey]:
    """The keys whose signatures count: those given alone, else those of a configuration and of who signs here.

    Raises `ConfigError`, and `Mistaken` for one given that is none.
    """
    try:
        if more or config is None:
            return [PublicKey.read(text) for text in more]
    except BadKey as error:
        raise Mistaken(f"--pubkey: {error}") from None
    found = _named(config)
    try:
        own = signing_key(shell, config)
    except ConfigError:
        own = None
    return list(dict.fromkeys([*found, *([own.public] if own else [])]))


def _named(config: Configuration) -> list[PublicKey]:
    """The public keys in the configuration; raises `ConfigError`."""
    found: list[PublicKey] = []
    wrong: list[tuple[Place, str]] = []
    for number, text in enumerate(config.settings.audit.public_keys):
        try:
            found.append(PublicKey.read(text))
        except BadKey as error:
            wrong.append((("audit", "public_keys", number), str(error)))
    config.refuse(wrong)
    return found


def notary(shell: Shell, config: Configuration, store: Store) -> Notary | None:
    """Who signs the ledger of this store, `None` where nobody does; raises `ConfigError`."""
    key = signing_key(shell, config)
    if key is None:
        return None
    trusted = _named(config)
    places = anchors(shell, config, [key.public, *trusted])
    return Notary(store, [key], places, shell.clock, trusted, crash_hook(os.environ))
