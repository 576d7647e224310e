"""The proof that one record is part of what was signed, as an auditor gets and checks it."""

import shutil
from base64 import b64decode
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from state.checkpoint import PublicKey, read
from state.merkle import Tree, leaf, path, rooted
from sync.report import verify
from tests.app.conftest import Answer, Line
from tests.app.test_signing import Audit, signing


@dataclass(frozen=True)
class Proven:
    """A proof of the fourth of five records, and how an auditor checks it."""

    audit: Audit
    file: Path

    def finds(self, *options: str, key: str = "") -> Answer:
        capture = self.audit.line.capture
        capture.readouterr()
        code = verify.main([str(self.file), "--pubkey", key or self.audit.key, *options])
        said = capture.readouterr()
        return Answer(code, said.out, said.err)

    def anchored(self) -> Answer:
        return self.finds("--checkpoints", str(self.audit.share))


@pytest.fixture
def proven(desk: Line) -> Proven:
    audit = signing(desk)
    for number in range(5):
        audit.line.add(f"Rotate key {number}")
    audit.line("audit", "sign")
    assert audit.line("audit", "prove", "4", "--out", "record.tlog-proof").code == 0
    return Proven(audit, audit.line.folder / "record.tlog-proof")


def test_a_proof_stands_alone(proven: Proven) -> None:
    told, _, note = proven.file.read_text(encoding="utf-8").partition("\n\n")
    first, extra, index, *way = told.split("\n")
    head, _ = read(note, [PublicKey.read(proven.audit.key)])
    body = b64decode(extra.removeprefix("extra "))
    assert (first, index, head.size) == ("c2sp.org/tlog-proof@v1", "index 3", 5)
    assert b"Rotate key 3" in body
    assert rooted(leaf(body), 3, 5, [b64decode(each) for each in way]) == head.root


def test_an_auditor_checks_a_proof_with_verify_py_and_reads_the_record(proven: Proven) -> None:
    found = proven.anchored()
    assert (found.code, found.out.partition(":")[0]) == (0, "SOUND")
    assert "record 4 is part of the 5" in found.out
    assert '"title": "Rotate key 3"' in found.out


def test_a_proof_without_the_auditors_own_key_or_checkpoint_proves_nothing(proven: Proven) -> None:
    alone = proven.finds()
    assert (alone.code, "--checkpoints FOLDER" in alone.out) == (2, True)
    point = PublicKey.read(proven.audit.key).raw[:-1] + b"\0"
    other = proven.finds(key=str(PublicKey("acme.example/ledger", point)))
    assert (other.code, other.out.partition(":")[0]) == (2, "NOT PROVEN")


def test_a_proof_can_be_made_under_the_checkpoints_that_the_auditor_has(proven: Proven) -> None:
    line, own = proven.audit.line, proven.audit.line.folder / "own"
    shutil.copytree(proven.audit.share, own)
    line.add("Close the port")
    line("audit", "sign")
    line("audit", "prove", "4", "--out", "record.tlog-proof")
    newer = proven.finds("--checkpoints", str(own))
    assert (newer.code, "audit prove --checkpoints FOLDER" in newer.out) == (2, True)
    line("audit", "prove", "4", "--out", "record.tlog-proof", "--checkpoints", str(own))
    assert proven.finds("--checkpoints", str(own)).code == 0


def test_who_holds_the_key_from_before_a_rotation_checks_a_later_proof_too(proven: Proven) -> None:
    line = proven.audit.line
    line.json("audit", "rotate", "--out", "new.key")
    told = line.config.read_text(encoding="utf-8")
    named = f'key_file = "new.key"\npublic_keys = ["{proven.audit.key}"]'
    line.config.write_text(told.replace('key_file = "audit.key"', named), encoding="utf-8")
    line.add("Close the port")
    line("audit", "sign")
    line("audit", "prove", "7", "--out", "record.tlog-proof")
    found = proven.anchored()
    assert (found.code, "Close the port" in found.out) == (0, True), found.out


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_every_record_is_proven_at_its_own_place_and_at_no_other(size: int) -> None:
    leaves = [leaf(bytes([number])) for number in range(size)]
    tree = Tree()
    for each in leaves:
        tree.push(each)
    for at, other in product(range(size), repeat=2):
        try:
            found = verify.rooted(leaves[at], other, size, path(at, size, iter(leaves)))
        except verify.Wrong:
            found = b""
        assert (found == tree.root) is (at == other)


def test_a_record_that_is_not_signed_yet_cannot_be_proven(desk: Line) -> None:
    audit = signing(desk)
    audit.add_without_key("Rotate the keys")
    answer = audit.line("audit", "prove", "1")
    assert (answer.code, "counterfoil audit sign" in answer.err) == (2, True)
