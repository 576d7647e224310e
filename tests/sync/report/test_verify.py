"""The program that checks a pack by itself: what it finds, and that it agrees with what the ledger's own check says."""

import ast
import random
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.report import verify
from sync.report.slice import VERIFIER

VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
"""RFC 8032, section 7.1: public key, message, signature."""


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_published_signatures_are_good_and_no_bit_of_them_is_spare(
    public: str, message: str, signature: str
) -> None:
    raw, said, made = map(bytes.fromhex, (public, message, signature))
    assert verify.is_signed(raw, said, made)
    assert not verify.is_signed(raw, said + b"!", made)
    for at in range(0, 64, 7):
        bad = bytearray(made)
        bad[at] ^= 1
        assert not verify.is_signed(raw, said, bytes(bad))


def test_a_signature_has_one_form_only() -> None:
    raw, said, made = (bytes.fromhex(each) for each in VECTORS[1])
    more = int.from_bytes(made[32:], "little") + verify.ORDER
    assert not verify.is_signed(raw, said, made[:32] + more.to_bytes(32, "little"))


def test_signatures_are_judged_as_by_the_library() -> None:
    dice = random.Random(8032)  # noqa: S311
    for _ in range(20):
        private = Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
        said = dice.randbytes(dice.randrange(200))
        assert verify.is_signed(private.public_key().public_bytes_raw(), said, private.sign(said))


def test_what_is_no_point_of_the_curve_signs_nothing() -> None:
    assert not verify.is_signed((2).to_bytes(32, "little"), b"", bytes(64))
    assert not verify.is_signed(b"\xff" * 32, b"", bytes(64))


def test_it_runs_on_older_pythons_with_their_library_alone() -> None:
    tree = ast.parse(VERIFIER.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    newer = {"strict"}
    assert not newer & {each.arg for each in ast.walk(tree) if isinstance(each, ast.keyword)}
    assert imported <= sys.stdlib_module_names
    assert not {"state", "sync", "connectors", "mapping"} & imported


@pytest.mark.parametrize(
    "line",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":-0}',
        b'{"a":9007199254740993}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'["a"]',
        b"[" * 100_000,
        b'{"\xee\x80\x80":1,"\xf0\x9f\x98\x80":2}',
    ],
)
def test_a_record_has_one_form_only(line: bytes) -> None:
    with pytest.raises(verify.Wrong):
        verify.record(line)


def test_names_stand_in_the_order_of_their_utf_16() -> None:
    assert verify.record(b'{"\xf0\x9f\x98\x80":1,"\xee\x80\x80":2}') == {"\U0001f600": 1, "\ue000": 2}


def test_it_says_how_it_is_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (["--pubkey", "me"], ["nowhere.zip"], ["--what"], [str(tmp_path), "--checkpoints", "nowhere"]):
        with pytest.raises(SystemExit) as left:
            verify.main(words)
        assert left.value.code == 3
    assert "usage" in capsys.readouterr().err
