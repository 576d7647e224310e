"""The commands about signing the ledger."""

import os
from collections.abc import Sequence
from pathlib import Path

from state.checkpoint import BadKey, SigningKey
from sync.app import show
from sync.app.failures import IN_ORDER, LATER, Mistaken
from sync.app.keys import notary, public_keys, signing_key
from sync.app.opening import configuration, must_be_ours, open_store, recording
from sync.app.shell import Shell
from sync.notary import Notary

_NOBODY = "nobody signs here: make a key with `counterfoil audit keygen`, and name it under [audit]"


def keygen(shell: Shell, out: Path, name: str) -> int:
    """Write a new signing key to a file that only its owner may read, and show its public half."""
    key = _made(shell, out, name)
    answer = {"file": str(out), "name": key.name, "public_key": str(key.public)}
    words = (
        f"Wrote {out}. Whoever has it can sign for {key.name}: keep it where only the runs can read it.\n"
        f"Its public key, for everybody who checks the ledger:\n  {key.public}\n"
        f'Name it in the configuration:\n  [audit]\n  key_file = "{out}"'
    )
    shell.answer(answer, lambda: words)
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


def rotate(shell: Shell, out: Path) -> int:
    """Write a new key, which both keys sign to be the next, so that who knows the old one can believe it."""
    config = configuration(shell)
    with open_store(shell, config) as store:
        must_be_ours(store)
        with recording(shell, config, store, signs=True) as signing:
            signer = _must(signing)
            old = signer.keys[0].public
            new = _made(shell, out, old.name)
            try:
                signed = signer.rotate(new, shell.because("audit rotate"))
            except BaseException:
                out.unlink()
                raise
    keys = {"public_key": str(new.public), "old_public_key": str(old)}
    told = {"records": signed.head.size, "complaints": signer.complaints}
    words = (
        f"Wrote {out}; record {signed.head.size} says so, and both keys signed it.\n"
        f"The new public key, for everybody who checks the ledger:\n  {new.public}\n"
        f'Name both in the configuration now, and take the old key away:\n  [audit]\n  key_file = "{out}"\n'
        f'  public_keys = ["{old}"]'
    )
    shell.answer({"file": str(out), "name": new.name, **keys, **told}, lambda: words)
    return LATER if signer.complaints else IN_ORDER


def _made(shell: Shell, out: Path, name: str) -> SigningKey:
    """A new key, in a file that only its owner may read."""
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
        signed = signer.fork(shell.because(reason), without)
        complaints = signer.hand_out(signed, at_once=True)
    answer = {"origin": signed.head.origin, "records": signed.head.size, "complaints": complaints}
    words = f"The ledger goes on as {signed.head.origin}, signed over {show.counted(signed.head.size, 'record')}"
    shell.answer(answer, lambda: show.rendered(words, *complaints))
    return LATER if complaints else IN_ORDER


def _must(signer: Notary | None) -> Notary:
    if signer is None:
        raise Mistaken(_NOBODY)
    return signer
