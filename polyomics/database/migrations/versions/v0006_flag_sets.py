"""The sets of flags that the values of a study carry, kept beside them; studies in the order they were entered."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "flag_set",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_flag_set_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "flags", name=op.f("pk_flag_set")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO flag_set (study_id, flags) SELECT DISTINCT study_id, CAST(flags AS TEXT) FROM measurement")
    op.create_index(op.f("ix_study_created"), "study", ["created"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(op.f("ix_study_created"), "study")
    op.drop_table("flag_set")
