"""Checkpoints: the published notes of others byte by byte, and that nothing else passes for one."""

from base64 import b64encode
from dataclasses import replace

import pytest

from state import checkpoint
from state.checkpoint import BadKey, Head, NoCheckpoint, PublicKey, SigningKey, read, signed, unchecked

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
SAID = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
"""The key and the note of the tests of Go's sumdb/note."""

KEY = SigningKey.made("example.com/ledger", bytes(range(32)))
OTHER = SigningKey.made("example.com/ledger", bytes(range(1, 33)))
HEAD = Head("example.com/ledger", 42, bytes(range(100, 132)))


def test_the_published_key_makes_the_published_signature() -> None:
    key = SigningKey.read(PETERS)
    assert key.line(SAID) == SIGNED
    assert (str(key.public), key.written) == (PETER, PETERS)


def test_the_published_key_reads_the_published_checkpoint_form() -> None:
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    found = unchecked(note)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert note.startswith(found.text + "\n")
    with pytest.raises(NoCheckpoint, match=r"signed by example\.com/behind-the-sofa, by none of the keys"):
        read(note, [KEY.public])


def test_what_was_signed_is_read_back_with_who_signed_it() -> None:
    assert read(signed(HEAD, [KEY]), [KEY.public, OTHER.public]) == (HEAD, (KEY.public,))
    assert read(signed(HEAD, [KEY, OTHER]), [OTHER.public]) == (HEAD, (OTHER.public,))
    assert read(signed(HEAD, [KEY, OTHER]), [KEY.public, OTHER.public])[1] == (KEY.public, OTHER.public)


def test_no_flipped_bit_passes() -> None:
    note = signed(HEAD, [KEY]).encode()
    for at in range(len(note)):
        for bit in range(8):
            bad = bytearray(note)
            bad[at] ^= 1 << bit
            try:
                text = bad.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises(NoCheckpoint):
                read(text, [KEY.public])


def test_a_false_signature_by_a_known_key_refuses_the_note_though_another_is_true() -> None:
    lie = KEY.line(replace(HEAD, size=41).text)
    with pytest.raises(NoCheckpoint, match=r"the signature of example\.com/ledger is not of this text"):
        read(signed(HEAD, [OTHER]) + lie, [KEY.public, OTHER.public])


def test_sixteen_signatures_of_strangers_are_passed_over() -> None:
    strangers = [SigningKey.made("stranger", bytes([n] * 32)) for n in range(16)]
    assert read(signed(HEAD, [*strangers, KEY]), [KEY.public])[0] == HEAD


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("", "not a note"),
        (HEAD.text, "not a note"),
        (HEAD.text + "\n", "not a note"),
        (signed(HEAD, [KEY]).rstrip("\n"), "not a note"),
        (signed(HEAD, [KEY]) + "more\n", "a line that should be a signature"),
        (signed(HEAD, [KEY]).replace("\n", "\r\n"), "control characters"),
        (signed(HEAD, [KEY]) + KEY.line("x") * 64, "65 signatures"),
        (f"a ledger\n42\n{'x' * 16_000}\n\n" + KEY.line("x"), "too long"),
        ("a ledger\n42\n\n" + KEY.line("a ledger\n42\n"), "not a checkpoint"),
        (f"a\n042\n{b64encode(HEAD.root).decode()}\n\n" + KEY.line("x"), "signature of"),
        ("a\n42\nAAAA\n\n" + KEY.line("a\n42\nAAAA\n"), "third line is not a root"),
    ],
)
def test_what_is_no_checkpoint_says_so(note: str, why: str) -> None:
    with pytest.raises(NoCheckpoint, match=why):
        read(note, [KEY.public])


def test_what_was_checked_is_kept_by_its_hash_and_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[bytes, bool] = {}
    monkeypatch.setattr(checkpoint, "_CHECKED", kept)
    monkeypatch.setattr(checkpoint, "_CACHED", 3)
    for size in range(7):
        head = replace(HEAD, size=size)
        assert read(signed(head, [KEY]), [KEY.public])[0] == head
        assert not KEY.public.signed(head.text, bytes(12_000))
    assert [(len(name), found) for name, found in kept.items()] == [(32, True)]


def test_a_size_has_one_spelling() -> None:
    text = f"a\n042\n{b64encode(HEAD.root).decode()}\n"
    with pytest.raises(NoCheckpoint, match="not a checkpoint"):
        read(f"{text}\n{KEY.line(text)}", [KEY.public])


def test_keys_are_written_and_read() -> None:
    assert SigningKey.read(KEY.written + "\n") == KEY
    assert PublicKey.read(f" {KEY.public}\n") == PublicKey.read(f"{KEY.public}  signs") == KEY.public


def test_a_signing_key_is_never_shown() -> None:
    assert repr(KEY) == "SigningKey('example.com/ledger')"
    secret = KEY.written.rpartition("+")[2]
    with pytest.raises(BadKey) as refused:
        SigningKey.read(KEY.written[:-4] + "AAA=")
    assert secret[:8] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER[:-1],
        PETER.replace("ARpc", "Ahpc"),
        PETER.replace("Peter", "Peter "),
        PETERS,
    ],
)
def test_what_is_no_public_key_says_so(text: str) -> None:
    with pytest.raises(BadKey, match="this is not a public key"):
        PublicKey.read(text)


def test_what_is_no_signing_key_says_so() -> None:
    with pytest.raises(BadKey, match="counterfoil audit keygen"):
        SigningKey.read(PETER)
    with pytest.raises(BadKey, match="this is not a signing key"):
        SigningKey.read("PRIVATE+KEY+" + PETER)
    with pytest.raises(BadKey, match="cannot name a key"):
        SigningKey.made("my ledger", bytes(32))


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        *(("acme.example/log", True), ("acme.example/log/epoch-2", True), ("acme.example/log/epoch-10", True)),
        *((f"acme.example/log/epoch-{number}", False) for number in ("0", "1", "02", "", "2/epoch-3", "\u0662")),
        *(("acme.example/log2", False), ("acme.example", False), ("x/acme.example/log", False)),
    ],
)
def test_a_ledger_begun_anew_has_one_name_for_each_beginning(origin: str, ours: bool) -> None:
    assert checkpoint.is_of("acme.example/log", origin) is ours
