"""The places that keep what was signed, through the command line: each as it is configured, and how far it keeps up."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from state.checkpoint import PublicKey, read
from tests.app.conftest import Line
from tests.app.test_signing import Audit, signing
from tests.connectors.anchors.authority import Authority
from tests.connectors.anchors.store import BucketServer
from tests.databases import ARM, disarm, raw

BUCKET = """
[[audit.anchors]]
name = "bucket"
kind = "bucket"
url = "{url}"
region = "eu-central-1"
access_key = "AKIAEXAMPLE"
secret_env = "BUCKET_SECRET"
retain_days = 30
"""


@pytest.fixture
def audit(desk: Line) -> Audit:
    return signing(desk)


def instead(audit: Audit, table: str) -> None:
    """Have this place and no other."""
    kept, _, _ = audit.line.config.read_text(encoding="utf-8").partition("[[audit.anchors]]")
    audit.line.config.write_text(kept + table, encoding="utf-8")


def test_status_says_how_far_each_place_keeps_the_ledger_and_why_one_does_not(audit: Audit, tmp_path: Path) -> None:
    more = f'[[audit.anchors]]\nname = "bank"\nkind = "directory"\npath = "{tmp_path / "bank"}"\n'
    audit.line.config.write_text(audit.line.config.read_text(encoding="utf-8") + more, encoding="utf-8")
    audit.line.add("Rotate the keys")
    assert audit.line("audit", "sign").code == 3
    audit.add_without_key("Close the port")
    share, bank = audit.line.json("status")["ledger"]["anchors"]
    newest, oldest = (audit.line.json("audit", "log")[at]["recorded"] for at in (-1, 0))
    assert (share["name"], share["records"], share["newer"], share["why"]) == ("share", 1, 1, None)
    assert share["newer_since"] == newest
    assert (bank["name"], bank["records"], bank["newer"], bank["kept_at"]) == ("bank", 0, 2, None)
    assert bank["newer_since"] == oldest
    assert "No such file" in bank["why"]
    words = audit.line("status").out
    assert "share keeps 1 of them; 1 are newer, since " in words
    assert "bank took nothing at " in words
    (tmp_path / "bank").mkdir()
    audit.line("audit", "sign")
    words = audit.line("status").out
    assert len(re.findall(r"^  (?:share|bank) took all of it at [-0-9]{10} [0-9:]{5} UTC$", words, re.MULTILINE)) == 2


def test_status_claims_nothing_of_a_place_that_keeps_more_than_there_is(audit: Audit) -> None:
    for title in ("Rotate the keys", "Close the port", "Lock the door"):
        audit.line.add(title)
    disarm(audit.line.url)
    raw(audit.line.url, "DELETE FROM audit WHERE seq > 1", *ARM[make_url(audit.line.url).get_backend_name()])
    [share] = audit.line.json("status")["ledger"]["anchors"]
    assert (share["records"], share["newer"], share["gone"]) == (3, 0, 2)
    words = audit.line("status").out
    assert "share keeps 3 records, 2 more than there are, so they were taken away here: counterfoil check" in words
    assert "all of it" not in words


def test_status_says_that_a_signed_ledger_is_kept_nowhere(desk: Line) -> None:
    desk("audit", "keygen", "--name", "acme.example/ledger", "--out", "audit.key")
    assert "[[audit.anchors]]" not in desk("status").out
    desk.config.write_text(desk.config.read_text(encoding="utf-8") + '[audit]\nkey_file = "audit.key"\n')
    assert "[[audit.anchors]] names places" in desk("status").out


def test_a_checkpoint_in_the_log_is_one_that_an_auditor_can_check(audit: Audit) -> None:
    instead(audit, '[[audit.anchors]]\nname = "ci"\nkind = "log"\n')
    audit.line.add("Rotate the keys")
    said = audit.line("audit", "sign").err
    _, _, note = said.partition("signature.\n")
    assert read(note.rstrip("\n") + "\n", [PublicKey.read(audit.key)])[0].size == 1
    assert audit.line("audit", "verify").code == 2


def test_checkpoints_are_pushed_and_read_back_from_the_remote(audit: Audit, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("the git program is not installed, so there is no repository to push to")
    for words in (["init", "-q", "--bare", "far.git"], ["clone", "-q", "far.git", "clone"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    instead(audit, '[[audit.anchors]]\nname = "repository"\nkind = "git"\npath = "clone"\n')
    audit.line.add("Rotate the keys")
    assert audit.line("audit", "sign").code == 0
    shown = ["git", "-C", "far.git", "show", "HEAD:acme.example_ledger.000000000001.note"]
    note = subprocess.run(shown, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert read(note, [PublicKey.read(audit.key)])[0].size == 1
    assert audit.verify().code == 0
    (tmp_path / "far.git").rename(tmp_path / "away.git")
    answer = audit.verify()
    assert (answer.code, answer.json["anchored"]) == (2, 0)
    assert f"repository could not be asked what it keeps: only the copies in {tmp_path}/clone were" in str(answer.json)
    assert "the places that keep them cannot be asked" in audit.line("audit", "verify").out


def test_checkpoints_are_put_into_a_bucket_and_read_back(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    server = BucketServer()
    monkeypatch.setenv("BUCKET_SECRET", server.secret)
    with server.served() as url:
        instead(audit, BUCKET.format(url=url))
        audit.line.add("Rotate the keys")
        assert audit.line("audit", "sign").code == 0
        assert list(server.locks) == ["acme.example_ledger.000000000001.note"]
        assert audit.verify().code == 0
        server.secret = "another"
        audit.line.add("Close the port")
        refused = audit.line("audit", "sign")
    assert (refused.code, "403 SignatureDoesNotMatch" in refused.out) == (3, True)
    assert "wJalrXUtnFEMI" not in refused.out + refused.err


def test_a_bucket_s_key_that_is_not_there_is_named_by_line_and_key(audit: Audit) -> None:
    instead(audit, BUCKET.format(url="https://audit.s3.acme.example"))
    line = audit.line.config.read_text(encoding="utf-8").splitlines().index('secret_env = "BUCKET_SECRET"') + 1
    answer = audit.line("audit", "sign")
    assert answer.code == 2
    assert f":{line}: audit.anchors[1].secret_env: the environment variable BUCKET_SECRET is not set" in answer.err
    instead(audit, BUCKET.format(url="https://audit.s3.acme.example").replace('access_key = "AKIAEXAMPLE"\n', ""))
    assert "audit.anchors[1].access_key_env: is required" in audit.line("audit", "sign").err


def test_checkpoints_are_stamped_and_count_only_with_their_stamps(audit: Audit, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    (tmp_path / "stamps").mkdir()
    with authority.served() as url:
        table = f'name = "stamps"\nkind = "timestamp"\nurl = "{url}"\npath = "stamps"\nroots = ["authority/root.pem"]\n'
        instead(audit, f"[[audit.anchors]]\n{table}")
        audit.line.add("Rotate the keys")
        assert audit.line("audit", "sign").code == 0
    assert audit.verify().code == 0
    (tmp_path / "stamps" / "acme.example_ledger.000000000001.tsr").unlink()
    assert audit.verify().code == 2


def test_a_place_whose_packages_are_not_installed_says_how_to_have_them(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "connectors.anchors.bucket", raising=False)
    monkeypatch.setitem(sys.modules, "requests_aws4auth", None)
    monkeypatch.setenv("BUCKET_SECRET", "x" * 20)
    instead(audit, BUCKET.format(url="https://audit.s3.acme.example"))
    answer = audit.line("audit", "sign")
    assert answer.code == 2
    assert "audit.anchors[1].kind: needs the package requests_aws4auth: pip install 'counterfoil[anchor]'" in answer.err
