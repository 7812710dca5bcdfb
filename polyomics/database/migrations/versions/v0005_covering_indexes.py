"""Indexes of values and verdicts that answer for themselves, in place of those that only lead to the rows."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SQLITE = "ix_measurement_with_flags"
POSTGRESQL = "ix_measurement_including_flags"


def upgrade() -> None:
    """To this version."""
    op.drop_index(op.f("ix_measurement_name_value"), "measurement")
    columns = ["name", "study_id", "value", "temperature_k"]
    if _is_sqlite():
        op.create_index(SQLITE, "measurement", [*columns, "flags"])
    else:
        op.create_index(POSTGRESQL, "measurement", columns, postgresql_include=["flags"])
    op.drop_index(op.f("ix_criterion_name_verdict"), "criterion")
    op.create_index(op.f("ix_criterion_name_verdict_study_id"), "criterion", ["name", "verdict", "study_id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(SQLITE if _is_sqlite() else POSTGRESQL, "measurement")
    op.create_index(op.f("ix_measurement_name_value"), "measurement", ["name", "value"])
    op.drop_index(op.f("ix_criterion_name_verdict_study_id"), "criterion")
    op.create_index(op.f("ix_criterion_name_verdict"), "criterion", ["name", "verdict"])


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
