"""Addresses of databases: which are accepted, and that a password is never shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
from postgres import PASSWORD, Server

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.models.ensemble.study_database import StudyDatabase

URL = "postgresql://me:s3cret@db.lab.org:5433/studies"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (URL, "postgresql://me@db.lab.org:5433/studies"),
        ("postgres://db.lab.org/studies", "postgresql://db.lab.org/studies"),
        ("postgresql+psycopg://me@db.lab.org/studies", "postgresql://me@db.lab.org/studies"),
        ("postgresql://me:s3cret@/studies?host=/run/pg", "postgresql://me@/run/pg/studies"),
        ("postgresql://db.lab.org/studies?user=me&password=s3cret", "postgresql://db.lab.org/studies"),
        ("postgresql://", "postgresql://local socket/"),
    ],
)
def test_an_address_is_shown_without_password(url: str, address: str) -> None:
    database = StudyDatabase(url)
    assert database.address == address
    assert "s3cret" not in repr(database)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///studies.db", "SQLite does not lock its file reliably"),
        ("journal://studies.log", "trials are stored in a journal next to the model"),
        ("mysql://me:s3cret@host/studies", "only been tested on PostgreSQL"),
        ("postgresql+psycopg2://me:s3cret@host/studies", "only been tested on PostgreSQL"),
        ("me:s3cret@host/studies", "only been tested on PostgreSQL"),
        ("", "only been tested on PostgreSQL"),
    ],
)
def test_other_kinds_of_storage_are_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"must be the address of a PostgreSQL database") as error:
        StudyDatabase(url)
    assert reason in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@word@host/studies", "postgresql://me:s3cret@host:port/studies"]
)
def test_an_address_that_cannot_be_parsed_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="write @ as %40") as error:
        StudyDatabase(url)
    assert "s3cret" not in str(error.value)
    assert "word" not in str(error.value).replace("password", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": " "}, "name of the studies is not valid"),
        ({"name": "a\0b"}, "name of the studies is not valid"),
        ({"name": 201 * "a"}, "name of the studies is not valid"),
        ({"heartbeat_s": 10, "grace_s": 10}, "grace_s must be longer than heartbeat_s"),
        ({"heartbeat_s": 0}, "grace_s must be longer than heartbeat_s"),
    ],
)
def test_invalid_parameters_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StudyDatabase(URL, **options)  # type: ignore[arg-type]


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "psycopg" else find_spec(name))
    with pytest.raises(ConfigError, match=r"needs psycopg[^\0]*pdmr-classic\[postgres\]"):
        StudyDatabase(URL)


def test_a_database_that_cannot_be_reached_raises_one_error() -> None:
    with pytest.raises(TargetError, match=r"cannot be used[^\0]*whether the server is running") as error:
        StudyDatabase("postgresql://me:s3cret@/studies?host=/no/such/folder").check()
    assert "/no/such/folder" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_wrong_password_or_database_raises_one_error_without_the_password(server: Server) -> None:
    with pytest.raises(TargetError, match="password authentication failed") as error:
        StudyDatabase(server.url(password="wr0ng")).check()  # noqa: S106
    assert "wr0ng" not in str(error.value)
    with pytest.raises(TargetError, match='database "missing" does not exist') as error:
        StudyDatabase(server.url(database="missing")).check()
    assert PASSWORD not in str(error.value)


def test_the_password_can_be_in_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    StudyDatabase(f"postgresql://study@/postgres?host={server.folder}").check()


def test_tables_of_another_version_of_optuna_are_refused(new_database: Callable[[], str]) -> None:
    from sqlalchemy import create_engine, text

    url = new_database()
    StudyDatabase(url).check()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v99.0.0'"))
    engine.dispose()
    with pytest.raises(TargetError, match="cannot be used"):
        StudyDatabase(url).check()
