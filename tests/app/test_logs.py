"""Log lines: whole, with the run's id, and without a secret in any spelling."""

import base64
import io
import json
import logging
from urllib.parse import quote

import pytest

from sync.app.logs import Redactor, configure, printable

SECRET = "s3cr3t/with+signs="


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.learn([SECRET, "", "  "])
    return made


@pytest.mark.parametrize(
    "written",
    [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()],
    ids=["plain", "url", "base64"],
)
def test_a_secret_is_taken_out_however_it_is_written(redactor: Redactor, written: str) -> None:
    assert redactor.clean(f"before {written} after") == "before *** after"


def test_a_redactor_does_not_show_what_it_knows(redactor: Redactor) -> None:
    assert SECRET not in repr(redactor)


@pytest.mark.parametrize(
    "written", ["Authorization: Bearer %s", "{'authorization': 'Basic %s'}", "(b'x', b'token %s')"]
)
def test_what_stands_where_credentials_do_is_taken_out_of_what_nobody_foresaw(redactor: Redactor, written: str) -> None:
    assert redactor.scrub(written % "eyJhbGciOiJSUzI1NiJ9.c2lnbmVk") == written % "***"
    assert redactor.scrub("Basic authentication-and-more, token by token") == (
        "Basic authentication-and-more, token by token"
    )


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_logged_exception_is_told_without_its_secret(redactor: Redactor, form: str, verbose: bool) -> None:
    stream = io.StringIO()
    configure(stream, "R-1", redactor, form=form, verbose=verbose)
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        logging.getLogger("sync.test").exception("could not use %s", SECRET)
    written = stream.getvalue()
    assert "R-1" in written
    assert "refused ***" in written
    assert SECRET not in written
    assert ("Traceback" in written) is verbose


def test_a_json_line_is_one_object(redactor: Redactor) -> None:
    stream = io.StringIO()
    configure(stream, "R-1", redactor, form="json", verbose=False)
    logging.getLogger("sync.test").warning("two\nlines")
    [line] = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert (line["run"], line["level"], line["message"]) == ("R-1", "warning", "two\nlines")
    assert line["time"].endswith("Z")


def test_detail_and_other_people_s_chatter_are_only_said_when_asked(redactor: Redactor) -> None:
    stream = io.StringIO()
    configure(stream, "R-1", redactor, form="text", verbose=False)
    logging.getLogger("sync.test").debug("detail")
    logging.getLogger("httpx").info("chatter")
    assert stream.getvalue() == ""


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert printable("a\x1b[2Jb\u202ec\td\n") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c\td\n"
