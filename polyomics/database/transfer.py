"""Everything from one database into another: how results move from a laptop's SQLite file to a PostgreSQL server."""

from collections.abc import Callable

from sqlalchemy import Connection, Table, func, insert, literal, select, text
from sqlalchemy.engine import URL

from polyomics.database.connection import masked, parse_url, sqlite_path
from polyomics.database.schema import SchemaState, inspect_schema
from polyomics.database.store import Store
from polyomics.database.tables import Base
from polyomics.errors import InvalidSettings, StorageUnavailable

ROWS_AT_A_TIME = 1000

Report = Callable[[str, int], None]


def silent(_table: str, _n_rows: int) -> None:
    """Say nothing."""


def copy_database(source: str | URL, target: str | URL, *, report: Report = silent) -> dict[str, int]:
    """Copy every row of a database into an empty one, ids included, in one transaction: all of it or nothing.

    What is read is the state of one moment: rows written to the source afterwards stay there, so its workers should
    have been stopped. Memory does not grow with the number of rows.

    Args:
        source: Database to copy, as in `Store.open`; it is not changed.
        target: Database without tables, or with tables of this version and no rows.
        report: Called with the name of a table and how many of its rows were copied, some at a time.

    Returns:
        Number of rows by table.

    Raises:
        InvalidSettings: The target is the source, or has rows.
        StorageUnavailable: One of the two cannot be used, or has tables of another version.
    """
    source_url, target_url = parse_url(source), parse_url(target)
    if _place(source_url) == _place(target_url):
        raise InvalidSettings(f"{masked(target_url)} is the database to copy; name another one")
    with Store.open(source_url, read_only=True) as from_store:
        _check_version(inspect_schema(target_url))
        with (
            Store.open(target_url) as to_store,
            from_store.reading() as reader,
            to_store.writing() as writer,
        ):
            _keep_others_out(writer)
            _refuse_rows(writer, to_store.url)
            n_rows = {table.name: _copy_table(reader, writer, table, report) for table in _tables()}
            _check_counts(writer, n_rows)
            _go_on_behind(writer)
    return n_rows


def _tables() -> list[Table]:
    """All tables, those that others refer to first."""
    return Base.metadata.sorted_tables


def _place(url: URL) -> object:
    """What two URLs of one database have in common, whoever it is that logs in."""
    if url.drivername == "sqlite":
        return sqlite_path(url).resolve()
    host = url.host or url.query.get("host") or "localhost"
    return host, url.port or url.query.get("port") or 5432, url.database


def _check_version(state: SchemaState) -> None:
    if state.status == "older":
        raise StorageUnavailable(
            f"the database {state.url} has tables of version {state.revision}, a copy needs {state.newest}; name an "
            "empty database, or remove the tables of this one"
        )


def _keep_others_out(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in _tables())
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def _refuse_rows(connection: Connection, url: str) -> None:
    for table in _tables():
        if connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
            raise InvalidSettings(f"the database {url} has rows in its table {table.name}; a copy needs an empty one")


def _copy_table(reader: Connection, writer: Connection, table: Table, report: Report) -> int:
    query = select(table).order_by(*table.primary_key)
    n_rows = 0
    for rows in reader.execution_options(yield_per=ROWS_AT_A_TIME).execute(query).mappings().partitions():
        writer.execute(insert(table), [dict(row) for row in rows])
        n_rows += len(rows)
        report(table.name, n_rows)
    return n_rows


def _check_counts(connection: Connection, n_rows: dict[str, int]) -> None:
    for table in _tables():
        found = connection.scalar(select(func.count()).select_from(table))
        if found != n_rows[table.name]:
            raise RuntimeError(f"{n_rows[table.name]} rows were read of {table.name}, but {found} arrived")


def _go_on_behind(connection: Connection) -> None:
    """New rows get ids behind the copied ones, which SQLite does by itself; the planner learns how many there are."""
    if connection.dialect.name != "postgresql":
        return
    for table in _tables():
        if table.autoincrement_column is not None:
            name = table.autoincrement_column.name
            sequence = func.pg_get_serial_sequence(table.name, name)
            last = func.max(table.autoincrement_column)
            connection.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
        connection.execute(text(f"ANALYZE {table.name}"))
