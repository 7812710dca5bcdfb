"""Results in SQL: SQLite by default, PostgreSQL by URL.

Tables (`tables`) and their history (`migrations`, `schema`), writing and looking up (`store`), questions
(`selection`, `condition`), files to take away (`exchange`).
"""

from polyomics.config import database_url
from polyomics.database.exchange import export
from polyomics.database.rows import (
    Artifact,
    NewStudy,
    Polymer,
    StageRecord,
    StoredFailure,
    StudyRow,
    StudySummary,
)
from polyomics.database.schema import SchemaState, downgrade, inspect_schema, upgrade
from polyomics.database.selection import ResultRow, Selection, query, query_studies, select_results
from polyomics.database.store import Store

__all__ = [
    "Artifact",
    "NewStudy",
    "Polymer",
    "ResultRow",
    "SchemaState",
    "Selection",
    "StageRecord",
    "Store",
    "StoredFailure",
    "StudyRow",
    "StudySummary",
    "downgrade",
    "export",
    "inspect_schema",
    "open_database",
    "query",
    "query_studies",
    "select_results",
    "upgrade",
]


def open_database(url: str | None = None, *, read_only: bool = True) -> Store:
    """The results in one database, to look at.

    Args:
        url: As in `Store.open`; by default `POLYOMICS_DATABASE_URL`, else the file in the home folder.
        read_only: Change nothing (the default).
    """
    return Store.open(url if url is not None else database_url(), read_only=read_only)
