"""A PostgreSQL database that several processes, on several machines, tune the same studies in."""

from __future__ import annotations

import importlib.util
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from pdmr_classic.errors import ConfigError, Finding, TargetError
from pdmr_classic.models.ensemble.search import ignore_experimental_warnings

_DRIVER = "postgresql+psycopg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)
_EXPECTED = "postgresql://USER@HOST/DATABASE"
_REASONS = {
    "sqlite": "SQLite does not lock its file reliably on a shared file system; without --storage, trials are stored in "
    "a journal next to the model, which is enough for one process",
    "journal": "without --storage, trials are stored in a journal next to the model",
}
# In seconds; the last one in milliseconds. Without them, a server that stops answering would block for hours.
_CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Two processes that start at the same time both create the tables: one of them fails, and then finds the other's.
_CREATE_ATTEMPTS, _CREATE_PAUSE_S = 5, 0.5
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class StudyDatabase:
    """Where several processes tune the same studies: a PostgreSQL database, and the name of the studies in it.

    Which trials are suggested depends on which ones are finished, so the model depends on the timing of the processes.

    Parameters
    ----------
    url : str
        ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``. The password is never printed; without it, libpq takes it
        from ``PGPASSWORD`` or ``~/.pgpass``. Needs the extra ``postgres``.
    name : str
        Name of the studies: one per data set and settings.
    heartbeat_s, grace_s : int
        A running trial is reported every `heartbeat_s` seconds. A trial that was not reported for `grace_s` seconds is
        failed, and run again by another process.
    retries : int
        How often a trial is run again.

    Raises
    ------
    ConfigError
        The address is not that of a PostgreSQL database, a parameter is not valid, or the extra is not installed.

    Examples
    --------
    >>> StudyDatabase("sqlite:///studies.db")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.ConfigError: --storage must be the address of a PostgreSQL database
      expected: postgresql://USER@HOST/DATABASE
      found:    sqlite://…
      hint:     SQLite does not lock its file reliably on a shared file system; without --storage, trials are stored in a journal next to the model, which is enough for one process
    """  # noqa: E501

    url: str = field(repr=False)
    name: str = "pdmr-classic"
    heartbeat_s: int = 10
    grace_s: int = 60
    retries: int = 3

    def __post_init__(self) -> None:
        _parse_url(self.url)
        if not self.name.strip() or len(self.name) > _MAX_NAME_LENGTH or not self.name.isprintable():
            raise ConfigError(
                "the name of the studies is not valid",
                expected=f"1 to {_MAX_NAME_LENGTH} printable characters",
                found=repr(self.name),
            )
        if not 0 < self.heartbeat_s < self.grace_s:
            raise ConfigError(
                "grace_s must be longer than heartbeat_s, and both positive",
                found=f"heartbeat_s={self.heartbeat_s}, grace_s={self.grace_s}",
            )
        if importlib.util.find_spec("psycopg") is None:
            raise ConfigError(
                "--storage needs psycopg, which is not installed", hint="run pip install 'pdmr-classic[postgres]'"
            )

    @property
    def address(self) -> str:
        """The address without password, to be printed."""
        url = _parse_url(self.url)
        host = url.host or url.query.get("host") or "local socket"
        user = f"{url.username}@" if url.username else ""
        port = f":{url.port}" if url.port else ""
        return f"postgresql://{user}{host}{port}/{url.database or ''}"

    @property
    def timing_note(self) -> Finding:
        """That the model depends on timing, to be said in every fit."""
        return Finding(
            "shared-studies",
            "tuned with shared studies: the model depends on the timing of the processes, and another run gives "
            "another model",
        )

    def check(self) -> None:
        """Connect, and create Optuna's tables if they are missing.

        Raises
        ------
        TargetError
            The database cannot be reached, does not accept the user, or is of an incompatible version of Optuna.
        """
        self._connect_or_explain(_retry, poolclass=NullPool)

    def open(self) -> RDBStorage:
        """Do the same as `check`, and return the open database."""
        self.check()
        # Connections that the server has closed meanwhile are opened again.
        return self._connect_or_explain(lambda connect: connect(), pool_pre_ping=True)

    def _connect_or_explain(self, attempt: Callable[[Callable[[], RDBStorage]], RDBStorage], **pool: Any) -> RDBStorage:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            return attempt(lambda: self._connect(pool))
        except (SQLAlchemyError, StorageInternalError, RuntimeError, ImportError) as error:
            raise TargetError(
                "the database of the studies cannot be used",
                file=self.address,
                expected="a PostgreSQL database in which tables can be created",
                found=self._describe(error),
                hint="check the address, the password and whether the server is running",
            ) from error

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Raise errors of the database in the block as one message.

        Raises
        ------
        TargetError
            The connection was lost.
        """
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise TargetError(
                "the connection to the database of the studies was lost",
                file=self.address,
                found=self._describe(error),
                hint="finished trials are kept: run the same command again when the database is available",
            ) from error
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"finished trials are saved in {self.address}")
            raise

    def _connect(self, pool: dict[str, Any]) -> RDBStorage:
        arguments = inspect.signature(RDBStorage).parameters
        # Renamed in Optuna 4.9.
        is_new = "heartbeat_stale_trial_callback" in arguments
        callback = "RetryHeartbeatStaleTrialCallback" if is_new else "RetryFailedTrialCallback"
        with ignore_experimental_warnings():
            retry = getattr(optuna.storages, callback)(max_retry=self.retries)
            options: dict[str, Any] = {
                "heartbeat_stale_trial_callback" if is_new else "failed_trial_callback": retry,
                "heartbeat_interval": self.heartbeat_s,
                "grace_period": self.grace_s,
            }
            return RDBStorage(
                _parse_url(self.url).render_as_string(hide_password=False),
                engine_kwargs={"connect_args": _CONNECTION, "hide_parameters": True, **pool},
                **options,
            )

    def _describe(self, error: BaseException) -> str:
        """Return the reason that the database gives, in one line and without the password."""
        while not isinstance(error, DBAPIError) and error.__cause__ is not None:
            error = error.__cause__
        cause = (error.orig if isinstance(error, DBAPIError) else None) or error
        text = " ".join(str(cause).split()) or type(cause).__name__
        url = _parse_url(self.url)
        secrets = [url.password, *(value for key, value in url.query.items() if "password" in key)]
        for secret in filter(None, map(str, filter(None, secrets))):
            text = text.replace(secret, "***")
        return text


def _retry(connect: Callable[[], RDBStorage]) -> RDBStorage:
    for _ in range(_CREATE_ATTEMPTS - 1):
        try:
            return connect()
        except OperationalError:
            raise
        except (SQLAlchemyError, StorageInternalError):
            time.sleep(_CREATE_PAUSE_S)
    return connect()


def _parse_url(text: str) -> URL:
    """Return the address with the driver that we use. Errors quote no more than its beginning: it has a password."""
    scheme, separator, _ = text.partition("://")
    if scheme not in _SCHEMES:
        kind = scheme.partition("+")[0]
        raise ConfigError(
            "--storage must be the address of a PostgreSQL database",
            expected=_EXPECTED,
            found=f"{scheme}://…" if separator else "no ://",
            hint=_REASONS.get(kind, "studies of several processes have only been tested on PostgreSQL"),
        )
    try:
        url = make_url(text).set(drivername=_DRIVER)
    except (ArgumentError, ValueError):
        url = None
    if url is None or "@" in (url.host or ""):
        raise ConfigError(
            "the address of the database is not valid",
            expected=_EXPECTED,
            hint="in a password, write @ as %40, / as %2F and : as %3A; or leave it out, and set PGPASSWORD",
        )
    return url
