"""The queue: priorities, campaigns, workers, attempts; a protocol that many studies share is kept once."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
ROWS_AT_A_TIME = 1000

study = sa.table(
    "study", sa.column("id", ROW_ID), sa.column("spec", sa.JSON), sa.column("status"), sa.column("protocol_id", ROW_ID)
)
protocol = sa.table("protocol", sa.column("id", ROW_ID), sa.column("key", sa.Text), sa.column("content", sa.JSON))


def upgrade() -> None:
    """To this version; a study that was being run waits until someone takes it."""
    op.create_table(
        "protocol",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_protocol_key_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol")),
        sa.UniqueConstraint("key", name=op.f("uq_protocol_key")),
    )
    with op.batch_alter_table("study") as batch:
        batch.add_column(sa.Column("protocol_id", ROW_ID, nullable=True))
        batch.add_column(sa.Column("priority", sa.Integer(), server_default="1", nullable=False))
        batch.add_column(sa.Column("pool", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("gpu_hours", sa.Double(), nullable=True))
        batch.add_column(sa.Column("segment_gpu_s", sa.Double(), nullable=True))
        batch.add_column(sa.Column("flow_run_id", sa.Text(), nullable=True))
    _take_protocols_out()
    op.execute("UPDATE study SET status = 'queued' WHERE status = 'running'")
    with op.batch_alter_table("study") as batch:
        batch.alter_column("protocol_id", existing_type=ROW_ID, nullable=False)
        batch.create_foreign_key(op.f("fk_study_protocol_id"), "protocol", ["protocol_id"], ["id"])
        batch.drop_constraint(op.f("ck_study_status_known"), type_="check")
        batch.drop_constraint(op.f("ck_study_ended_when_over"), type_="check")
        batch.create_check_constraint(
            op.f("ck_study_status_known"), "status IN ('queued', 'running', 'done', 'failed', 'cancelled')"
        )
        batch.create_check_constraint(
            op.f("ck_study_ended_when_over"), "(status IN ('done', 'failed', 'cancelled')) = (ended IS NOT NULL)"
        )
        batch.create_check_constraint(op.f("ck_study_priority_known"), "priority BETWEEN 0 AND 2")
        batch.create_check_constraint(op.f("ck_study_gpu_hours_not_negative"), "gpu_hours >= 0")
    op.create_index(
        op.f("ix_study_waiting"),
        "study",
        ["status", "pool", "priority", "id", "segment_gpu_s", "gpu_hours"],
    )
    op.create_table(
        "campaign",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_campaign_name_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    op.create_table(
        "campaign_study",
        sa.Column("campaign_id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_study_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_campaign_study_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "study_id", name=op.f("pk_campaign_study")),
    )
    op.create_index(op.f("ix_campaign_study_study_id"), "campaign_study", ["study_id"])
    op.create_table(
        "worker",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("ns_per_day", sa.Double(), nullable=True),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("seen", MOMENT, nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_worker_name_not_empty")),
        sa.CheckConstraint("slots >= 0", name=op.f("ck_worker_slots_not_negative")),
        sa.CheckConstraint(
            "state IN ('working', 'draining', 'quarantined', 'stopped')", name=op.f("ck_worker_state_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sa.UniqueConstraint("name", name=op.f("uq_worker_name")),
    )
    op.create_index(op.f("ix_worker_pool_seen"), "worker", ["pool", "seen"])
    op.create_table(
        "attempt",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("device", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("claimed", MOMENT, nullable=False),
        sa.Column("seen", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        sa.Column("ended", MOMENT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("reached_ps", sa.Double(), server_default="0", nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('done', 'failed', 'released', 'cancelled', 'error', 'lost')",
            name=op.f("ck_attempt_outcome_known"),
        ),
        sa.CheckConstraint("(outcome IS NULL) = (ended IS NULL)", name=op.f("ck_attempt_outcome_when_ended")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_attempt_number_positive")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_attempt_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_attempt_worker_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_attempt_study_id_number")),
    )
    op.create_index(
        op.f("uq_attempt_study_id_live"),
        "attempt",
        ["study_id"],
        unique=True,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.create_index(op.f("ix_attempt_ended_lease_until"), "attempt", ["ended", "lease_until"])
    op.create_index(op.f("ix_attempt_worker_id"), "attempt", ["worker_id"])
    op.create_table(
        "duty",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_duty_name_not_empty")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duty")),
    )


def downgrade() -> None:
    """Back to the version before; cancelled studies are failed ones."""
    for table in ("duty", "attempt", "worker", "campaign_study", "campaign"):
        op.drop_table(table)
    op.execute(
        "INSERT INTO failure (study_id, stage, kind, message, created) "
        "SELECT id, 'run', 'StudyCancelled', 'it was cancelled', ended FROM study WHERE status = 'cancelled' "
        "ON CONFLICT DO NOTHING"
    )
    op.execute("UPDATE study SET status = 'failed' WHERE status = 'cancelled'")
    _put_protocols_back()
    op.drop_index(op.f("ix_study_waiting"), "study")
    with op.batch_alter_table("study") as batch:
        for name in ("status_known", "ended_when_over", "priority_known", "gpu_hours_not_negative"):
            batch.drop_constraint(op.f(f"ck_study_{name}"), type_="check")
        batch.drop_constraint(op.f("fk_study_protocol_id"), type_="foreignkey")
        for column in ("protocol_id", "priority", "pool", "gpu_hours", "segment_gpu_s", "flow_run_id"):
            batch.drop_column(column)
        batch.create_check_constraint(
            op.f("ck_study_status_known"), "status IN ('queued', 'running', 'done', 'failed')"
        )
        batch.create_check_constraint(
            op.f("ck_study_ended_when_over"), "(status IN ('done', 'failed')) = (ended IS NOT NULL)"
        )
    op.drop_table("protocol")


def _take_protocols_out() -> None:
    connection = op.get_bind()
    known: dict[str, int] = {}
    for row in _rows(sa.select(study.c.id, study.c.spec)):
        rest = dict(row.spec)
        content = rest.pop("protocol", {})
        key = _digest(content)
        if key not in known:
            connection.execute(protocol.insert().values(key=key, content=content))
            known[key] = connection.scalars(sa.select(protocol.c.id).where(protocol.c.key == key)).one()
        changed = study.update().where(study.c.id == row.id)
        connection.execute(changed.values(spec=rest, protocol_id=known[key]))


def _put_protocols_back() -> None:
    connection = op.get_bind()
    joined = sa.select(study.c.id, study.c.spec, protocol.c.content).join(
        protocol, protocol.c.id == study.c.protocol_id
    )
    for row in _rows(joined):
        spec = row.spec | ({"protocol": row.content} if row.content else {})
        connection.execute(study.update().where(study.c.id == row.id).values(spec=spec))


def _rows(query: Any) -> Any:
    """All rows, some at a time, so that memory stays bounded."""
    connection, last = op.get_bind(), 0
    while True:
        some = query.where(study.c.id > last).order_by(study.c.id).limit(ROWS_AT_A_TIME)
        rows = connection.execute(some).all()
        if not rows:
            return
        last = rows[-1].id
        yield from rows


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
