"""What tests leave on a server that is not their own: nothing."""

import pytest
from sqlalchemy.engine import make_url

from tests.postgresql import NAMED, Server, running


@pytest.mark.postgresql
def test_a_session_that_fails_leaves_nothing_on_a_server_that_is_named(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAMED, postgresql.url.render_as_string(hide_password=False))
    with pytest.raises(InterruptedError) as interrupted:
        _use_and_fail()
    there = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    assert not {(name,) for name in interrupted.value.args} & set(postgresql.run(there))


def _use_and_fail() -> None:
    """Raise the names of a database and a role that were made."""
    with running() as server:
        raise InterruptedError(make_url(server.empty()).database, server.role())
