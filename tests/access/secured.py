"""A PostgreSQL server that asks everyone but its superuser for a password, with the roles that ship."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

ROLES_FILE = Path(__file__).parents[2] / "deploy" / "postgresql" / "roles.sql"
ROLES = ("owner", "worker", "submitter", "reader")
PASSWORD = "pa55-the-word"
ASKS_FOR_PASSWORDS = "local all postgres trust\nlocal all all scram-sha-256\n"


@dataclass(frozen=True)
class SecuredServer:
    """A server that runs."""

    folder: Path
    psql: Path

    def url(self, role: str, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={self.folder}"

    def superuser(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """As superuser, outside a transaction."""
        engine = create_engine(
            self.superuser(database).replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def run_file(self, file: Path, database: str) -> str:
        """What psql says of a file."""
        command = [self.psql, "--set", "ON_ERROR_STOP=1", "--host", self.folder, "--username", "postgres"]
        done = subprocess.run(
            [*command, "--file", file, database], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
        )
        return done.stdout + done.stderr
