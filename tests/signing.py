"""An installation whose ledger is signed, and a folder beside it that keeps what was signed."""

from pathlib import Path

from connectors.anchors.directory import Directory
from state.checkpoint import SigningKey
from state.store import Store
from sync.proving import Conclusion, examine

KEY = SigningKey.made("acme.example/ledger", bytes(32))
SHARE = "kept"
TABLE = f"""
[audit]
key_file = "audit.key"

[[audit.anchors]]
name = "share"
kind = "directory"
path = "{SHARE}"
"""
"""What a configuration says of that."""


def install(folder: Path) -> None:
    """Put what `TABLE` names beside the configuration in this folder."""
    (folder / "audit.key").write_text(KEY.written)
    (folder / "audit.key").chmod(0o600)
    (folder / SHARE).mkdir()


def is_vouched_for(store: Store, share: Path) -> bool:
    """Whether the ledger is whole, and signed to its last record by what this folder keeps."""
    ledger = examine(store, [*Directory("share", share).every()], [KEY.public])
    return ledger.conclusion is Conclusion.ANCHORED and ledger.anchored == ledger.records
