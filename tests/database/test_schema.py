"""The history of the tables, walked up and down for real."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, Engine, Integer, Table, create_engine, inspect, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from polyomics.database import Store, downgrade, inspect_schema, schema, upgrade
from polyomics.database.tables import Base
from polyomics.errors import DatabaseTooNew, StorageUnavailable
from polyomics.records import Criterion, Measurement


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def run(url: str, *statements: str) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_revisions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == schema.REVISIONS


def test_up_down_up(url: str) -> None:
    upgrade(url)
    assert inspect_schema(url).status == "current"
    schema.check(url)
    downgrade(url, "base")
    engine = engine_of(url)
    assert set(inspect(engine).get_table_names()) <= {schema.VERSION_TABLE}
    engine.dispose()
    assert inspect_schema(url).status == "empty"
    with Store.open(url) as store:
        assert store.studies() == []
    schema.check(url)


def test_migrations_make_the_tables_of_the_code(new_url: Callable[[], str]) -> None:
    """CHECK constraints included, which Alembic does not compare."""
    by_migration, by_code = new_url(), new_url()
    upgrade(by_migration)
    engine = engine_of(by_code)
    Base.metadata.create_all(engine)
    engine.dispose()
    assert described(by_migration) == described(by_code)


def described(url: str) -> dict[str, Any]:
    engine = engine_of(url)
    found = inspect(engine)
    tables = {
        table: {
            "checks": {item["name"]: item["sqltext"] for item in found.get_check_constraints(table)},
            "unique": {item["name"]: item["column_names"] for item in found.get_unique_constraints(table)},
            "references": {item["name"]: str(item) for item in found.get_foreign_keys(table)},
            "indexes": {item["name"]: item["column_names"] for item in found.get_indexes(table)},
            "columns": {item["name"]: (str(item["type"]), item["nullable"]) for item in found.get_columns(table)},
        }
        for table in found.get_table_names()
        if table != schema.VERSION_TABLE
    }
    engine.dispose()
    assert tables["measurement"]["checks"]
    return tables


def test_newer_database_is_left_alone(url: str, add_study: Callable[..., str]) -> None:
    with Store.open(url) as store:
        add_study(store)
    run(url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    for action in (
        lambda: Store.open(url),
        lambda: Store.open(url, read_only=True),
        lambda: upgrade(url),
        lambda: downgrade(url, "base"),
    ):
        with pytest.raises(DatabaseTooNew, match=r"9999.*newer than the") as caught:
            action()
        assert caught.value.exit_code == 2
    assert inspect_schema(url).status == "newer"


def test_tables_of_somebody_else_are_left_alone(url: str) -> None:
    run(url, "CREATE TABLE study (grade INTEGER)", "INSERT INTO study VALUES (1)")
    with pytest.raises(StorageUnavailable, match="did not make"):
        Store.open(url)
    assert inspect_schema(url).status == "foreign"


def test_other_tables_may_live_beside_ours(url: str) -> None:
    run(url, "CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('other')")
    Store.open(url).close()
    schema.check(url)
    assert inspect_schema(url).status == "current"


NEWEST = schema.REVISIONS[-1]

REBUILD = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{newest}"
branch_labels = None
depends_on = None

def upgrade():
    with op.batch_alter_table("study") as batch:
        batch.add_column(sa.Column("urgency", sa.Integer(), server_default="0", nullable=False))
        batch.create_check_constraint("urgency_not_negative", "urgency >= 0")
    {extra}

def downgrade():
    with op.batch_alter_table("study") as batch:
        batch.drop_constraint("urgency_not_negative", type_="check")
        batch.drop_column("urgency")
"""


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this code one version newer, with a migration that makes SQLite rebuild the table of studies."""

    def install(extra: str = "pass") -> None:
        scripts = tmp_path / "scripts 100%"
        shutil.copytree(schema.SCRIPTS, scripts)
        rebuild = REBUILD.replace("{extra}", extra).replace("{newest}", NEWEST)
        (scripts / "versions" / "v9001_urgency.py").write_text(rebuild)
        monkeypatch.setattr(schema, "SCRIPTS", scripts)
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9001"))

    return install


def test_older_database_is_upgraded_with_its_rows(
    url: str,
    add_study: Callable[..., str],
    density: Callable[..., Measurement],
    next_version: Callable[..., None],
    rows_of: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    """Rebuilding a table that others refer to with ON DELETE CASCADE must not take their rows along."""
    with Store.open(url) as store:
        store.finish_study(add_study(store), [density()])
        before = store.study("5eed0001")
    next_version()
    with pytest.raises(StorageUnavailable, match="polyomics db upgrade"):
        Store.open(url, read_only=True)
    if url.startswith("postgresql"):
        with pytest.raises(StorageUnavailable, match="polyomics db upgrade"):
            Store.open(url)
        upgrade(url)
    with Store.open(url) as store:
        assert store.study("5eed0001") == before
    assert inspect_schema(url).revision == "9001"
    assert rows_of("study")[0][-1] == 0
    downgrade(url, NEWEST)
    assert len(rows_of("measurement")) == 1


def test_criteria_come_and_go_and_leave_everything_else(
    url: str, add_study: Callable[..., str], density: Callable[..., Measurement]
) -> None:
    """A database from before there were criteria gets the table, and its studies have none."""
    verdict = Criterion(name="equilibrium", verdict="pass", value=None, threshold=None, unit="1", message="all passed")
    with Store.open(url) as store:
        store.finish_study(add_study(store), [density()], criteria=[verdict])
        judged = store.study("5eed0001")
    downgrade(url, "0001")
    assert inspect_schema(url).status == "older"
    assert "criterion" not in described(url)
    with pytest.raises(StorageUnavailable, match="polyomics db upgrade"):
        Store.open(url, read_only=True)
    upgrade(url)
    with Store.open(url) as store:
        found = store.study("5eed0001")
        assert found == judged.model_copy(update={"criteria": ()})
        store.finish_study("5eed0001", criteria=[verdict])
        assert store.study("5eed0001") == judged


def test_sqlite_is_copied_before_an_upgrade(
    tmp_path: Path, add_study: Callable[..., str], next_version: Callable[..., None]
) -> None:
    with Store.open(f"sqlite:///{tmp_path}/results.db") as store:
        add_study(store)
        next_version()
        Store.open(f"sqlite:///{tmp_path}/results.db").close()
    (copy,) = tmp_path.glob(f"results.db.{NEWEST}-*.bak")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT key FROM study").fetchall() == [("5eed0001",)]
        assert connection.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchone() == (NEWEST,)


def test_failed_migration_changes_nothing(
    url: str, add_study: Callable[..., str], next_version: Callable[..., None]
) -> None:
    with Store.open(url) as store:
        add_study(store)
    before = described(url)
    next_version("op.execute(\"INSERT INTO study (key) VALUES ('incomplete')\")")
    with pytest.raises(IntegrityError):
        upgrade(url)
    assert described(url) == before
    assert inspect_schema(url).revision == NEWEST


def test_drafted_migration_runs_on_both(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Alembic drafts from the tables is a script that runs, JSON columns and all."""
    scripts = tmp_path / "scripts"
    shutil.copytree(schema.SCRIPTS, scripts)
    for script in (scripts / "versions").glob("*.py"):
        script.unlink()
    binary_json = JSON().with_variant(JSONB(), "postgresql")
    trial = Table("trial", Base.metadata, Column("id", Integer, primary_key=True), Column("x", binary_json))
    try:
        drafted = schema.draft_migration("all tables", NEWEST, scripts)
        assert "JSONB(astext_type=Text())" in drafted.read_text()
        monkeypatch.setattr(schema, "SCRIPTS", scripts)
        Store.open(url).close()
        schema.check(url)
        assert "trial" in described(url)
    finally:
        Base.metadata.remove(trial)


OPEN = """
import sys
from polyomics.database import Store
import sqlalchemy, alembic.command
print("ready", flush=True)
sys.stdin.readline()
with Store.open(sys.argv[1]) as store:
    print(len(store.studies()))
"""


def test_many_processes_open_an_empty_database(url: str, start_python: Callable[..., "subprocess.Popen[str]"]) -> None:
    processes = [start_python(OPEN, url) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert out == "0\n", err
    schema.check(url)
