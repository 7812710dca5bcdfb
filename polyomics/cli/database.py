"""`polyomics db`: the tables of the database."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from polyomics.cli.check import AsJson

TARGET_VARIABLE = "POLYOMICS_TARGET_DATABASE_URL"

MEANING = {
    "missing": "there is no database yet; the first run makes it",
    "empty": "the database has no tables yet; the first run makes them",
    "foreign": "tables of the same names that polyomics did not make; give it an empty database",
    "older": "made by an older polyomics; copy it, then: polyomics db upgrade",
    "current": "up to date",
    "newer": "made by a newer polyomics; install that version",
}


def status(as_json: AsJson = False) -> None:
    """Say where the database is, which version its tables have, and how many studies it holds.

    Example:  polyomics db status

    JSON keys: url, status (missing, empty, older, current, newer, foreign), revision, newest, studies (by status).
    """
    from polyomics.cli.render import make_console, pairs, print_json
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database

    state = inspect_schema(database_url())
    counts: dict[str, int] = {}
    if state.status == "current":
        with open_database() as store:
            counts = store.counts()
    if as_json:
        print_json({**state.model_dump(), "studies": counts})
        return
    facts: dict[str, Any] = {
        "database": state.url,
        "status": f"{state.status}: {MEANING[state.status]}",
        "tables": f"version {state.revision or 'none'}, this polyomics works with {state.newest}",
        "studies": ", ".join(f"{count} {name}" for name, count in counts.items() if count) or None,
    }
    make_console().print(pairs(facts))


def upgrade(as_json: AsJson = False) -> None:
    """Bring the tables to the version this polyomics works with; a SQLite file is copied first.

    Example:  polyomics db upgrade

    JSON keys: url, status, revision, newest; as after the upgrade.
    """
    from polyomics.cli.render import print_json
    from polyomics.config import database_url
    from polyomics.database import inspect_schema
    from polyomics.database import upgrade as bring_up

    before = inspect_schema(database_url())
    bring_up(database_url())
    after = inspect_schema(database_url())
    if as_json:
        print_json(after.model_dump())
    elif before.revision == after.revision:
        typer.echo(f"{after.url} is at version {after.revision}; nothing to do")
    else:
        typer.echo(f"{after.url} went from version {before.revision or 'none'} to {after.revision}")


def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            envvar=TARGET_VARIABLE,
            help="Empty database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Copy everything into another, empty database, such as from SQLite to PostgreSQL; nothing is removed.

    Stop the workers first: what they write to this database afterwards is not in the copy. The run folders stay where
    they are. An address with a password is better given in POLYOMICS_TARGET_DATABASE_URL than on the command line,
    where others can see it.

    Example:  POLYOMICS_TARGET_DATABASE_URL=postgresql://ada:secret@db.lab/polyomics polyomics db copy

    JSON keys: source, target, rows (by table), running (studies somebody held when they were copied).
    """
    from rich.progress import Progress

    from polyomics.cli.render import make_console, print_json
    from polyomics.config import DATABASE_VARIABLE, database_url
    from polyomics.database import inspect_schema, open_database
    from polyomics.database.transfer import copy_database

    console = make_console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(table: str, n_rows: int) -> None:
            if table not in tasks:
                tasks[table] = bar.add_task(table, total=None)
            bar.update(tasks[table], completed=n_rows, description=f"{table}: {n_rows:,} rows")

        rows = copy_database(database_url(), to, report=report)
    with open_database(to) as store:
        running = store.counts()["running"]
    source, target = inspect_schema(database_url()).url, inspect_schema(to).url
    if as_json:
        print_json({"source": source, "target": target, "rows": rows, "running": running})
        return
    typer.echo(f"{sum(rows.values()):,} rows, {rows['study']:,} studies among them, were copied to {target}")
    if running:
        typer.echo(f"{running} studies were running: what their workers write after this is only in {source}")
    typer.echo(f"to use the copy, set {DATABASE_VARIABLE} to its address")
