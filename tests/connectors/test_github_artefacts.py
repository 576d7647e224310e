from datetime import UTC, datetime

import pytest

from connectors.github_artefacts import attached, closes
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


@pytest.mark.parametrize("piece", ["fixes ", " ", "fixes https://", "https://a", "fixes:", "/acme/platform/issues/1"])
def test_a_text_of_any_length_is_searched_for_what_it_closes(piece: str) -> None:
    assert not closes("fixes " + piece * (300_000 // len(piece)), "acme/platform", KEY)
