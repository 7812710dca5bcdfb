"""`polyomics db`: the tables of the database."""

from __future__ import annotations

from typing import Any

import typer

from polyomics.cli.check import AsJson

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


def copy() -> int:
    """To be written."""
    raise NotImplementedError
