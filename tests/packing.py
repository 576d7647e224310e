"""A pack of all that a store holds, as the program makes it, without a configuration."""

from itertools import chain
from pathlib import Path

from state.checkpoint import SigningKey
from state.store import Store
from state.vault import Vault
from sync.report import bundle
from sync.report.book import read
from sync.report.model import Period, Policy
from sync.report.pack import Asked, Proof
from sync.report.page import members as readable
from sync.report.slice import Position


def packed(store: Store, asked: Asked, folder: Path, signer: SigningKey) -> Path:
    """The pack, in the folder; the vault beside it need not be there. The ledger must be sound."""
    tree = (found := store.verify()).tree
    assert tree is not None
    position = Position(found.records, found.head, tree.root.hex())
    with store.moment() as now, now.reading() as connection:
        book = read(now, Period(asked.first, asked.last), Policy())
        proof = Proof(connection, position, asked, Vault(folder / "vault", largest=1))
        members = chain(proof.members(lambda _: None, None, book.strange), readable(book, {}))
        with (folder / "pack.zip").open("w+b") as file:
            bundle.write(file, members, asked.about(position, "counterfoil"), signer, lambda *_: None)
    return folder / "pack.zip"
