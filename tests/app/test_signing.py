"""The signed ledger through the command line: what an auditor can tell, and what a run does about it."""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from sync.app.shell import AHEAD
from tests.app.conftest import Answer, Line, Office
from tests.databases import ARM, disarm, raw


@dataclass(frozen=True)
class Audit:
    """A command line whose ledger is signed, and the folder that keeps what was signed."""

    line: Line
    share: Path
    key: str

    def verify(self, *options: str) -> Answer:
        return self.line("audit", "verify", "--json", *options)

    def add_without_key(self, title: str) -> None:
        """What somebody adds who does not have the key, which only the runs need."""
        key = self.line.folder / "audit.key"
        key.rename(away := key.with_suffix(".away"))
        self.line.add(title)
        away.rename(key)

    def kept(self) -> list[int]:
        """Over how many records the checkpoints in the folder are."""
        return [int(file.name.split(".")[-2]) for file in sorted(self.share.iterdir())]


def signing(line: Line) -> Audit:
    made = line("audit", "keygen", "--name", "acme.example/ledger", "--out", "audit.key", "--json")
    assert made.code == 0
    share = line.folder / "share"
    share.mkdir()
    told = f'[audit]\nkey_file = "audit.key"\n[[audit.anchors]]\nname = "share"\nkind = "directory"\npath = "{share}"\n'
    line.config.write_text(line.config.read_text(encoding="utf-8") + told, encoding="utf-8")
    return Audit(line, share, made.json["public_key"])


@pytest.fixture
def audit(desk: Line) -> Audit:
    return signing(desk)


class Drawer(KeyringBackend):
    """A keyring of its own, which may be locked."""

    priority = 1
    locked = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the user\n closed the dialogue")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(dict[tuple[str, str], str]):
    """Keeps nothing, and says nothing about it."""

    def __setitem__(self, _key: tuple[str, str], _value: str) -> None:
        pass


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before, drawer = keyring.get_keyring(), Drawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def test_a_key_may_be_in_the_system_s_keyring_and_hand_over_to_the_next_there(desk: Line, drawer: Drawer) -> None:
    answer = desk("audit", "keygen", "--name", "acme.example/ledger", "--keyring", "counterfoil/acme")
    assert answer.code == 0
    assert 'key_keyring = "counterfoil/acme"' in answer.out
    assert not any(secret in answer.out + answer.err for secret in drawer.kept.values())
    config = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(f'{config}\n[audit]\nkey_keyring = "counterfoil/acme"\n', encoding="utf-8")
    desk.add("Rotate the key")
    assert desk("audit", "sign").code == 0
    assert "consistent, not anchored" in desk("audit", "verify").out
    made = desk.json("audit", "rotate", "--keyring", "counterfoil/acme-2")
    assert (made["keyring"], [*drawer.kept]) == ("counterfoil/acme-2", [("counterfoil", n) for n in ("acme", "acme-2")])


def test_what_is_wrong_with_a_keyring_is_said(desk: Line, drawer: Drawer) -> None:
    keygen = ("audit", "keygen", "--name", "acme.example/ledger")
    assert "--out FILE, or --keyring SERVICE/NAME" in desk(*keygen).err
    assert "write SERVICE/NAME" in desk(*keygen, "--keyring", "acme").err
    assert desk(*keygen, "--keyring", "counterfoil/acme").code == 0
    again = desk(*keygen, "--keyring", "counterfoil/acme")
    assert (again.code, "has a counterfoil/acme already" in again.err) == (2, True)
    config = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(f'{config}\n[audit]\nkey_keyring = "counterfoil/other"\n', encoding="utf-8")
    missing = desk("audit", "sign")
    assert (missing.code, "the keyring has no counterfoil/other" in missing.err) == (2, True)
    drawer.kept = Forgetful()
    lost = desk(*keygen, "--keyring", "counterfoil/acme-2")
    assert (lost.code, "did not keep counterfoil/acme-2" in lost.err) == (2, True)
    drawer.locked = True
    assert "the user closed the dialogue" in desk("audit", "sign").err


def test_a_key_is_for_its_owner_only_and_is_not_shown(desk: Line) -> None:
    answer = desk("audit", "keygen", "--name", "acme.example/ledger", "--out", "audit.key")
    file = desk.folder / "audit.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip().split("+", 4)[4] not in answer.out + answer.err
    again = desk("audit", "keygen", "--name", "acme.example/ledger", "--out", "audit.key")
    assert (again.code, "name a file that is not there yet" in again.err) == (2, True)
    odd = desk("audit", "keygen", "--name", "my ledger", "--out", "other.key")
    assert (odd.code, "leave out spaces, plus signs" in odd.err) == (2, True)


def test_the_public_keys_are_shown_whenever_somebody_asks_and_the_private_one_never(desk: Line) -> None:
    answer = desk("audit", "key")
    assert (answer.code, "counterfoil audit keygen" in answer.err) == (2, True)
    audit = signing(desk)
    answer = desk("audit", "key")
    assert (answer.code, answer.out) == (0, f"{audit.key}  signs\n")
    assert (desk.folder / "audit.key").read_text().strip().split("+", 4)[4] not in answer.out
    new = desk.json("audit", "rotate", "--out", "audit-2.key")["public_key"]
    told = desk.config.read_text(encoding="utf-8").replace(
        '"audit.key"', f'"audit-2.key"\npublic_keys = ["{audit.key}"]'
    )
    desk.config.write_text(told, encoding="utf-8")
    assert desk.json("audit", "key") == {"public_key": new, "public_keys": [audit.key, new]}


def test_a_key_that_others_may_read_is_refused_with_the_command_that_mends_it(audit: Audit) -> None:
    (audit.line.folder / "audit.key").chmod(0o644)
    answer = audit.line("audit", "sign")
    assert answer.code == 2
    assert "chmod 600" in answer.err
    assert "audit.key_file" in answer.err


def test_what_is_signed_and_kept_is_vouched_for_and_what_is_newer_is_not(audit: Audit) -> None:
    audit.add_without_key("Rotate the keys")
    assert audit.line("audit", "sign").out == "Signed over 1 record\n"
    audit.add_without_key("Close the port")
    answer = audit.verify()
    assert (answer.code, answer.json["conclusion"]) == (0, "anchored")
    assert (answer.json["records"], answer.json["anchored"]) == (2, 1)
    assert answer.json["last_good"] == {"origin": "acme.example/ledger", "size": 1}
    assert "1 of them are vouched for by" in audit.line("audit", "verify").out


def test_without_a_copy_elsewhere_nothing_is_vouched_for(audit: Audit, tmp_path: Path) -> None:
    audit.line.add("Rotate the keys")
    audit.line("audit", "sign")
    (tmp_path / "empty").mkdir()
    answer = audit.verify("--checkpoints", str(tmp_path / "empty"))
    assert (answer.code, answer.json["conclusion"], answer.json["anchored"]) == (2, "consistent, not anchored", 0)
    words = audit.line("audit", "verify", "--checkpoints", str(tmp_path / "empty")).out
    assert words.startswith("consistent, not anchored: 1 record")
    assert "--checkpoints DIR" in words
    assert "verified" not in words


def test_a_checkpoint_by_a_key_unknown_here_decides_nothing_until_the_key_is_named(audit: Audit) -> None:
    audit.line.add("Rotate the keys")
    config = audit.line.config.read_text(encoding="utf-8")
    audit.line.config.write_text(config.replace('key_file = "audit.key"\n', ""), encoding="utf-8")
    answer = audit.verify()
    assert (answer.code, len(answer.json["not_counted"])) == (2, 2)
    assert "--pubkey KEY" in audit.line("audit", "verify").out
    assert audit.verify("--pubkey", audit.key).code == 0
    wrong = audit.verify("--pubkey", "acme")
    assert (wrong.code, "this is not a public key" in wrong.err) == (3, True)


def test_a_record_that_was_changed_is_named_with_the_last_good_checkpoint(audit: Audit) -> None:
    audit.line.add("Close the port")
    audit.line("audit", "sign")
    audit.line.add("Rotate the keys")
    audit.line("audit", "sign")
    disarm(audit.line.url)
    raw(audit.line.url, "UPDATE audit SET body = replace(body, 'Rotate', 'Keep') WHERE seq = 2")
    answer = audit.verify()
    assert (answer.code, answer.json["conclusion"], answer.json["first_bad"]["seq"]) == (1, "tampered", 2)
    assert answer.json["last_good"]["size"] == 1
    around = [(each["seq"], each["action"], each["object"]) for each in answer.json["around"]]
    assert around == [(1, "item.created", "AI-000001"), (2, "item.created", "AI-000002")]
    said = audit.line("audit", "verify").out
    assert said.startswith("TAMPERED: record 2 does not match its hash")
    assert "record 1 says: 20" in said
    assert "item.created AI-000002" in said


def test_what_stands_beside_a_record_that_is_gone_or_cannot_be_read_is_shown(audit: Audit) -> None:
    for title in ("Close the port", "Rotate the keys", "Patch the server", "Renew the certificate"):
        audit.line.add(title)
    audit.line("audit", "sign")
    disarm(audit.line.url)
    raw(audit.line.url, "UPDATE audit SET body = '[1' WHERE seq = 4", "DELETE FROM audit WHERE seq = 3")
    answer = audit.verify()
    around = [(each["seq"], each["object"]) for each in answer.json["around"]]
    assert (answer.json["first_bad"]["seq"], around) == (3, [(2, "AI-000002"), (4, None)])
    assert "record 4 cannot be read" in audit.line("audit", "verify").out
    raw(audit.line.url, 'UPDATE audit SET body = \'{"action":7,"field":"a\\nOK"}\', prev = \'x\' WHERE seq = 1')
    assert [each["action"] for each in audit.verify().json["around"]] == [None, "item.created"]
    assert "record 1 says: a OK" in audit.line("audit", "verify").out


def test_an_item_that_was_changed_beside_its_records_is_named(audit: Audit) -> None:
    audit.line.add("Close the port")
    audit.line("audit", "sign")
    assert audit.verify().json["apart"] == []
    raw(audit.line.url, "UPDATE item SET status = 'resolved'")
    answer = audit.verify()
    assert (answer.code, answer.json["conclusion"], answer.json["ok"]) == (1, "tampered", False)
    assert answer.json["first_bad"] is None
    said = audit.line("audit", "verify").out
    assert said.startswith("TAMPERED: the records are sound, and 1 thing beside them not")
    assert "status of AI-000001 is 'resolved' in the database, and 'open' in its records" in said


def test_who_does_not_sign_is_told_how(desk: Line) -> None:
    answer = desk("audit", "sign")
    assert (answer.code, "counterfoil audit keygen" in answer.err) == (2, True)


SHUT = {
    "sqlite": "CREATE TRIGGER shut BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'shut'); END",
    "postgresql": "ALTER TABLE checkpoint ADD CONSTRAINT shut CHECK (size < 0) NOT VALID",
}
"""What has a database take no checkpoint, by kind."""


def test_what_could_not_be_signed_in_the_end_is_no_success(audit: Audit) -> None:
    raw(audit.line.url, SHUT[audit.line.url.partition(":")[0].partition("+")[0]])
    added = audit.line("item", "add", "Rotate the keys", "--json")
    signed = audit.line("audit", "sign")
    assert 0 not in (added.code, signed.code)
    assert audit.line.json("item", "list")[0]["title"] == "Rotate the keys"


def test_every_command_that_writes_signs_what_it_recorded(office: Office) -> None:
    audit = signing(office.line)
    ref = office.line.add("Rotate the keys")
    assert audit.kept() == [1]
    office.line("item", "comment", ref, "Done on Monday.")
    assert audit.kept() == [1, 2]
    assert office.line("sync").code == 0
    answer = audit.verify()
    assert (answer.code, answer.json["anchored"]) == (0, answer.json["records"])


def test_whoever_has_not_got_the_key_leaves_signing_to_the_next_sync(audit: Audit) -> None:
    audit.add_without_key("Rotate the keys")
    assert audit.kept() == []
    audit.line("audit", "sign")
    assert audit.kept() == [1]


@pytest.mark.parametrize("options", [("--expect", "0000"), ("--tracker", "eng-jira")])
def test_a_sync_that_a_brake_or_another_plan_stops_signs_what_is_there(office: Office, options: Sequence[str]) -> None:
    audit = signing(office.line)
    config = office.line.config.read_text(encoding="utf-8")
    office.line.config.write_text(config + "[safety]\nmax_creates = 0\n", encoding="utf-8")
    audit.add_without_key("Rotate the keys")
    assert office.line("sync", *options).code == 4
    assert audit.kept() == [1]


def test_a_day_of_brakes_is_signed_for_by_the_schedule(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = signing(office.line)
    config = office.line.config.read_text(encoding="utf-8")
    office.line.config.write_text(config + "[safety]\nmax_creates = 0\n", encoding="utf-8")
    office.line.add("Rotate the keys")
    monkeypatch.setattr("sys.stdin", StringIO())
    ahead = AHEAD.set(timedelta(hours=24))
    try:
        assert office.line("sync").code == 4
    finally:
        AHEAD.reset(ahead)
    assert audit.kept() == [1, 2]
    checked = office.line.json("audit", "log")[-1]
    assert (checked["action"], checked["actor"]["kind"]) == ("ledger.checked", "schedule")


def test_a_run_that_fails_signs_what_was_recorded_before(office: Office) -> None:
    audit = signing(office.line)
    audit.add_without_key("Rotate the keys")
    (office.line.folder / f"{office.tracker.name}.token").unlink()
    assert office.line("sync").code == 2
    assert audit.kept() == [1]


def test_a_sync_goes_on_where_a_place_takes_nothing_and_says_so(office: Office) -> None:
    audit = signing(office.line)
    audit.share.rmdir()
    office.line.add("Rotate the keys")
    answer = office.line("sync")
    assert answer.code == 0
    assert "share did not take the checkpoint over" in answer.err


def test_a_sync_refuses_a_ledger_that_was_put_back_and_goes_on_once_that_is_said(office: Office) -> None:
    audit = signing(office.line)
    office.line.add("Rotate the keys")
    office.line("sync")
    office.line("item", "comment", "1", "Done on both hosts?")
    office.line("sync")
    disarm(office.line.url)
    raw(office.line.url, "DELETE FROM audit WHERE seq > 4", "DELETE FROM comment", "DELETE FROM checkpoint")
    rearm(office.line.url)
    refused = office.line("sync")
    assert (refused.code, refused.out) == (6, "")
    assert "audit fork --reason" in refused.err
    assert audit.verify().code == 1
    forked = office.line.json("audit", "fork", "--reason", "the disk broke")
    assert forked["origin"] == "acme.example/ledger/epoch-2"
    assert office.line("sync").code == 0
    answer, known = audit.verify(), audit.verify("--epoch", "2")
    assert (answer.code, known.code) == (2, 0)
    assert known.json["given_up"] == [
        {
            "record": 5,
            "origin": "acme.example/ledger/epoch-2",
            "epoch": 2,
            "first": 5,
            "last": 8,
            "unvouched": 0,
            "reason": "the disk broke",
        }
    ]
    words = audit.line("audit", "verify").out
    assert "--epoch 2 says that you know of that" in words
    assert "records 5 to 8 of acme.example/ledger were given up: the disk broke" in words


def rearm(url: str) -> None:
    raw(url, *ARM["sqlite" if url.startswith("sqlite") else "postgresql"])


def test_the_next_key_is_believed_by_who_knows_the_old_one(office: Office) -> None:
    audit = signing(office.line)
    office.line.add("Rotate the keys")
    made = office.line.json("audit", "rotate", "--out", "audit-2.key")
    assert stat.S_IMODE((office.line.folder / "audit-2.key").stat().st_mode) == 0o600
    assert (made["name"], made["old_public_key"], made["records"]) == ("acme.example/ledger", audit.key, 2)
    config = office.line.config.read_text(encoding="utf-8")
    named = f'key_file = "audit-2.key"\npublic_keys = ["{audit.key}"]'
    office.line.config.write_text(config.replace('key_file = "audit.key"', named), encoding="utf-8")
    (office.line.folder / "audit.key").unlink()
    assert office.line("sync").code == 0
    records = audit.verify().json["records"]
    for options in ((), ("--pubkey", audit.key), ("--pubkey", made["public_key"])):
        answer = audit.verify(*options)
        assert (answer.code, answer.json["anchored"]) == (0, records)


def test_a_key_that_could_not_be_handed_over_to_is_taken_away_again(audit: Audit) -> None:
    audit.line.add("Rotate the keys")
    disarm(audit.line.url)
    raw(audit.line.url, "DELETE FROM audit")
    rearm(audit.line.url)
    assert audit.line("audit", "rotate", "--out", "audit-2.key").code == 6
    assert not (audit.line.folder / "audit-2.key").exists()


def test_a_folder_that_is_not_mounted_is_told_of_and_hides_no_other(audit: Audit, tmp_path: Path) -> None:
    audit.line.add("Rotate the keys")
    config = audit.line.config.read_text(encoding="utf-8")
    more = f'[[audit.anchors]]\nname = "bank"\nkind = "directory"\npath = "{tmp_path / "bank"}"\n'
    audit.line.config.write_text(config + more, encoding="utf-8")
    answer = audit.verify()
    assert (answer.code, len(answer.json["not_counted"])) == (0, 1)
    assert "bank could not be asked what it keeps" in answer.json["not_counted"][0]
    audit.share.rename(tmp_path / "away")
    assert audit.verify().code == 2
    assert "the places that keep them cannot be asked" in audit.line("audit", "verify").out


def test_verify_has_an_exit_code_for_what_is_no_verdict(audit: Audit, tmp_path: Path) -> None:
    assert audit.verify("--checkpoints", str(tmp_path / "nowhere")).code == 3
    assert audit.line("audit", "verify", "--nonsense").code == 3
    config = audit.line.config.read_text(encoding="utf-8")
    audit.line.config.write_text(config.replace('url = "', 'url = "odd', 1), encoding="utf-8")
    assert audit.verify().code == 3
    audit.line.config.write_text("[state", encoding="utf-8")
    assert audit.verify().code == 3
