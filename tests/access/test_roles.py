"""What each role of the database may do is what its job needs, and no more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from secured import ROLES_FILE, SecuredServer
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from polyomics.cli import main
from polyomics.database import Store, upgrade
from polyomics.database.control import Chosen, cancel, retry, set_priority
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.database.tables import Base
from polyomics.database.workers import enter_worker, take_duty
from polyomics.errors import StorageUnavailable
from polyomics.md.engine import Hardware
from polyomics.spec import StudySpec
from polyomics.study import new_study, run_study

pytestmark = pytest.mark.filterwarnings("ignore")
UrlOf = Callable[[str], str]


def execute(url: str, statement: str) -> Any:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).rowcount
    finally:
        engine.dispose()


def test_a_study_goes_from_its_submitter_through_a_worker_to_a_reader(
    url_of: UrlOf,
    short_spec: StudySpec,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Store.open(url_of("submitter")) as store:
        assert store.add_study(new_study(short_spec))
        chosen = Chosen(keys=(short_spec.key,))
        for wish in (
            lambda: set_priority(store, chosen, "high"),
            lambda: cancel(store, chosen),
            lambda: retry(store, chosen),
        ):
            assert wish().n_changed == 1
    with Store.open(url_of("worker")) as store:
        enter_worker(store, "w", host="here", pid=1, pool="gpu", slots=1)
        assert take_duty(store, "prefect", "w", for_s=30)
    result = run_study(short_spec, database_url=url_of("worker"), hardware=Hardware(platform="CPU", threads=1))
    assert result.status == "done", result.failures

    monkeypatch.setenv("POLYOMICS_DATABASE_URL", url_of("reader"))
    assert main(["query", "--property", "density", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["value"] == result["density"].value
    for command in (["list"], ["show", short_spec.key[:8]], ["status", "--json"], ["db", "status"]):
        assert main(command) == 0, command


def test_one_who_cancels_and_retries_takes_the_study_from_its_holder(url_of: UrlOf, short_spec: StudySpec) -> None:
    with Store.open(url_of("worker")) as store:
        store.add_study(new_study(short_spec))
        Queue(store).claim(short_spec.key, Holder(host="here"))
    with Store.open(url_of("submitter")) as store:
        assert cancel(store, Chosen(keys=(short_spec.key,))).n_changed == 1
        assert retry(store, Chosen(keys=(short_spec.key,))).n_changed == 1
        assert Queue(store).attempts(short_spec.key)[-1].outcome == "cancelled"


FORBIDDEN = {
    "worker": (
        "DELETE FROM study",
        "DELETE FROM polymer",
        "DELETE FROM measurement",
        "DELETE FROM attempt",
        "UPDATE study SET spec = '{}'",
        "UPDATE study SET key = 'x'",
        "UPDATE study SET run_folder = 'x'",
        "UPDATE polymer SET psmiles = '*CC*'",
        "UPDATE protocol SET content = '{}'",
        "UPDATE polyomics_version SET version_num = '9999'",
        "TRUNCATE study CASCADE",
        "DROP TABLE study CASCADE",
        "ALTER TABLE study ADD COLUMN x int",
        "CREATE TABLE x (i int)",
        "CREATE TEMPORARY TABLE x (i int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY study TO PROGRAM 'cat'",
        "CREATE ROLE x",
        "SET ROLE polyomics_owner",
    ),
    "submitter": (
        "DELETE FROM study",
        "DELETE FROM campaign",
        "UPDATE study SET spec = '{}'",
        "UPDATE study SET flow_run_id = 'x'",
        "INSERT INTO worker (name) VALUES ('x')",
        "INSERT INTO attempt (number) VALUES (1)",
        "UPDATE attempt SET worker_id = NULL",
        "UPDATE measurement SET value = 1",
        "DELETE FROM failure",
        "CREATE TABLE x (i int)",
        "SET ROLE polyomics_worker",
    ),
    "reader": (
        "INSERT INTO campaign (name) VALUES ('x')",
        "UPDATE study SET status = 'queued'",
        "UPDATE measurement SET value = 1",
        "DELETE FROM failure",
        "SELECT nextval('study_id_seq')",
        "CREATE TABLE x (i int)",
        "CREATE TEMPORARY TABLE x (i int)",
        "SET ROLE polyomics_submitter",
    ),
}


@pytest.mark.parametrize("role", FORBIDDEN)
def test_what_a_role_has_no_business_with_is_refused(url_of: UrlOf, role: str) -> None:
    for statement in FORBIDDEN[role]:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner") as refused:
            execute(url_of(role), statement)
        assert refused.value.orig.sqlstate == "42501", statement


def test_nobody_but_the_reader_and_above_sees_a_table(url_of: UrlOf, secured_server: SecuredServer) -> None:
    secured_server.run("DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN PASSWORD 'x'")
    strangers_url = url_of("reader").replace("polyomics_reader", "stranger").replace("pa55-the-word", "x")
    with pytest.raises(Exception, match="permission denied for database"):
        execute(strangers_url, "SELECT 1")
    secured_server.run("DROP ROLE stranger")


@pytest.mark.parametrize("role", ["worker", "submitter", "reader"])
def test_only_the_owner_upgrades(
    secured_server: SecuredServer, url_of: UrlOf, secured_database: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyomics.database import schema

    schema.downgrade(url_of("owner"), "0002")
    with pytest.raises(StorageUnavailable, match=r"cannot be used: .*(permission denied|must be owner)"):
        upgrade(url_of(role))
    upgrade(url_of("owner"))


def test_a_table_made_later_can_be_read_and_not_written(url_of: UrlOf, secured_server: SecuredServer) -> None:
    execute(url_of("owner"), "CREATE TABLE later (id bigserial PRIMARY KEY, x int)")
    for role in ("worker", "submitter", "reader"):
        execute(url_of(role), "SELECT * FROM later")
        with pytest.raises(ProgrammingError, match="permission denied for table later"):
            execute(url_of(role), "INSERT INTO later (x) VALUES (1)")


def test_every_table_is_thought_of(url_of: UrlOf) -> None:
    """A table that a worker has to write and that roles.sql does not name would stop every worker."""
    words = set(ROLES_FILE.read_text().replace(",", " ").split())
    assert set(Base.metadata.tables) <= words
