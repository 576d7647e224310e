"""Only a person who may be mentioned is, in every format; code, links and everybody else stay text."""

from functools import partial

import pytest

from mapping.mentions import Accounts, nobody
from mapping.render import mentioning, native
from mapping.rules import Rules, TrackerRules
from state.model import Person
from state.ticket import Body, BodyFormat

LIVE = {BodyFormat.MARKDOWN: "@mia-l", BodyFormat.WIKI: "[~mia-l]", BodyFormat.ADF: "<mia-l>"}


def known(form: BodyFormat, *, allowed: bool = True) -> Accounts:
    table = TrackerRules("eng", "memory", frozenset(), form, 255, 9999, mentions=allowed)
    people = (Person("mia@acme.example", {"memory": "mia-l"}), Person("tom@acme.example", {"other": "tom"}))
    return partial(Rules({"eng": table}, people=people).mentioned, "eng")


def flat(body: Body) -> str:
    """The text of a body, a mention in a document tree in angle brackets."""
    if not isinstance(body, dict):
        return str(body)
    own = f"<{body['attrs']['id']}>" if body["type"] == "mention" else str(body.get("text", ""))
    return own + "".join(map(flat, body.get("content", ())))


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize("text", ["@mia@acme.example", "@mia-l", "@MIA@acme.example", "@Mia-L"])
@pytest.mark.parametrize("around", ["{}", "Dear {}, please.", "({}).", "**{}:** look", "- {}", "> {}!", "see\n{}\n"])
def test_a_person_is_mentioned_by_address_and_by_account(form: BodyFormat, text: str, around: str) -> None:
    said = flat(mentioning(around.format(text), form, known(form)))
    assert LIVE[form] in said
    assert said.count("mia") == 1


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize(
    "text",
    [
        "@tom@acme.example",
        "@tom",
        "@eve",
        "@mia-l/team",
        "@mia-l@evil.example",
        "x@mia-l",
        "mia@acme.example",
        r"\@mia-l",
        "`@mia-l`",
        "```\n@mia-l\n```",
        "    @mia-l",
        "https://acme.example/@mia-l",
        "[~mia-l]",
        "@mia-l_x",
    ],
)
def test_everything_else_is_as_harmless_as_where_nobody_is_mentioned(form: BodyFormat, text: str) -> None:
    assert mentioning(text, form, known(form)) == native(text, form)


@pytest.mark.parametrize("form", [BodyFormat.WIKI, BodyFormat.ADF])
def test_what_a_link_says_mentions_nobody(form: BodyFormat) -> None:
    text = "[ask @mia-l](https://acme.example/)"
    assert mentioning(text, form, known(form)) == native(text, form)


@pytest.mark.parametrize("form", BodyFormat)
def test_nobody_is_mentioned_where_that_is_not_allowed(form: BodyFormat) -> None:
    text = "@mia@acme.example and @mia-l"
    assert mentioning(text, form, known(form, allowed=False)) == native(text, form) == mentioning(text, form, nobody)
