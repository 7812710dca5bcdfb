"""Alembic's environment. It runs in the transaction that `polyomics.database.schema` opens and commits."""

from typing import Any, Literal

from alembic import context

from polyomics.database.schema import VERSION_TABLE
from polyomics.database.tables import VALUE_INDEXES, Base, UtcDateTime


def render_item(type_: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column type as the plain one behind it, so that a script does not import our code."""
    if type_ == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def is_of_both(_item: Any, name: str | None, _type: str, _reflected: bool, _compare_to: Any) -> bool:
    """Whether an item is in SQLite and in PostgreSQL alike; indexes of one of them are written by hand."""
    return name not in {index.name for index in VALUE_INDEXES}


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    include_object=is_of_both,
    include_name=lambda name, type_, _parents: type_ != "table" or name in Base.metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
