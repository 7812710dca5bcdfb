"""How studies enter the queue: many at once, each once, whoever asks and however often."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from polyomics.database import tables
from polyomics.database.rows import NewStudy
from polyomics.database.structures import put_structures
from polyomics.database.writes import checked_run_folder, dialect_insert, now, plain_json
from polyomics.records import digest

ENTERING_LOCK = 7_065_796_580
"""PostgreSQL's advisory lock of those who enter studies."""


def put_studies(connection: Connection, studies: Sequence[NewStudy], *, priority: int = 1, pool: str = "") -> list[str]:
    """Enter studies as queued, with their polymers and protocols; the keys of those that are new, in order.

    Studies that are there already stay as they are. At most some hundred at a time: a statement has a limited length.
    In PostgreSQL, transactions that enter studies follow each other, so that two with the same ones in different
    order do not wait for each other for ever; keep them short.

    Args:
        connection: In a transaction that may write.
        studies: What to enter.
        priority: 0 low, 1 normal, 2 high.
        pool: Workers of which pool may take them; empty: of any.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(ENTERING_LOCK)))
    wanted = {study.key: study for study in studies}
    there = set(connection.scalars(select(tables.Study.key).where(tables.Study.key.in_(wanted))))
    new = [study for key, study in wanted.items() if key not in there]
    if not new:
        return []
    created = now(connection)
    polymers = {study.polymer.key: study.polymer.model_dump() | {"created": created} for study in new}
    specs = _split_specs(new)
    protocols = {key: {"key": key, "content": content} for _, key, content in specs.values()}
    polymer_ids = _ids(connection, tables.Polymer, polymers)
    put_structures(connection, {polymer_ids[key]: polymers[key]["psmiles"] for key in polymers})
    protocol_ids = _ids(connection, tables.Protocol, protocols)
    rows = [
        {
            **study.model_dump(exclude={"polymer", "spec", "run_folder"}),
            "polymer_id": polymer_ids[study.polymer.key],
            "spec": specs[study.key][0],
            "protocol_id": protocol_ids[specs[study.key][1]],
            "run_folder": checked_run_folder(study.run_folder),
            "status": "queued",
            "schema_version": tables.RECORD_SCHEMA_VERSION,
            "created": created,
            "priority": priority,
            "pool": pool,
        }
        for study in new
    ]
    statement = dialect_insert(connection, tables.Study).on_conflict_do_nothing(index_elements=["key"])
    inserted = set(connection.scalars(statement.returning(tables.Study.key), rows))
    return [study.key for study in new if study.key in inserted]


def _split_specs(studies: Sequence[NewStudy]) -> dict[str, tuple[dict[str, Any], str, dict[str, Any]]]:
    """The specs of many studies, by key; a protocol that several of them share is worked out once."""
    split = {}
    shared: dict[int, tuple[str, dict[str, Any]]] = {}
    for study in studies:
        protocol = study.spec.get("protocol", {})
        if id(protocol) not in shared:
            shared[id(protocol)] = split_spec({"protocol": protocol})[1:]
        rest = plain_json({name: value for name, value in study.spec.items() if name != "protocol"}, "spec")
        split[study.key] = (rest, *shared[id(protocol)])
    return split


def split_spec(spec: Mapping[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A spec without its protocol, the protocol's key, and the protocol."""
    rest = plain_json(spec, "spec")
    content = rest.pop("protocol", {})
    return rest, digest(content), content


def whole_spec(rest: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with its protocol, as it was given."""
    return {**rest, "protocol": dict(protocol)} if protocol else dict(rest)


def _ids(connection: Connection, table: Any, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Ids of rows by their key, which are inserted where they are not there; in one order, so that no two wait."""
    statement = dialect_insert(connection, table).on_conflict_do_nothing(index_elements=["key"])
    connection.execute(statement, [rows[key] for key in sorted(rows)])
    return {row.key: row.id for row in connection.execute(select(table.key, table.id).where(table.key.in_(rows)))}
