"""Tests of whether the cell of a study is in equilibrium."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LARGEST_DOUBLE = "1.7976931348623157e308"


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "criterion",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_criterion_name_not_empty")),
        sa.CheckConstraint("unit <> ''", name=op.f("ck_criterion_unit_not_empty")),
        sa.CheckConstraint("verdict IN ('pass', 'fail', 'unknown')", name=op.f("ck_criterion_verdict_known")),
        sa.CheckConstraint(
            f"threshold BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name=op.f("ck_criterion_threshold_finite")
        ),
        sa.CheckConstraint(
            f"value BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name=op.f("ck_criterion_value_finite")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_criterion_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_criterion")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_criterion_study_id_name")),
    )
    op.create_index(op.f("ix_criterion_name_verdict"), "criterion", ["name", "verdict"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("criterion")
