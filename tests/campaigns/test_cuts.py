"""A slice of the campaign over cut connections: statements spread over a sync, and a restart of the server."""

from pathlib import Path

import pytest

from tests.campaigns.cuts import prepared, try_one
from tests.campaigns.places import KINDS
from tests.postgresql import Absent

pytestmark = pytest.mark.postgresql
_GITHUB = KINDS.index("github")


def test_whenever_the_connection_is_cut_it_comes_to_the_same_end(root: Path) -> None:
    try:
        many = prepared(root, "github").statements
    except Absent as absent:
        pytest.skip(str(absent))
    early, late = (many * third // 3 * len(KINDS) + _GITHUB for third in (1, 2))
    tried = ((early, "away"), (late, "unanswered"), (late, "restart"))
    cases = [try_one(root, 1, (way,), number) for number, way in tried]
    assert [case for case in cases if case.wrong] == []
    assert all(("exit code 3", 1.0) in case.also for case in cases)
