"""The way from each version of the tables to the next."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from state import roles
from state.address import told
from state.errors import StateError
from state.schema import HEAD


def migrate(connection: Connection) -> None:
    """Bring the database of this connection to the newest version, within its transaction.

    Raises `StateError` for a database whose version no program of ours ever had, and for an older one whose tables are
    another role's.
    """
    if (MigrationContext.configure(connection).get_current_revision() or HEAD) < HEAD:
        roles.must_own(connection)
    with resources.as_file(resources.files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, HEAD)
        except CommandError as error:
            raise StateError(
                f"the database at {told(connection.engine.url)} cannot be brought to "
                f"version {HEAD}: {error}. It was not made by this program; "
                "name another one as `url` under [state]"
            ) from error
