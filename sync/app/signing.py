"""Who signs the ledger here, where what was signed is kept, and the commands about it."""

import os
from collections.abc import Sequence
from pathlib import Path

from state.checkpoint import BadKey, PublicKey, SigningKey
from state.store import Store
from sync.app import show
from sync.app.anchoring import anchors
from sync.app.complaints import ConfigError, Place
from sync.app.credentials import from_file, from_variable
from sync.app.failures import IN_ORDER, LATER, Mistaken
from sync.app.opening import carry_on, configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.notary import Notary


def signing_key(shell: Shell, config: Configuration) -> SigningKey | None:
    """The key that the configuration names, `None` for none; from now on the shell shows none of it.

    Raises `ConfigError`.
    """
    said = config.settings.audit
    place: Place = ("audit", "key_env" if said.key_env else "key_file")
    try:
        if said.key_env:
            secret = from_variable(said.key_env).get_secret_value()
        elif said.key_file:
            secret = from_file(config.path(said.key_file)).get_secret_value()
        else:
            return None
        shell.redactor.learn([secret, secret.rpartition("+")[2]])
        return SigningKey.read(secret)
    except (ValueError, BadKey) as error:
        config.refuse([(place, str(error))])
        raise


def public_keys(shell: Shell, config: Configuration, more: Sequence[str]) -> list[PublicKey]:
    """The keys whose signatures count: those given alone, else those of the configuration and of who signs here.

    Raises `ConfigError`, and `Mistaken` for one given that is none.
    """
    try:
        if more:
            return [PublicKey.read(text) for text in more]
    except BadKey as error:
        raise Mistaken(f"--pubkey: {error}") from None
    found: list[PublicKey] = []
    wrong: list[tuple[Place, str]] = []
    for number, text in enumerate(config.settings.audit.public_keys):
        try:
            found.append(PublicKey.read(text))
        except BadKey as error:
            wrong.append((("audit", "public_keys", number), str(error)))
    config.refuse(wrong)
    try:
        own = signing_key(shell, config)
    except ConfigError:
        own = None
    return list(dict.fromkeys([*found, *([own.public] if own else [])]))


def notary(shell: Shell, config: Configuration, store: Store) -> Notary | None:
    """Who signs the ledger of this store, `None` where nobody does; raises `ConfigError`."""
    key = signing_key(shell, config)
    return None if key is None else Notary(store, [key], anchors(shell, config), shell.clock)


def sealed(shell: Shell, config: Configuration, store: Store) -> list[str]:
    """Sign all that came of a run, where somebody signs here, and say which places did not take that."""
    signer = notary(shell, config, store)
    if signer is None:
        return []
    carry_on(shell, config, store)
    return signer.close(shell.because("the end of a run"))


def keygen(shell: Shell, out: Path, name: str) -> int:
    """Write a new signing key to a file that only its owner may read, and show its public half."""
    try:
        key = SigningKey.made(name, os.urandom(32))
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except BadKey as error:
        raise Mistaken(f"--name: {error}") from None
    except OSError as error:
        raise Mistaken(f"{out} cannot be written: {error.strerror}; name a file that is not there yet") from None
    shell.redactor.learn([key.written, key.written.rpartition("+")[2]])
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(key.written + "\n")
    answer = {"file": str(out), "name": key.name, "public_key": str(key.public)}
    words = (
        f"Wrote {out}. Whoever has it can sign for {key.name}: keep it where only the runs can read it.\n"
        f"Its public key, for everybody who checks the ledger:\n  {key.public}\n"
        f'Name it in the configuration:\n  [audit]\n  key_file = "{out}"'
    )
    shell.answer(answer, lambda: words)
    return IN_ORDER


def sign(shell: Shell) -> int:
    """Sign what was recorded since the last checkpoint, and hand that to every place that keeps them."""
    config = configuration(shell)
    with open_store(shell, config, writes=True) as store:
        signer = _must(notary(shell, config, store))
        complaints = signer.close(shell.because("audit sign"))
    answer = {"records": signer.size, "complaints": complaints}
    shell.answer(answer, lambda: show.rendered(f"Signed over {show.counted(signer.size, 'record')}", *complaints))
    return LATER if complaints else IN_ORDER


def fork(shell: Shell, reason: str) -> int:
    """Begin the ledger anew under another name, after the database was put back to an earlier state."""
    if not reason.strip():
        raise Mistaken("--reason is needed; it is recorded")
    config = configuration(shell)
    with open_store(shell, config) as store:
        signer = _must(notary(shell, config, store))
        signed = signer.fork(shell.because(reason))
        complaints = signer.hand_out(signed, at_once=True)
    answer = {"origin": signed.head.origin, "records": signed.head.size, "complaints": complaints}
    words = f"The ledger goes on as {signed.head.origin}, signed over {show.counted(signed.head.size, 'record')}"
    shell.answer(answer, lambda: show.rendered(words, *complaints))
    return LATER if complaints else IN_ORDER


def _must(signer: Notary | None) -> Notary:
    if signer is None:
        raise Mistaken("nobody signs here: make a key with `counterfoil audit keygen`, and name it under [audit]")
    return signer
