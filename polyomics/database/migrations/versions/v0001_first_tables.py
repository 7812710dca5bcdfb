"""First tables: polymers, studies, and what comes out of them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
LARGEST_DOUBLE = "1.7976931348623157e308"


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "polymer",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("psmiles", sa.Text(), nullable=False),
        sa.Column("formula", sa.Text(), nullable=False),
        sa.Column("molar_mass_g_mol", sa.Double(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_polymer_key_not_empty")),
        sa.CheckConstraint("molar_mass_g_mol > 0", name=op.f("ck_polymer_molar_mass_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_polymer")),
        sa.UniqueConstraint("key", name=op.f("uq_polymer_key")),
    )
    op.create_table(
        "study",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("polymer_id", ROW_ID, nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("preset", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("temperature_k", sa.Double(), nullable=False),
        sa.Column("pressure_bar", sa.Double(), nullable=False),
        sa.Column("run_folder", sa.Text(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("started", MOMENT, nullable=True),
        sa.Column("ended", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(status IN ('done', 'failed')) = (ended IS NOT NULL)", name=op.f("ck_study_ended_when_over")
        ),
        sa.CheckConstraint("key <> ''", name=op.f("ck_study_key_not_empty")),
        sa.CheckConstraint("status <> 'running' OR started IS NOT NULL", name=op.f("ck_study_started_when_running")),
        sa.CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_study_status_known")),
        sa.CheckConstraint("substr(run_folder, 1, 1) <> '/'", name=op.f("ck_study_run_folder_relative")),
        sa.CheckConstraint("replicate >= 0", name=op.f("ck_study_replicate_not_negative")),
        sa.CheckConstraint("temperature_k > 0", name=op.f("ck_study_temperature_positive")),
        sa.ForeignKeyConstraint(["polymer_id"], ["polymer.id"], name=op.f("fk_study_polymer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("key", name=op.f("uq_study_key")),
    )
    op.create_index(op.f("ix_study_polymer_id"), "study", ["polymer_id"])
    op.create_index(op.f("ix_study_status_created"), "study", ["status", "created"])

    op.create_table(
        "artifact",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.CheckConstraint("substr(path, 1, 1) <> '/'", name=op.f("ck_artifact_path_relative")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_artifact_sha256_whole")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_artifact_size_not_negative")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_artifact_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact")),
        sa.UniqueConstraint("study_id", "path", name=op.f("uq_artifact_study_id_path")),
    )
    op.create_table(
        "failure",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("workdir", sa.Text(), nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_failure_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure")),
        sa.UniqueConstraint("study_id", "stage", "kind", name=op.f("uq_failure_study_id_stage_kind")),
    )
    op.create_index(op.f("ix_failure_kind"), "failure", ["kind"])

    op.create_table(
        "measurement",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("stderr", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("n_independent", sa.Double(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("temperature_k", sa.Double(), nullable=True),
        sa.Column("pressure_bar", sa.Double(), nullable=True),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(conditions = '') = (temperature_k IS NULL AND pressure_bar IS NULL)",
            name=op.f("ck_measurement_conditions_spelt_out"),
        ),
        sa.CheckConstraint("name <> ''", name=op.f("ck_measurement_name_not_empty")),
        sa.CheckConstraint("unit <> ''", name=op.f("ck_measurement_unit_not_empty")),
        sa.CheckConstraint(
            f"n_independent BETWEEN 0 AND {LARGEST_DOUBLE}",
            name=op.f("ck_measurement_n_independent_not_negative"),
        ),
        sa.CheckConstraint(f"stderr BETWEEN 0 AND {LARGEST_DOUBLE}", name=op.f("ck_measurement_stderr_not_negative")),
        sa.CheckConstraint("temperature_k > 0", name=op.f("ck_measurement_temperature_positive")),
        sa.CheckConstraint(
            f"value BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE}", name=op.f("ck_measurement_value_finite")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_measurement_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
        sa.UniqueConstraint("study_id", "name", "conditions", name=op.f("uq_measurement_study_id_name_conditions")),
    )
    op.create_index(op.f("ix_measurement_name_value"), "measurement", ["name", "value"])
    op.create_table(
        "provenance",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_provenance_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provenance")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_provenance_study_id_name")),
    )
    op.create_table(
        "stage",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_id", ROW_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started", MOMENT, nullable=True),
        sa.Column("ended", MOMENT, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'skipped')", name=op.f("ck_stage_status_known")
        ),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_stage_sequence_not_negative")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_stage_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage")),
        sa.UniqueConstraint("study_id", "sequence", name=op.f("uq_stage_study_id_sequence")),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("stage")
    op.drop_table("provenance")
    op.drop_table("measurement")
    op.drop_table("failure")
    op.drop_table("artifact")
    op.drop_table("study")
    op.drop_table("polymer")
