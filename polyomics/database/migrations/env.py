"""Alembic's environment. It runs in the transaction that `polyomics.database.schema` opens and commits."""

from typing import Any, Literal

from alembic import context

from polyomics.database.schema import VERSION_TABLE
from polyomics.database.tables import Base, UtcDateTime


def render_item(type_: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column type as the plain one behind it, so that a script does not import our code."""
    if type_ == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    include_name=lambda name, type_, _parents: type_ != "table" or name in Base.metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
