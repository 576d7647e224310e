"""A comment of ours says whose it is, and is whole or says that it is not."""

from datetime import UTC, datetime

import pytest

from mapping.markup import ZERO_WIDTH_SPACE, size
from mapping.speech import spoken
from state.model import Comment
from state.ticket import BodyFormat


def _comment(text: str) -> Comment:
    return Comment("C-1", "AI-000001", "mia@acme.example", text, datetime(2026, 11, 20, tzinfo=UTC), inbound=False)


def _spoken(comment: Comment, limit: int) -> str:
    said = spoken(comment, BodyFormat.MARKDOWN, limit)
    assert isinstance(said, str)
    return said


def test_a_comment_is_its_text_and_whose_it_is() -> None:
    said = _spoken(_comment("Please look, @team"), 1000)
    assert said == f"Please look, @{ZERO_WIDTH_SPACE}team\n\n*mia@acme.example, through Counterfoil, on AI-000001*"


@pytest.mark.parametrize("filler", ["word ", "@user ", "```\n", "`@user` ", "\U0001f44d"])
def test_a_long_comment_is_cut_and_says_so(filler: str) -> None:
    said = _spoken(_comment(filler * 5000), 4000)
    assert 2000 < size(said) <= 4000
    assert "more characters:* `counterfoil item show AI-000001`" in said
    assert said.splitlines()[-1].startswith("*mia@acme.example, through Counterfoil")


def test_an_unfinished_fence_does_not_swallow_the_last_line() -> None:
    assert "\n```\n\n*mia@" in _spoken(_comment("```\nx"), 1000)


def test_a_comment_is_in_the_trackers_own_format() -> None:
    said = spoken(_comment("Please **look**, [~mia] {color:red}"), BodyFormat.WIKI, 1000)
    assert isinstance(said, str)
    assert "*look*" in said
    assert "[~mia]" not in said
    assert "{color:red}" not in said
    document = spoken(_comment("Please **look**"), BodyFormat.ADF, 1000)
    assert isinstance(document, dict)
    assert {"type": "strong"} in document["content"][0]["content"][1]["marks"]
