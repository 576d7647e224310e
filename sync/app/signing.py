"""Who signs the ledger here, and where what was signed is kept."""

from connectors.anchors.base import Anchor
from connectors.anchors.directory import Directory
from state.checkpoint import BadKey, PublicKey, SigningKey
from state.store import Store
from sync.app.complaints import Place
from sync.app.credentials import from_file, from_variable
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.notary import Notary


def signing_key(shell: Shell, config: Configuration) -> SigningKey | None:
    """The key that the configuration names, `None` for none; from now on the shell shows none of it.

    Raises `ConfigError`.
    """
    said = config.settings.audit
    key = "key_env" if said.key_env else "key_file"
    place: Place = ("audit", key)
    try:
        if said.key_env:
            secret = from_variable(said.key_env)
        elif said.key_file:
            secret = from_file(config.path(said.key_file))
        else:
            return None
        shell.redactor.learn([secret.get_secret_value()])
        return SigningKey.read(secret.get_secret_value())
    except (ValueError, BadKey) as error:
        config.refuse([(place, str(error))])
        raise


def public_keys(config: Configuration) -> list[PublicKey]:
    """The keys whose signatures count, beside the one that signs here; raises `ConfigError`."""
    found: list[PublicKey] = []
    wrong: list[tuple[Place, str]] = []
    for number, text in enumerate(config.settings.audit.public_keys):
        try:
            found.append(PublicKey.read(text))
        except BadKey as error:
            wrong.append((("audit", "public_keys", number), str(error)))
    config.refuse(wrong)
    return found


def anchors(config: Configuration) -> list[Anchor]:
    """The places that keep what was signed."""
    return [Directory(each.name, config.path(each.path)) for each in config.settings.audit.anchors]


def notary(shell: Shell, config: Configuration, store: Store) -> Notary | None:
    """Who signs the ledger of this store, `None` where nobody does; raises `ConfigError`."""
    key = signing_key(shell, config)
    return None if key is None else Notary(store, [key], anchors(config), shell.clock)
