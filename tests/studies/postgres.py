"""A real PostgreSQL server in a temporary folder, reached through a local socket: no port is used."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

USER, PASSWORD = "study", "s3cret@word/1"
# Debian keeps the programs out of PATH.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_NAMES = ("initdb", "pg_ctl", "postgres")


def find_programs() -> Path | None:
    """Return the folder of the server programs, or None if they are not installed."""
    found = shutil.which("pg_ctl")
    folders = [*([Path(found).parent] if found else []), *_FOLDERS]
    return next((folder for folder in folders if all((folder / name).exists() for name in _NAMES)), None)


class Server:
    """A server with the user `USER` and a password.

    Parameters
    ----------
    programs : Path
        Folder of the server programs.
    folder : Path
        Empty. The path must be short: a socket's has at most 107 bytes.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder = programs, folder
        # The server refuses to run as root.
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb",
            *("--pgdata", folder / "data", "--username", USER, "--auth", "scram-sha-256", "--pwfile", password),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        self.start()

    def url(self, password: str = PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{quote(password, safe='')}@/{database}?host={self.folder}"

    def create_database(self, name: str) -> str:
        """Create an empty database, and return its address."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(database=name)

    def start(self) -> None:
        options = f"-c listen_addresses= -c fsync=off -c unix_socket_directories={self.folder}"
        log = self.folder / "log"
        self._run("pg_ctl", "--pgdata", self.folder / "data", "--wait", "--options", options, "--log", log, "start")

    def stop(self) -> None:
        """Stop at once, as in a crash: clients lose their connections."""
        self._run("pg_ctl", "--pgdata", self.folder / "data", "--wait", "--mode", "immediate", "stop")

    def _run(self, program: str, *arguments: str | Path) -> None:
        account = {}
        if self._account is not None:
            account = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        result = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=self.folder,
            # Not a pipe: the server would keep it open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
            **account,
        )
        log = self.folder / "log"
        assert result.returncode == 0, f"{program} failed: {log.read_text() if log.exists() else 'no log'}"
