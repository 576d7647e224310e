from datetime import date

import pytest

from mapping.directives import Directive, directives, until


@pytest.mark.parametrize(
    "text",
    [
        "the vendor mends it (until 2027-03-31).",
        "the vendor mends it, until 2027-03-31",
        "the vendor mends it until  2027-03-31) ",
    ],
)
def test_a_text_may_end_in_the_day_until_which_it_holds(text: str) -> None:
    assert until(text) == ("the vendor mends it", date(2027, 3, 31))


@pytest.mark.parametrize("text", ["until 2027-02-30", "until 2027-03-31 or so", "suntil 2027-03-31", "until soon"])
def test_what_is_no_such_day_is_left_in_the_text(text: str) -> None:
    assert until(text) == (text, None)


@pytest.mark.parametrize(
    "piece", [" ", "\t", "x ", ",", "until ", "until 2027-03-31 ", "until" + 99 * " ", "(", "\u3000"]
)
def test_a_comment_of_any_length_is_read(piece: str) -> None:
    text = f"x{piece * (300_000 // len(piece))}y"
    assert until(text) == (text, None)
    assert next(directives(f"/accept-risk {text}\n/{text}\n{text}")) == Directive("accept-risk", text)
