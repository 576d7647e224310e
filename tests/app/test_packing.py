"""The auditor's pack through the command line: the same from the same ledger, and proof by itself."""

import hashlib
import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from state.vault import Vault
from sync import proving
from sync.app import periods
from sync.report import verify
from tests.app.conftest import Answer, Line, Office
from tests.app.test_signing import Audit, rearm, signing
from tests.databases import disarm, plant, raw
from tests.e2e.auditor import Tables

DAYS = ("--from", "2020-01-01", "--to", "2099-12-31")


@dataclass(frozen=True)
class Auditor:
    """Somebody with a pack, the key of who signs, and maybe checkpoints of their own."""

    audit: Audit

    @property
    def line(self) -> Line:
        return self.audit.line

    def gets(self, name: str = "pack.zip", *options: str) -> Any:
        return self.line.json("audit", "pack", *DAYS, "--out", name, *options)

    def finds(self, name: str = "pack.zip", *options: str) -> Answer:
        self.line.capture.readouterr()
        code = verify.main([name, "--pubkey", self.audit.key, *options])
        said = self.line.capture.readouterr()
        return Answer(code, said.out, said.err)

    def anchored(self, name: str = "pack.zip") -> Answer:
        return self.finds(name, "--checkpoints", str(self.audit.share))


def unpacked(auditor: Auditor, name: str, *options: str) -> Path:
    """The folder of a pack."""
    auditor.gets(f"{name}.zip", *options)
    with ZipFile(f"{name}.zip") as pack:
        pack.extractall(name)
    return auditor.line.folder / name


@pytest.fixture
def illustrated(desk: Line) -> Auditor:
    audit = signing(desk)
    desk.add("Rotate the keys", "--owner", "mia@acme.example")
    (desk.folder / "proof.txt").write_text("rotated", encoding="utf-8")
    assert desk("evidence", "add", "AI-1", "proof.txt", "--kind", "log").code == 0
    desk.add("Close the port")
    assert desk("audit", "sign").code == 0
    return Auditor(audit)


@pytest.fixture
def auditor(illustrated: Auditor, monkeypatch: pytest.MonkeyPatch) -> Auditor:
    """The same where nothing is installed that draws charts, which would take half of the time."""
    monkeypatch.setattr("sync.app.reporting.find_spec", lambda _: None)
    return illustrated


def test_the_same_ledger_gives_the_same_pack_byte_for_byte(illustrated: Auditor) -> None:
    one, other = illustrated.gets("one.zip"), illustrated.gets("other.zip")
    assert one["sha256"] == other["sha256"]
    assert (Path("one.zip").read_bytes()) == Path("other.zip").read_bytes()
    assert one["sha256"] == hashlib.sha256(Path("one.zip").read_bytes()).hexdigest()
    assert [each.name for each in Path().glob(".*part")] == []


def test_a_pack_without_charts_is_told_of_with_what_to_do_about_it(
    illustrated: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert illustrated.gets()["charts"] is True
    monkeypatch.setattr("sync.app.reporting.find_spec", lambda _: None)
    answer = illustrated.line("audit", "pack", *DAYS, "--out", "plain.zip")
    assert "Its page has no charts" in answer.out
    assert "pip install 'counterfoil[report]'" in answer.out
    assert illustrated.gets("again.zip")["charts"] is False


def test_a_checkpoint_of_ones_own_vouches_for_a_pack_and_without_one_nothing_does(auditor: Auditor) -> None:
    auditor.gets()
    answer = auditor.anchored()
    assert (answer.code, answer.out.splitlines()[0].split(":")[0]) == (0, "SOUND")
    assert "1 files of evidence" in answer.out
    assert "Items: 2 = 0 linked + 2 unlinked + 0 excluded." in answer.out
    alone = auditor.finds()
    assert (alone.code, "signed by the key you named" in alone.out) == (2, True)
    auditor.line.capture.readouterr()
    assert verify.main(["pack.zip"]) == 2
    unknown = auditor.line.capture.readouterr().out
    assert "since nobody is known who signs" in unknown
    assert "signed by the key you named" not in unknown, "none was named"


def test_an_unpacked_pack_and_an_earlier_one_as_checkpoints_do_as_well(auditor: Auditor) -> None:
    auditor.gets("old.zip")
    auditor.line.add("Patch the server")
    auditor.gets()
    with ZipFile("pack.zip") as pack:
        pack.extractall("unpacked")
    assert auditor.finds("unpacked", "--checkpoints", "old.zip").code == 0


def test_a_pack_does_not_vouch_for_itself(auditor: Auditor) -> None:
    auditor.gets()
    with ZipFile("pack.zip") as pack:
        pack.extractall("unpacked")
    Path("link").symlink_to("unpacked")
    for pack_, own in (("pack.zip", "./pack.zip"), ("unpacked", "link"), ("unpacked", "unpacked/checkpoints")):
        with pytest.raises(SystemExit) as ended:
            auditor.finds(pack_, "--checkpoints", own)
        assert (ended.value.code, "names the pack itself" in auditor.line.capture.readouterr().err) == (3, True)


def test_a_key_that_the_known_one_handed_over_to_counts_and_no_other_does(auditor: Auditor) -> None:
    made = auditor.line.json("audit", "rotate", "--out", "new.key")
    config = auditor.line.config
    told = config.read_text(encoding="utf-8").replace(
        'key_file = "audit.key"', f'key_file = "new.key"\npublic_keys = ["{made["old_public_key"]}"]'
    )
    config.write_text(told, encoding="utf-8")
    auditor.line.add("Patch the server")
    auditor.gets()
    assert auditor.anchored().code == 0
    auditor.line.capture.readouterr()
    asked = ["pack.zip", "--checkpoints", str(auditor.audit.share), "--pubkey"]
    assert verify.main([*asked, made["public_key"]]) == 0
    other = auditor.line.json("audit", "keygen", "--name", "acme.example/ledger", "--out", "other.key")
    assert verify.main([*asked, other["public_key"]]) == 2


def test_the_ledger_in_a_pack_is_verified_as_the_one_in_the_database_is_and_needs_no_configuration(
    auditor: Auditor,
) -> None:
    auditor.gets()
    here = auditor.audit.verify("--checkpoints", str(auditor.audit.share))
    asked = ("--from-export", "pack.zip", "--checkpoints", str(auditor.audit.share), "--pubkey", auditor.audit.key)
    auditor.line.config.rename("elsewhere.toml")
    there = auditor.audit.verify(*asked)
    assert (here.code, there.code) == (0, 0)
    assert there.json == here.json
    assert auditor.audit.verify("--from-export", "pack.zip").json["conclusion"] == "consistent, not anchored"
    gone = auditor.audit.verify("--from-export", "nowhere.zip")
    assert (gone.code, "nowhere.zip is no pack" in gone.err) == (3, True)


def test_records_that_were_given_up_after_a_restore_are_told_of_where_a_checkpoint_vouches_for_that(
    auditor: Auditor,
) -> None:
    url = auditor.line.url
    auditor.line.add("Patch the server")
    disarm(url)
    raw(url, "DELETE FROM audit WHERE seq > 2", "DELETE FROM checkpoint WHERE size > 2")
    rearm(url)
    auditor.line.json("audit", "fork", "--reason", "the disk broke")
    auditor.gets()
    answer = auditor.anchored()
    assert (answer.code, "Records 3 to 4 of acme.example/ledger were given up" in answer.out) == (2, True)
    assert "--epoch 2 says that you know of that" in answer.out
    assert auditor.finds("pack.zip", "--checkpoints", str(auditor.audit.share), "--epoch", "2").code == 0
    for file in auditor.audit.share.glob("*epoch-2*"):
        file.unlink()
    answer = auditor.anchored()
    assert (answer.code, answer.out.startswith("ALTERED: what was recorded as")) == (1, True)


def test_what_was_erased_is_told_of_and_what_is_gone_without_that_is_found(auditor: Auditor) -> None:
    auditor.line("item", "edit", "AI-1", "--owner", "omar@acme.example")
    assert auditor.line("person", "erase", "mia@acme.example", "--reason", "she asked for it").code == 0
    assert auditor.gets()["redacted"] == 1
    answer = auditor.anchored()
    assert (answer.code, "Personal texts erased, whose commitments are here: 1." in answer.out) == (0, True)
    with ZipFile("pack.zip") as pack:
        [gone] = json.loads(pack.read("redactions.json"))
        assert b"mia@acme.example" not in b"".join(map(pack.read, pack.namelist()))
        pack.extractall("unpacked")
    assert gone["records"]
    texts = Path("unpacked/texts.jsonl")
    texts.write_text("".join(texts.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    found = auditor.finds("unpacked", "--checkpoints", str(auditor.audit.share))
    assert (found.code, "a personal text that is not here, and no record erased it" in found.out) == (1, True)


def test_a_record_that_stands_twice_for_a_text_that_was_erased_is_listed_once(auditor: Auditor) -> None:
    line = auditor.line
    made = json.loads(raw(line.url, "SELECT body FROM audit WHERE seq = 1")[0][0])
    twice = {"owner": made["after"]["owner"], "by": made["after"]["owner"]}
    plant(line.url, [made | {"action": "comment.added", "object": "AI-000001", "after": twice}])
    line("item", "edit", "AI-1", "--owner", "omar@acme.example")
    line("person", "erase", "mia@acme.example", "--reason", "she asked for it")
    [gone] = json.loads((unpacked(auditor, "one") / "redactions.json").read_bytes())
    assert gone["records"] == [1, 4, 5]
    assert auditor.anchored("one.zip").code == 0
    folder = unpacked(auditor, "earlier")
    told = json.dumps([gone | {"records": [1, 4, 4, 5]}])
    (folder / "redactions.json").write_text(told, encoding="utf-8")
    assert "redactions.json is not as it was" in auditor.anchored("earlier").out, "but for the list of files it is well"


def test_a_pack_holds_all_that_proves_it(auditor: Auditor) -> None:
    answer = auditor.gets()
    with ZipFile("pack.zip") as pack:
        names = pack.namelist()
        manifest = json.loads(pack.read("manifest.json"))
        assert names[:-2] == sorted(manifest["files"])
        assert (names[-2:], len(names)) == (["manifest.json", "manifest.sig"], answer["files"])
        assert manifest["ledger"]["records"] == answer["records"] == len(pack.read("ledger.jsonl").splitlines())
        assert {each.date_time for each in pack.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        [evidence] = [name for name in names if name.startswith("evidence/")]
        assert pack.read(evidence) == b"rotated"
        assert b"mia@acme.example" in pack.read("texts.jsonl")
        assert b"mia@acme.example" not in pack.read("ledger.jsonl")
        assert [name for name in names if name.startswith("checkpoints/")] != []


def test_a_pack_has_a_page_to_open_and_shows_only_what_was_asked_for(illustrated: Auditor) -> None:
    line = illustrated.line
    (line.folder / "soc2.csv").write_text("code,title\nCC6.1,Access\n", encoding="utf-8")
    assert line("framework", "add", "soc2.csv", "--id", "SOC2").code == 0
    line.add("Encrypt the bucket", "--control", "SOC2:CC6.1")
    illustrated.gets("whole.zip")
    illustrated.gets("part.zip", "--framework", "SOC2")
    with ZipFile("whole.zip") as whole, ZipFile("part.zip") as part:
        pages = [pack.read("index.html").decode() for pack in (whole, part)]
        assert whole.read("ledger.jsonl") == part.read("ledger.jsonl")
        evidence = [[name for name in pack.namelist() if name.startswith("evidence/")] for pack in (whole, part)]
        assert {"items.csv", "report.xlsx"} <= set(part.namelist())
    assert ["Encrypt the bucket" in page for page in pages] == [True, True]
    assert ["Rotate the keys" in page for page in pages] == [True, False]
    assert [len(found) for found in evidence] == [1, 0]
    assert ["<svg" in page for page in pages] == [True, True]
    line("audit", "sign")
    assert illustrated.anchored("part.zip").code == 0


def test_an_item_that_names_its_framework_is_of_it_whether_or_not_the_register_has_the_control(
    auditor: Auditor,
) -> None:
    line = auditor.line
    (line.folder / "soc2.csv").write_text("code,title\nCC6.1,Access\n", encoding="utf-8")
    assert line("framework", "add", "soc2.csv", "--id", "SOC2").code == 0
    line.add("Encrypt the bucket", "--control", "CC6.1")
    line.add("Watch the logs", "--control", "soc2:CC7.2")
    line.add("Train the staff", "--control", "HIPAA:164.308")

    def titles(framework: str) -> set[str]:
        return {row["title"] for row in Tables.of(unpacked(auditor, framework, "--framework", framework)).rows["items"]}

    assert titles("SOC2") == titles("Soc2") == {"Encrypt the bucket", "Watch the logs"}
    assert titles("HIPAA") == {"Train the staff"}
    answer = line("audit", "pack", *DAYS, "--out", "none.zip", "--framework", "NIST")
    assert (answer.code, "no framework is called NIST" in answer.err) == (2, True)


def test_what_is_left_out_of_a_confined_pack_is_counted_on_the_page_in_the_answer_and_by_who_checks_it(
    auditor: Auditor,
) -> None:
    line = auditor.line
    line.add("Watch the logs", "--control", "SOC2:CC7.2")
    folder = unpacked(auditor, "part", "--framework", "SOC2")
    assert "<strong>2</strong> of\n3 items are left out by that." in (folder / "index.html").read_text(encoding="utf-8")
    assert json.loads((folder / "completeness.json").read_bytes())["items"]["left_out"] == 2
    assert "Items left out of the tables, since they are confined: 2 of 3." in auditor.anchored("part").out
    for command in (("audit", "pack"), ("report", "md")):
        asked = (*command, *DAYS, "--framework", "SOC2", "--out", f"again.{'zip' if command[0] == 'audit' else 'md'}")
        assert "Left out, since it is confined: 2 of 3 items" in line(*asked).out
        assert line.json(*asked)["left_out"] == 2
    assert "2 of 3 items are left out by that." in Path("again.md").read_text(encoding="utf-8")
    told = (folder / "completeness.json").read_text(encoding="utf-8")
    (folder / "completeness.json").write_text(told.replace('"left_out": 2', '"left_out": 1'), encoding="utf-8")
    answer = auditor.anchored("part")
    assert (answer.code, "says that 1 items are left out, and it is 2" in answer.out) == (1, True), answer.out


def test_whether_every_linked_ticket_was_there_is_answered_by_the_last_reading_that_asked_for_all(
    office: Office,
) -> None:
    auditor = Auditor(signing(office.line))
    for title in ("Rotate the keys", "Close the port"):
        office.line.add(title)
    office.line.json("sync")
    office.line("item", "edit", "AI-1", "--title", "Rotate every key")
    office.line.json("sync")

    assert Tables.of(unpacked(auditor, "before")).not_read() == [office.tracker.name], (
        "nobody asked for all since there are tickets"
    )
    office.line.json("sync", "--full")
    assert Tables.of(unpacked(auditor, "after")).not_read() == []
    assert auditor.anchored("after.zip").code == 0
    assert office.line("report", "md", *DAYS, "--out", "board.md").code == 0
    board = re.search(
        r"## What the trackers showed\n(.*?)\n## ", Path("board.md").read_text(encoding="utf-8"), re.DOTALL
    )
    page = re.search(r'<h2 id="readings">.*?</table>', (office.line.folder / "after/index.html").read_text(), re.DOTALL)
    assert board is not None
    assert page is not None
    assert re.search(r"eng\S*jira \|.*\| 2 \| 2 \| 2 \|  \| 0 \|", board[1])
    assert '<td>2</td>\n<td class="number">2</td><td class="number">2</td>\n<td>none</td>' in page[0]


def test_a_file_of_evidence_that_is_gone_is_told_and_not_left_out_silently(auditor: Auditor) -> None:
    sha256 = hashlib.sha256(b"rotated").hexdigest()
    [file] = auditor.line.folder.rglob(sha256)
    file.unlink()
    assert auditor.gets()["missing"] == {sha256: "the file is missing"}
    answer = auditor.anchored()
    assert (answer.code, f"{sha256} is not in the pack: the file is missing" in answer.out) == (0, True)


def test_a_pack_that_is_confined_to_a_tracker_has_only_the_evidence_of_its_items(auditor: Auditor) -> None:
    sha256 = hashlib.sha256(b"rotated").hexdigest()
    told = 'kind = "github"\nurl = "https://api.github.com"\nrepository = "acme/platform"\ntoken_env = "TOKEN"\n'
    with auditor.line.config.open("a", encoding="utf-8") as config:
        config.write(f"[trackers.platform]\n{told}")
    assert auditor.gets("pack.zip", "--tracker", "platform")["missing"] == {
        sha256: "it supports nothing that was asked for"
    }
    answer = auditor.anchored()
    assert (answer.code, "confined to the tracker platform" in answer.out) == (0, True)
    assert f"{sha256} is not in the pack: it supports nothing that was asked for; record 2 says that" in answer.out


def test_no_pack_is_made_of_a_ledger_that_was_tampered_with(auditor: Auditor) -> None:
    disarm(auditor.line.url)
    raw(auditor.line.url, "UPDATE audit SET body = replace(body, 'item.created', 'item.forged') WHERE seq = 1")
    answer = auditor.line("audit", "pack", *DAYS, "--out", "pack.zip")
    assert (answer.code, "record 1 does not match its hash" in answer.err) == (6, True)
    assert not Path("pack.zip").exists()


def test_no_pack_is_made_of_a_ledger_that_was_cut_together_with_its_checkpoints(auditor: Auditor) -> None:
    disarm(auditor.line.url)
    raw(auditor.line.url, "DELETE FROM audit WHERE seq > 1", "DELETE FROM checkpoint")
    answer = auditor.line("audit", "pack", *DAYS, "--out", "pack.zip")
    assert (answer.code, "Nothing was written" in answer.err) == (6, True)
    assert not Path("pack.zip").exists()


def test_a_pack_of_last_week_is_sound_though_a_newer_checkpoint_is_at_hand(auditor: Auditor) -> None:
    size = auditor.gets()["records"]
    auditor.line.add("Patch the server")
    auditor.line("audit", "sign")
    answer = auditor.anchored()
    assert (answer.code, f"{size} records, {size} of them vouched for" in answer.out) == (0, True)
    assert f"The ledger went on since, to {size + 1} records at least" in answer.out
    told = ("--checkpoints", str(auditor.audit.share), "--pubkey", auditor.audit.key)
    for options in ((), told):
        ours = auditor.audit.verify("--from-export", "pack.zip", *options)
        assert (ours.code, ours.json["conclusion"], ours.json["anchored"]) == (0, "anchored", size)
        [remark] = ours.json["remarks"]
        assert remark.startswith(f"the ledger went on since, to {size + 1} records at least")


def test_a_pack_is_sound_though_its_key_was_handed_over_and_its_ledger_begun_anew_later(auditor: Auditor) -> None:
    line, share = auditor.line, ("--checkpoints", str(auditor.audit.share))
    size = auditor.gets()["records"]
    made = line.json("audit", "rotate", "--out", "new.key")
    told = line.config.read_text(encoding="utf-8")
    named = f'key_file = "new.key"\npublic_keys = ["{auditor.audit.key}"]'
    line.config.write_text(told.replace('key_file = "audit.key"', named), encoding="utf-8")
    line.add("Patch the server")
    line.add("Renew the certificate")
    disarm(line.url)
    raw(line.url, "DELETE FROM audit WHERE seq > 5", "DELETE FROM checkpoint WHERE size > 5")
    rearm(line.url)
    line.json("audit", "fork", "--reason", "the disk broke")
    keys = ("--pubkey", auditor.audit.key, "--pubkey", made["public_key"])
    ours = auditor.audit.verify("--from-export", "pack.zip", *share, *keys)
    theirs = auditor.finds("pack.zip", *share, "--pubkey", made["public_key"])
    assert (ours.code, theirs.code, ours.json["anchored"], size) == (0, 0, 3, 3)
    for said in (theirs.out, ours.json["remarks"][0]):
        assert "he ledger went on since, to 6 records at least" in said


def test_a_pack_is_its_owner_s_alone_to_read_and_follows_no_link(auditor: Auditor) -> None:
    victim = Path("victim")
    victim.write_text("mine", encoding="utf-8")
    Path(".pack.zip.part").symlink_to(victim)
    Path("pack.zip").symlink_to(victim)
    auditor.gets()
    assert victim.read_text(encoding="utf-8") == "mine"
    assert stat.S_IMODE(Path("pack.zip").lstat().st_mode) == 0o600
    assert not Path("pack.zip").is_symlink()


def test_a_file_that_cannot_be_read_is_not_taken_for_the_pack(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(b"rotated").hexdigest()
    [file] = auditor.line.folder.rglob(sha256)
    monkeypatch.setattr(Vault, "fault", lambda *_: file.unlink(missing_ok=True))
    answer = auditor.line("audit", "pack", *DAYS, "--out", "pack.zip")
    assert answer.code != 0
    assert f"{sha256} cannot be read" in answer.err
    assert not [*Path().glob("*.part"), *Path().glob("pack.zip")]


def test_the_pack_is_made_from_the_moment_that_was_verified(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    def examined(*arguments: Any) -> Any:
        found = proving.examined(*arguments)
        assert auditor.line("item", "edit", "AI-1", "--owner", "omar@acme.example").code == 0
        assert auditor.line("person", "erase", "mia@acme.example", "--reason", "she asked for it").code in (0, 3)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(periods, "examined", examined)
        auditor.gets()
    assert auditor.anchored().code == 0


def test_days_in_the_wrong_order_and_a_folder_that_is_not_there_are_said(auditor: Auditor) -> None:
    answer = auditor.line("audit", "pack", "--from", "2026-06-30", "--to", "2026-01-01", "--out", "pack.zip")
    assert (answer.code, "is before --from" in answer.err) == (2, True)
    answer = auditor.line("audit", "pack", *DAYS, "--out", "nowhere/pack.zip")
    assert (answer.code, "nowhere/pack.zip cannot be written" in answer.err) == (2, True)


def test_the_words_say_what_was_written_and_how_it_is_checked(auditor: Auditor) -> None:
    config = auditor.line.config
    told = config.read_text(encoding="utf-8").replace(
        'key_file = "audit.key"', f'public_keys = ["{auditor.audit.key}"]'
    )
    config.write_text(told, encoding="utf-8")
    auditor.line.add("Patch the server")
    out = auditor.line("audit", "pack", *DAYS, "--out", "pack.zip").out
    assert "1 record in it are not signed" in out
    assert "Nobody signed what is in it beside the ledger" in out
    assert "python3 verify.py pack.zip --pubkey KEY --checkpoints FOLDER" in out
    assert "verify.py is from a release" in out
    answer = auditor.anchored()
    assert (answer.code, answer.out.split(":")[0]) == (2, "SOUND LEDGER, UNSIGNED PACK")


def test_a_record_that_the_program_does_not_write_is_told_by_all_and_makes_no_item(auditor: Auditor) -> None:
    line, size = auditor.line, auditor.gets()["records"]
    own = [json.loads(body) for (body,) in raw(line.url, "SELECT body FROM audit ORDER BY seq")]
    made = next(each for each in own if each["action"] == "item.created")
    wrong = {**made["after"], "due_date": "soon"}
    plant(line.url, [made | {"object": "AI-000009", "after": wrong}])
    line("audit", "sign")
    assert auditor.gets("two.zip")["strange"] == [size + 1]
    words = line("audit", "pack", *DAYS, "--out", "two.zip").out
    assert f"In no story, since this program cannot have written it: 1 record, {size + 1}" in words
    answer = auditor.anchored("two.zip")
    assert (answer.code, answer.out.split(":")[0]) == (2, "SOUND LEDGER, DOUBTFUL TABLES")
    assert f"pass over them: {size + 1} (item.created of AI-000009)." in answer.out
    assert "Items: 2 = " in answer.out
    with ZipFile("two.zip") as pack:
        page, items = (pack.read(name).decode() for name in ("index.html", "items.csv"))
    assert ("item.created of AI-000009" in page, "AI-000009" in items) == (True, False)


def test_a_pack_accounts_for_every_item_and_says_what_was_read_when(office: Office) -> None:
    line = office.line
    (line.folder / "items.csv").write_text(
        "external_ref,title,priority\nA-1,Rotate the keys,high\nA-2,Close the port,low\n", encoding="utf-8"
    )
    line("intake", "csv", "items.csv")
    line("sync")
    done = line.add("Nothing to do")
    assert line("resolve", done, "--reason", "it was done before").code == 0
    left = line.add("Not mirrored yet")
    line.json("audit", "pack", *DAYS, "--out", "pack.zip")
    with ZipFile("pack.zip") as pack:
        told = json.loads(pack.read("completeness.json"))
    items = told["items"]
    assert items["count"] == items["linked"]["count"] + items["unlinked"]["count"] + items["excluded"]["count"] == 4
    assert items["linked"]["by_tracker"] == {"platform": 1, "eng-jira": 1}
    assert items["excluded"] == {
        "count": 1,
        "items": {done: "the item is finished and needs no ticket"},
        "by_reason": {"the item is finished and needs no ticket": 1},
    }
    assert (items["unlinked"]["items"], items["unlinked"]["by_reason"]) == (
        {left: "the next sync is to make one"},
        {"the next sync is to make one": 1},
    )
    [read] = told["sources"]["csv"]
    assert (read["name"], read["rows"]["created"], read["out"]) == ("items.csv", 2, {})
    assert {name: reading[0]["linked"] for name, reading in told["trackers"].items()} == {"platform": 1, "eng-jira": 1}
    assert "labels = counterfoil" in {reading[0]["query"] for reading in told["trackers"].values()}
