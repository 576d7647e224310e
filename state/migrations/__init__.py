"""The way from each version of the tables to the next."""

from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from state.tables import HEAD


def migrate(connection: Connection) -> None:
    """Bring the database of this connection to the newest version, within its transaction."""
    with resources.as_file(resources.files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
