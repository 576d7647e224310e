from datetime import UTC, datetime

import pytest

from connectors.github_artefacts import attached, closes, pull_request
from state.ticket import Account, Activity, ActivityKind

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
PAGE = "https://github.example"
KEY = "acme/platform#12"


def _said(text: str) -> Activity:
    return Activity("1", ActivityKind.COMMENT, Account("mia", "mia"), AT, text=text)


def test_a_file_is_called_what_the_innermost_label_calls_it() -> None:
    url = f"{PAGE}/user-attachments/assets/1"
    [file] = attached(_said(f"[see ![the rule.png]({url})](https://docs.example)"), PAGE)
    assert file.artefact is not None
    assert (file.artefact.name, file.artefact.url) == ("the rule.png", url)


@pytest.mark.parametrize("piece", ["[", "![", "[a](", f"]({PAGE}/a/b/files/", f"{PAGE}/a/b/files/. ", f"{PAGE}/a", "."])
def test_a_text_of_any_length_is_searched_for_files(piece: str) -> None:
    assert not list(attached(_said(piece * (300_000 // len(piece))), PAGE))


@pytest.mark.parametrize(
    ("repository", "text", "counts"),
    [
        ("acme/platform", "Fixes #12", True),
        ("Acme/Platform", "Fixes acme/platform#12", True),
        ("acme/web", "Fixes acme/platform#12", True),
        ("acme/web", "Fixes #12", False),
        ("mallory/own", "Fixes acme/platform#12", False),
        ("mallory/platform", f"Fixes {PAGE}/acme/platform/issues/12", False),
        ("", "Fixes acme/platform#12", False),
    ],
)
def test_a_strangers_repository_closes_no_issue_of_ours(repository: str, text: str, counts: bool) -> None:
    merged = {"merged_at": "2026-11-20T10:00:00Z"}
    source = {"id": 1, "repository_url": f"{PAGE}/repos/{repository}", "body": text, "pull_request": merged}
    made = pull_request(source, _said(""), KEY, ("acme/Web",))
    assert made.artefact is not None
    assert made.artefact.closes is counts


@pytest.mark.parametrize("piece", ["fixes ", " ", "fixes https://", "https://a", "fixes:", "/acme/platform/issues/1"])
def test_a_text_of_any_length_is_searched_for_what_it_closes(piece: str) -> None:
    assert not closes("fixes " + piece * (300_000 // len(piece)), "acme/platform", KEY)
