"""The commands about signing the ledger."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from state.checkpoint import BadKey, SigningKey
from sync.app import show
from sync.app.credentials import into_keyring, out_of_keyring
from sync.app.failures import IN_ORDER, LATER, Mistaken
from sync.app.identity import by_hand
from sync.app.keys import notary, public_keys, signing_key
from sync.app.opening import configuration, must_be_ours, open_store, recording
from sync.app.shell import Shell
from sync.notary import Notary

_NOBODY = "nobody signs here: make a key with `counterfoil audit keygen`, and name it under [audit]"


@dataclass(frozen=True, slots=True)
class _File:
    """A file that only its owner may read."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def told(self) -> dict[str, str]:
        return {"file": str(self.path)}

    @property
    def line(self) -> str:
        return f'key_file = "{self.path}"'

    def put(self, secret: str) -> None:
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            told = f"{self.path} cannot be written: {error.strerror}; name a file that is not there yet"
            raise Mistaken(told) from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret + "\n")

    def remove(self) -> None:
        self.path.unlink()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the system's keyring."""

    entry: str

    def __str__(self) -> str:
        return f"{self.entry} to the keyring"

    @property
    def told(self) -> dict[str, str]:
        return {"keyring": self.entry}

    @property
    def line(self) -> str:
        return f'key_keyring = "{self.entry}"'

    def put(self, secret: str) -> None:
        try:
            into_keyring(self.entry, secret)
        except ValueError as error:
            raise Mistaken(f"--keyring: {error}") from None

    def remove(self) -> None:
        out_of_keyring(self.entry)


def _place(out: Path | None, entry: str) -> _File | _Entry:
    """Where a new key goes; raises `Mistaken` unless there is one such place."""
    if (out is None) == (not entry):
        raise Mistaken("say where the key goes: --out FILE, or --keyring SERVICE/NAME")
    return _Entry(entry) if out is None else _File(out)


def keygen(shell: Shell, out: Path | None, entry: str, name: str) -> int:
    """Make a new signing key where only its owner may read it, and show its public half."""
    place = _place(out, entry)
    key = _made(shell, place, name)
    words = (
        f"Wrote {place}. Whoever has it can sign for {key.name}: keep it where only the runs can read it.\n"
        f"Its public key, for everybody who checks the ledger:\n  {key.public}\n"
        f"Name it in the configuration:\n  [audit]\n  {place.line}"
    )
    shell.answer({**place.told, "name": key.name, "public_key": str(key.public)}, lambda: words)
    return IN_ORDER


def key(shell: Shell) -> int:
    """Show the public keys by which the ledger is checked: of who signs here, and those that did before."""
    config = configuration(shell)
    own = signing_key(shell, config)
    known = [str(each) for each in public_keys(shell, config, ())]
    if not known:
        raise Mistaken(_NOBODY)
    signs = str(own.public) if own else None
    lines = [f"{each}{'  signs' if each == signs else ''}" for each in known]
    shell.answer({"public_key": signs, "public_keys": known}, lambda: "\n".join(lines))
    return IN_ORDER


def sign(shell: Shell) -> int:
    """Sign what was recorded since the last checkpoint, and hand that to every place that keeps them."""
    config = configuration(shell)
    with open_store(shell, config) as store:
        must_be_ours(store)
        with recording(shell, config, store, signs=True) as signing:
            signer = _must(signing)
    complaints = signer.complaints
    answer = {"records": signer.size, "complaints": complaints}
    shell.answer(answer, lambda: show.rendered(f"Signed over {show.counted(signer.size, 'record')}", *complaints))
    return LATER if complaints else IN_ORDER


def rotate(shell: Shell, out: Path | None, entry: str) -> int:
    """Make a new key, which both keys sign to be the next, so that who knows the old one can believe it."""
    place, config = _place(out, entry), configuration(shell)
    with open_store(shell, config) as store:
        must_be_ours(store)
        with recording(shell, config, store, signs=True) as signing:
            signer = _must(signing)
            old = signer.keys[0].public
            new = _made(shell, place, old.name)
            try:
                signed = signer.rotate(new, by_hand(shell, config, "audit rotate"))
            except BaseException:
                with suppress(OSError, ValueError):
                    place.remove()
                raise
    keys = {"public_key": str(new.public), "old_public_key": str(old)}
    told = {"records": signed.head.size, "complaints": signer.complaints}
    words = (
        f"Wrote {place}; record {signed.head.size} says so, and both keys signed it.\n"
        f"The new public key, for everybody who checks the ledger:\n  {new.public}\n"
        f"Name both in the configuration now, and take the old key away:\n  [audit]\n  {place.line}\n"
        f'  public_keys = ["{old}"]'
    )
    shell.answer({**place.told, "name": new.name, **keys, **told}, lambda: words)
    return LATER if signer.complaints else IN_ORDER


def _made(shell: Shell, place: _File | _Entry, name: str) -> SigningKey:
    """A new key, put in its place."""
    try:
        key = SigningKey.made(name, os.urandom(32))
    except BadKey as error:
        raise Mistaken(f"--name: {error}") from None
    shell.redactor.learn([key.written, key.written.rpartition("+")[2]])
    place.put(key.written)
    return key


def fork(shell: Shell, reason: str, without: Sequence[str]) -> int:
    """Begin the ledger anew under another name, after the database was put back to an earlier state."""
    if not reason.strip():
        raise Mistaken("--reason is needed; it is recorded")
    config = configuration(shell)
    with open_store(shell, config) as store:
        signer = _must(notary(shell, config, store))
        if odd := sorted({*without} - {each.name for each in signer.anchors}):
            raise Mistaken(f"--without {odd[0]}: no place of this name is under [[audit.anchors]]")
        signed = signer.fork(by_hand(shell, config, reason), without)
        complaints = signer.hand_out(signed, at_once=True)
    answer = {"origin": signed.head.origin, "records": signed.head.size, "complaints": complaints}
    words = f"The ledger goes on as {signed.head.origin}, signed over {show.counted(signed.head.size, 'record')}"
    shell.answer(answer, lambda: show.rendered(words, *complaints))
    return LATER if complaints else IN_ORDER


def _must(signer: Notary | None) -> Notary:
    if signer is None:
        raise Mistaken(_NOBODY)
    return signer
