"""Markdown reads the same in wiki markup, and nothing in it becomes markup of its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.block import canonical
from mapping.wiki import escape, to_wiki


@pytest.mark.parametrize(
    ("markdown", "wiki"),
    [
        ("# Title\n\nText", "h1. Title\n\nText"),
        ("**b** _i_ ~~s~~ `c`", "*b* _i_ -s- {{c}}"),
        ("- a\n  - b\n\n1. x\n2. y", "* a\n** b\n\n# x\n# y"),
        ("> one\n>\n> two", "{quote}\none\n\ntwo\n{quote}"),
        ("```python\nx = {1}\n```", "{code:python}\nx = {1}\n{code}"),
        ("```\nplain\n```", "{noformat}\nplain\n{noformat}"),
        ("| a | b |\n|---|---|\n| 1 |  |", "||a||b||\n|1| |"),
        ("| a |\n|---|\n| 1 |", "||a||\n|1|"),
        ("```\n\n a \n\n```", "{noformat}\n\n a \n{noformat}"),
        ("[a]()", "a"),
        ("[here](https://a.example/x)", "[here|https://a.example/x]"),
        ("one\ntwo\\\nthree", "one two\nthree"),
        ("---", "----"),
        ("- a\n\n  b", "* a\nb"),
        ("https://a.example/x_y-z", "https://a.example/x_y-z"),
        ("see https://a.example/-/~b/?c=_d_ now", "see https://a.example/-/~b/?c=_d_ now"),
        ("C:\\dir 5*3 a_b well-known", "C:\\dir 5*3 a_b well-known"),
    ],
)
def test_markdown_becomes_wiki_markup(markdown: str, wiki: str) -> None:
    assert to_wiki(markdown) == wiki


@pytest.mark.parametrize(
    ("markdown", "wiki"),
    [
        ("[~admin] hello", "\\[\\~admin\\] hello"),
        ("{html}<b>{html}", "\\{html\\}<b>\\{html\\}"),
        ("!http://evil.example/x.png!", "\\!http://evil.example/x.png%21"),
        ("![alt](http://evil.example/x.png)", "[alt|http://evil.example/x.png]"),
        ("[x](javascript:alert)", "\\[x\\](javascript:alert)"),
        ("[x](file:///etc/passwd)", "\\[x\\](file:///etc/passwd)"),
        ("[x](ftp://a.example/b)", "x (ftp://a.example/b)"),
        ("a|b", "a\\|b"),
        ("Done? ??cited??", "Done? ?\u200b?cited?\u200b?"),
        ("https://a.example/!http://evil.example/x.png!", "https://a.example/%21http://evil.example/x.png%21"),
        ("https://a.example/{html}[~admin]", "https://a.example/%7Bhtml%7D%5B~admin%5D"),
        ("\\# not a list", "\\# not a list"),
        ("h1. no heading", "\u200bh1. no heading"),
        ("\\-5 and -x-", "\\-5 and \\-x\\-"),
        ("&#91;~admin]", "\\[\\~admin\\]"),
        ("`{html}`", "{{\\{html\\}}}"),
        ("```\n{code}x{noformat}\n```", "{noformat}\n{\u200bcode}x{\u200bnoformat}\n{noformat}"),
        ("```evil}\nx\n```", "{noformat}\nx\n{noformat}"),
    ],
)
def test_foreign_markup_stays_text(markdown: str, wiki: str) -> None:
    assert to_wiki(markdown) == wiki


@given(st.text(alphabet="ab {}[]|~^!?*_-+#\\h1.:/\n"))
def test_no_plain_text_opens_a_macro_a_link_or_a_cell(text: str) -> None:
    line = escape(" ".join(text.split()))
    assert not re.search(r"(?<!\\)[{}\[\]|]", line)
    assert not re.search(r"\\\\", line)


@given(st.text(alphabet="ab *_`>#-+.)1|\n\\[]()~<&;{}", max_size=60))
def test_no_text_stops_the_writer(text: str) -> None:
    assert isinstance(to_wiki(text), str)


@pytest.mark.parametrize(
    "markdown", ["plain words here", "- a\n- b", "**bold** and _em_", "# Head\n\ntext", "a < 7 & b"]
)
def test_the_words_are_the_same_in_both(markdown: str) -> None:
    assert canonical(to_wiki(markdown)) == canonical(markdown)
