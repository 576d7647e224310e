"""A slice of the campaign over cut connections: statements spread over a sync, and a restart of the server."""

from pathlib import Path

import pytest

from tests.campaigns.cuts import CUT, prepared, try_one
from tests.campaigns.places import KINDS
from tests.campaigns.syscalls import evenly
from tests.postgresql import Absent

pytestmark = pytest.mark.postgresql
_GITHUB = KINDS.index("github")


def test_whenever_the_connection_is_cut_it_comes_to_the_same_end(root: Path) -> None:
    try:
        many = prepared(root, "github").statements
    except Absent as absent:
        pytest.skip(str(absent))
    numbers = [statement * len(KINDS) + _GITHUB for statement in evenly(many, 2)]
    cases = [try_one(root, 1, CUT, number) for number in numbers]
    cases += [try_one(root, 1, ("restart",), number) for number in numbers[1:]]
    assert [case for case in cases if case.wrong] == []
    assert all(("exit code 3", 1.0) in case.also for case in cases)
