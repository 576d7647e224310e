"""Packs that somebody altered who can write all of them: what the ledger's own check and the auditor's say of them."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from connectors.anchors.base import Kept
from state.checkpoint import SigningKey
from state.store import Store
from sync.proving import Conclusion
from sync.report import bundle, verify
from sync.report.exported import Exported, conclude
from sync.report.pack import Asked
from tests.campaigns.tampering import EVERY, KEY, KINDS, RECORDS, Row, site
from tests.packing import packed

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ASKED = Asked(date(2026, 1, 1), date(2026, 12, 31))
IN_A_PACK = [kind for kind in KINDS if kind not in ("bit flipped in a hash", "bit flipped in a link")]
"""What can be done to records of which only the texts are there."""

Files = dict[str, bytes]


@dataclass(frozen=True)
class Bench:
    """The files of a sound pack, and the folder in which its checkpoints are kept elsewhere."""

    files: Files
    share: Path
    folder: Path
    say: Callable[[], str]

    def judged(self, files: Files) -> tuple[int, Conclusion]:
        """What the auditor's check and our own say of a pack."""
        pack = self.folder / "pack.zip"
        with ZipFile(pack, "w", ZIP_DEFLATED, compresslevel=1) as out:
            for name, content in files.items():
                out.writestr(name, content)
        theirs = verify.main([str(pack), "--pubkey", str(KEY.public), "--checkpoints", str(self.share)])
        kept = [Kept(each.read_text(encoding="utf-8"), each.name) for each in sorted(self.share.iterdir())]
        return theirs, conclude(Exported(pack), kept, [KEY.public]).conclusion


def listed_anew(files: Files) -> Files:
    """The files with a manifest that fits them, signed by who has the key."""
    manifest = json.loads(files["manifest.json"])
    lines = files["ledger.jsonl"].splitlines()
    head = hashlib.sha256(b"\0" + lines[-1]).hexdigest() if lines else "0" * 64
    root = verify.Tree(bytearray(b"".join(hashlib.sha256(b"\0" + line).digest() for line in lines))).root(len(lines))
    manifest["ledger"] |= {"records": len(lines), "head": head, "root": root.hex()}
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in files.items()
        if name not in (bundle.MANIFEST, bundle.SIGNED)
    }
    made = json.dumps(manifest).encode()
    text = f"counterfoil audit pack\nmanifest.json {hashlib.sha256(made).hexdigest()}\n"
    return files | {bundle.MANIFEST: made, bundle.SIGNED: f"{text}\n{KEY.line(text)}".encode()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Files:
    with Store.open(site(RECORDS).url, clock=lambda: NOW) as store:
        made = packed(store, ASKED, tmp_path_factory.mktemp("packs"), KEY)
    with ZipFile(made) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


@pytest.fixture
def bench(sound: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(sound, site(RECORDS).share, tmp_path, lambda: capsys.readouterr().out)


def rows_of(files: Files) -> list[Row]:
    rows: list[Row] = []
    for line in files["ledger.jsonl"].splitlines():
        body = json.loads(line)
        hash_ = hashlib.sha256(b"\0" + line).hexdigest()
        rows.append([body["seq"], body["prev"], hash_, body["object"], line.decode()])
    return rows


def with_rows(files: Files, rows: list[Row]) -> Files:
    texts = (row[4] if isinstance(row[4], bytes) else row[4].encode() for row in rows)
    return files | {"ledger.jsonl": b"".join(text + b"\n" for text in texts)}


def test_both_checks_find_a_pack_sound_that_is(bench: Bench) -> None:
    assert bench.judged(bench.files) == (0, Conclusion.ANCHORED)


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", IN_A_PACK)
def test_both_checks_find_what_was_done_to_the_records(bench: Bench, kind: str, number: int) -> None:
    rows = rows_of(bench.files)
    KINDS[kind](rows, random.Random(f"{kind}/{number}"))  # noqa: S311
    assert bench.judged(listed_anew(with_rows(bench.files, rows))) == (1, Conclusion.TAMPERED)


@pytest.mark.parametrize("kind", ["bit flipped in a text", "deleted", "swapped", "duplicated"])
def test_a_broken_chain_is_found_with_no_checkpoint_at_hand(bench: Bench, kind: str) -> None:
    rows = rows_of(bench.files)
    KINDS[kind](rows[:-1] if kind == "bit flipped in a text" else rows, random.Random(kind))  # noqa: S311
    files = listed_anew(with_rows(bench.files, rows))
    bench.judged({name: content for name, content in files.items() if not name.endswith(".note")})
    assert bench.say().startswith("ALTERED: record ")


def change(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def changed(files: Files) -> Files:
        [full] = [each for each in files if each.startswith(name)][:1]
        assert old in files[full]
        return files | {full: files[full].replace(old, new, 1)}

    return changed


def without(name: str) -> Callable[[Files], Files]:
    return lambda files: {each: content for each, content in files.items() if each != name}


def first_text_gone(files: Files) -> Files:
    return files | {"texts.jsonl": files["texts.jsonl"].split(b"\n", 1)[1]}


BOTH: dict[str, Callable[[Files], Files]] = {
    "a personal text changed": change("texts.jsonl", b"kim@acme.example", b"lee@acme.example"),
    "a personal text taken out": first_text_gone,
    "a salt changed": change("texts.jsonl", b'"salt": "', b'"salt": "00'),
    "the ledger emptied": lambda files: files | {"ledger.jsonl": b""},
}


@pytest.mark.parametrize("kind", BOTH)
def test_both_checks_find_what_was_done_beside_the_records(bench: Bench, kind: str) -> None:
    assert bench.judged(listed_anew(BOTH[kind](bench.files))) == (1, Conclusion.TAMPERED)


def test_a_personal_text_that_was_changed_is_named(bench: Bench) -> None:
    bench.judged(listed_anew(BOTH["a personal text changed"](bench.files)))
    assert re.match("ALTERED: the personal text [0-9a-f]{64} was changed", bench.say())


COUNTED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "an item left out": (change("completeness.json", b'"AI-000001": "the', b'"AI-0": "the'), "AI-000001"),
    "a count changed": (change("completeness.json", b'"count": 20', b'"count": 19'), "completeness.json is not as the"),
    "evidence from nowhere": (lambda files: files | {"evidence/" + "0" * 64: b""}, "is not the file that was recorded"),
    "a list taken out": (without("completeness.json"), "completeness.json is missing"),
    "a list that is none": (lambda files: files | {"evidence.json": b"["}, "evidence.json is not JSON"),
}


@pytest.mark.parametrize("kind", COUNTED)
def test_the_auditor_s_check_compares_what_else_is_there_with_the_records(bench: Bench, kind: str) -> None:
    altered, words = COUNTED[kind]
    code, _ = bench.judged(listed_anew(altered(bench.files)))
    assert (code, words in bench.say()) == (1, True)


def test_the_exit_code_is_the_verdict_where_nobody_reads_on_and_where_some_letters_cannot_be_shown(
    bench: Bench,
) -> None:
    named = retold("manifest.json", lambda told: told["parameters"].update(framework="Übersicht"))
    assert bench.judged(listed_anew(named(bench.files)))[0] == 0
    program = [sys.executable, verify.__file__, str(bench.folder / "pack.zip"), "--pubkey", str(KEY.public)]
    shut, nobody = os.pipe()
    os.close(shut)
    with os.fdopen(nobody, "wb") as unread, (bench.folder / "said").open("wb") as read:
        for out in (unread, read):
            ended = subprocess.run(
                [*program, "--checkpoints", str(bench.share)],
                check=False,
                stdout=out,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONIOENCODING": "ascii"},
            )
            assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"confined to the framework \\xdcbersicht" in (bench.folder / "said").read_bytes()


def test_any_file_that_is_not_as_it_was_is_found_by_the_list(bench: Bench) -> None:
    for name in sorted({*bench.files} - {"manifest.json", "verify.py"})[:8]:
        assert bench.judged(bench.files | {name: bench.files[name] + b" "})[0] == 1, name
    more = bench.judged(bench.files | {"more.html": b"<h1>All is well</h1>"})
    assert (more[0], "more.html was not in the pack" in bench.say()) == (1, True)


@pytest.mark.parametrize("name", verify.ALWAYS)
def test_a_pack_from_which_a_file_was_left_out_before_it_was_signed_is_not_sound(bench: Bench, name: str) -> None:
    assert bench.judged(listed_anew(without(name)(bench.files)))[0] == 1
    assert f"{name} is missing" in bench.say()


@pytest.mark.parametrize("seed", range(40))
def test_garbage_in_a_pack_comes_to_a_verdict_and_never_to_a_traceback(bench: Bench, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    name = dice.choice(sorted(bench.files))
    content = bytearray(bench.files[name])
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(content))
        content[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    code, _ = bench.judged(bench.files | {name: bytes(content)})
    assert code in (0, 1)
    assert (code == 0) == (bytes(content) == bench.files[name])


def test_a_pack_that_ends_before_the_only_checkpoint_of_the_auditor_s_is_not_sound(bench: Bench) -> None:
    last = max(name for name in bench.files if name.endswith(".note"))
    files = with_rows(bench.files, rows_of(bench.files)[: RECORDS - 5])
    kept = bench.folder / "kept"
    kept.mkdir()
    (kept / "newest.note").write_bytes(files.pop(last))
    asked = Bench(bench.files, kept, bench.folder, bench.say)
    assert asked.judged(listed_anew(files)) == (1, Conclusion.TAMPERED)
    assert "its end was cut off" in bench.say()


def test_a_pack_that_ends_before_its_own_newest_checkpoint_is_not_sound_though_others_are_newer_still(
    bench: Bench,
) -> None:
    notes = sorted(name for name in bench.files if name.endswith(".note"))
    files = {name: content for name, content in bench.files.items() if name not in notes[-1:]}
    cut = with_rows(files, rows_of(files)[: RECORDS - EVERY - 5])
    assert bench.judged(listed_anew(cut)) == (1, Conclusion.TAMPERED)
    for name in [each for each in notes if int(each.split(".")[-2]) > RECORDS - EVERY - 5]:
        cut.pop(name, None)
    assert bench.judged(listed_anew(cut))[1] is not Conclusion.TAMPERED, "it is as an older pack"


def test_of_a_pack_that_nobody_signed_or_whose_signature_is_another_s_nothing_but_the_ledger_is_sound(
    bench: Bench,
) -> None:
    more = bench.files | {"index.html": b"<h1>All is well</h1>"}
    signed = listed_anew(more)
    assert bench.judged(signed)[0] == 0
    assert "Not compared with the records: index.html, report.xlsx, verify.py, what, source" in (said := bench.say())
    assert f"They are as {KEY.name} signed them." in said
    assert bench.judged(without(bundle.SIGNED)(signed))[0] == 2
    assert bench.say().startswith("SOUND LEDGER, UNSIGNED PACK: 60 records, 60 of them vouched for")
    assert bench.judged(signed | {bundle.SIGNED: bench.files[bundle.SIGNED]})[0] == 1
    assert "manifest.sig was made for another pack" in bench.say()
    other = SigningKey.made(KEY.name, bytes(32))
    text = signed[bundle.SIGNED].decode().split("\n\n")[0] + "\n"
    assert bench.judged(signed | {bundle.SIGNED: f"{text}\n{other.line(text)}".encode()})[0] == 2


def retold(name: str, change: Callable[[Any], Any]) -> Callable[[Files], Files]:
    """A list of the pack with something else in it."""

    def changed(files: Files) -> Files:
        told = json.loads(files[name])
        return files | {name: json.dumps(change(told) or told).encode()}

    return changed


def excluded(told: Any) -> None:
    items = told["items"]
    items["excluded"], items["unlinked"] = items["unlinked"], {"count": 0, "items": {}, "by_reason": {}}


def elsewhere(told: Any) -> None:
    told["items"]["unlinked"]["items"]["AI-000002"] = "held: conflict"


TOLD: dict[str, tuple[Callable[[Files], Files], str]] = {
    "an item as excluded": (retold("completeness.json", excluded), "unlinked items, AI-000001"),
    "another reason": (retold("completeness.json", elsewhere), "unlinked items, AI-000002"),
    "another source": (retold("completeness.json", lambda told: told["items"].update(by_source={})), "the counts"),
    "a tracker read": (retold("completeness.json", lambda told: told["trackers"].update(eng=[{}])), "what was read of"),
    "a text as erased": (retold("redactions.json", lambda _: [{"hash": "0" * 64, "records": [1]}]), "redactions.json"),
    "another file": (retold("evidence.json", lambda told: told["files"].update(a=[])), "evidence.json does not list"),
    "other days": (retold("manifest.json", lambda told: told["period"].update(to="2020-01-01")), "about other days"),
}


@pytest.mark.parametrize("kind", TOLD)
def test_what_the_maker_of_a_pack_tells_and_signs_is_what_the_records_say(bench: Bench, kind: str) -> None:
    altered, words = TOLD[kind]
    assert bench.judged(listed_anew(altered(bench.files)))[0] == 1
    assert words in bench.say()


def test_the_days_in_the_manifest_are_told_and_decide_when_they_end(bench: Bench) -> None:
    moved = retold("manifest.json", lambda told: told["period"].update(until="2020-01-01T00:00:00.000000Z"))
    assert bench.judged(listed_anew(bench.files))[0] == 0
    assert "It is about 2026-01-01 to 2026-12-31." in (said := bench.say())
    assert "Items: 20 = " in said
    assert bench.judged(listed_anew(moved(bench.files)))[0] == 1
    assert "the manifest is about other days than it says" in bench.say()


def test_a_time_stamp_that_is_about_another_checkpoint_is_found(bench: Bench) -> None:
    first, other = sorted(name for name in bench.files if name.endswith(".note"))[:2]
    stamp = b"0\x82" + hashlib.sha256(bench.files[first]).digest() + b"\x02\x01"
    assert bench.judged(listed_anew(bench.files | {first.replace(".note", ".tsr"): stamp}))[0] == 0
    assert "tells `openssl ts -verify" in bench.say()
    assert bench.judged(listed_anew(bench.files | {other.replace(".note", ".tsr"): stamp}))[0] == 1
    assert f"{other[:-5]}.tsr is no time stamp of the checkpoint beside it" in bench.say()
    assert bench.judged(listed_anew(bench.files | {"checkpoints/more.tsr": stamp}))[0] == 1


def _listed(odd: dict[str, str], told: Any) -> None:
    told["strange"].update(odd)


def test_a_pack_that_lists_a_record_as_none_of_the_program_s_is_not_called_sound_and_names_it(bench: Bench) -> None:
    """Whoever makes a pack could else hide what one of them says from its tables."""
    title = json.loads(bench.files["ledger.jsonl"].splitlines()[1])
    assert title["action"] == "item.changed"
    hidden = retold("completeness.json", partial(_listed, {"3": "ticket.changed of AI-000001"}))
    assert bench.judged(listed_anew(hidden(bench.files)))[0] == 2
    said = bench.say()
    assert said.startswith("SOUND LEDGER, DOUBTFUL TABLES: 60 records, 60 of them vouched for")
    assert "pass over them: 3 (ticket.changed of AI-000001)." in said
    for odd in ({"3": "nothing to see"}, {"999": "all approved"}, {"x": ""}, {"1": "item.created of AI-000001"}):
        altered = retold("completeness.json", partial(_listed, odd))
        assert bench.judged(listed_anew(altered(bench.files)))[0] == 1


TWICE = {
    "completeness.json": (b'"items": {', b'"items": {"count": 0}, "items": {'),
    "manifest.json": (b'"period": {', b'"period": {"from": "2020-01-01"}, "period": {'),
    "texts.jsonl": (b'"text": ', b'"text": "approved", "text": '),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_name_that_stands_twice_in_an_object_so_that_readers_see_one_or_the_other_is_found(
    bench: Bench, name: str
) -> None:
    old, new = TWICE[name]
    files = listed_anew(bench.files)
    assert bench.judged(change(name, old, new)(files))[0] == 1
    more = retold("completeness.json", lambda told: told.update(approved="all of it"))
    assert bench.judged(listed_anew(more(bench.files)))[0] == 1
    assert "completeness.json says something else than the records, or more" in bench.say()


def test_a_text_that_stands_there_twice_must_be_right_both_times(bench: Bench) -> None:
    first, rest = bench.files["texts.jsonl"].split(b"\n", 1)
    forged = json.dumps(json.loads(first) | {"text": "approved by the CISO"}).encode()
    files = bench.files | {"texts.jsonl": b"\n".join((forged, first, rest))}
    assert bench.judged(listed_anew(files)) == (1, Conclusion.TAMPERED)


def test_a_pack_that_was_unpacked_and_packed_again_is_sound_and_a_file_more_in_its_folder_is_found(
    bench: Bench,
) -> None:
    assert bench.judged(bench.files | {"checkpoints/": b"", "evidence/": b""})[0] == 0
    folder = bench.folder / "unpacked"
    for name, content in bench.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    asked = [str(folder), "--pubkey", str(KEY.public), "--checkpoints", str(bench.share)]
    assert verify.main(asked) == 0
    (folder / "all-is-well.html").write_bytes(b"")
    assert verify.main(asked) == 1
    assert "all-is-well.html was not in the pack" in bench.say()


def test_a_manifest_that_names_what_is_not_in_the_pack_has_nothing_else_read(bench: Bench) -> None:
    folder = bench.folder / "unpacked"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"files": {"/dev/zero": {"sha256": ""}}}), encoding="utf-8")
    with pytest.raises(verify.Wrong, match="/dev/zero is missing"):
        verify.check_files(verify.Pack(folder), [])
