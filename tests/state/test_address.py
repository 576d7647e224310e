"""What is said of a database's URL, and what of it names the place."""

import pytest
from sqlalchemy.engine import make_url

from state.address import place, told
from state.database import Database

HOST = "postgresql+psycopg://u@h/n"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///counterfoil.db",
        "sqlite:////srv/my files/a:b,Übung.db",
        "sqlite:////srv/100%25 %3F %40.db",
        "postgresql+psycopg://u@[::1]:5433/n",
        "postgresql+psycopg:///n?host=/tmp/s",
        "postgresql+psycopg://u@/n?host=a:1&host=b:2",
        f"{HOST}?sslmode=verify-full&sslrootcert=/etc/a root.pem&sslkey=/k.pem",
        f"{HOST}?options=-c search_path=a%2Bb%40c",
    ],
)
def test_a_url_without_secrets_is_told_as_it_is_written(url: str) -> None:
    assert told(make_url(url)) == url
    assert make_url(told(make_url(url))) == make_url(url)


@pytest.mark.parametrize("name", ["password", "sslpassword", "scram_client_key", "oauth_client_secret"])
def test_a_url_is_told_whole_but_for_its_secrets(name: str) -> None:
    said = told(make_url(f"postgresql+psycopg://u:hunter2@h/n?{name}=hunter2&sslmode=verify-full"))
    assert said == "postgresql+psycopg://u:***@h/n?sslmode=verify-full"
    assert Database(f"{HOST}?{name}=hunter2").name == HOST


@pytest.mark.parametrize(
    "setting",
    [
        "host=a",
        "hostaddr=::1",
        "port=5433",
        "dbname=m",
        "user=v",
        "service=s",
        "servicefile=/s",
        "options=-csearch_path=s",
    ],
)
def test_what_leads_to_another_server_database_or_schema_names_another_place(setting: str) -> None:
    assert place(f"{HOST}?{setting}") != place(HOST)


@pytest.mark.parametrize("setting", ["sslmode=verify-full", "passfile=/p", "password=hunter2", "sslkey=/k"])
def test_how_to_connect_names_no_other_place(setting: str) -> None:
    assert place(f"{HOST}?{setting}") == place(HOST) == place("postgresql+psycopg://u:hunter2@h/n")


def test_a_setting_that_may_be_a_secret_is_not_told() -> None:
    url = "postgresql+psycopg://me@db/c?passwd=hush&Password=hush&sslmode=verify-full"
    assert told(make_url(url)) == "postgresql+psycopg://me@db/c?sslmode=verify-full"
