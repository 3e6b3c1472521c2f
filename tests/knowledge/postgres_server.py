"""A private PostgreSQL server from Debian's binaries, in a temporary folder and on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

__all__ = ["PostgresServer", "find_binaries"]

USER, PASSWORD = "medclip", "open sesame/1"
SHOWN_PASSWORD = "open%20sesame%2F1"


def find_binaries() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


class PostgresServer:
    """Start with ``with``; it is stopped and removed at the end."""

    def __init__(self) -> None:
        binaries = find_binaries()
        assert binaries is not None
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="medclip-postgres-"))
        self._n_databases = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> PostgresServer:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, password):
                shutil.chown(path, *_other_user())
        options = ["--no-sync", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", f"--pwfile={password}"]
        self._run("initdb", "-D", str(self._folder / "data"), "-U", USER, *options)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        settings = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", settings, "-l", log, "-w", "-t", "120", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop", check=False)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{SHOWN_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        import psycopg

        self._n_databases += 1
        name = f"medclip_{self._n_databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        user, group = _other_user() if os.geteuid() == 0 else (None, None)
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            text=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            timeout=180,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def _other_user() -> tuple[int, int]:
    """Nobody may run a server as root."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("no user but root")
