"""Classes and structures of polymers, to look for them, and where a study was imported from."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROWS_AT_A_TIME = 1000

polymer = sa.table(
    "polymer",
    sa.column("id", ROW_ID),
    sa.column("psmiles", sa.Text),
    sa.column("polymer_class", sa.Text),
    sa.column("classes", sa.JSON),
)
structure = sa.table(
    "structure",
    sa.column("polymer_id", ROW_ID),
    sa.column("molecule", sa.LargeBinary),
    sa.column("pattern", sa.LargeBinary),
    sa.column("similarity", sa.LargeBinary),
)


def upgrade() -> None:
    """To this version; the polymers that are there are classified, and their structures made ready to search."""
    with op.batch_alter_table("polymer") as batch:
        batch.add_column(sa.Column("polymer_class", sa.Text(), server_default="unclassified", nullable=False))
        batch.add_column(sa.Column("classes", sa.JSON(), server_default="[]", nullable=False))
        batch.create_check_constraint(op.f("ck_polymer_polymer_class_not_empty"), "polymer_class <> ''")
    op.create_index(op.f("ix_polymer_polymer_class"), "polymer", ["polymer_class"])
    with op.batch_alter_table("study") as batch:
        batch.add_column(sa.Column("source", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_study_source"), "study", ["source"])
    op.create_table(
        "structure",
        sa.Column("polymer_id", ROW_ID, nullable=False),
        sa.Column("molecule", sa.LargeBinary(), nullable=False),
        sa.Column("pattern", sa.LargeBinary(), nullable=False),
        sa.Column("similarity", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["polymer_id"], ["polymer.id"], name=op.f("fk_structure_polymer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("polymer_id", name=op.f("pk_structure")),
    )
    _classify()


def downgrade() -> None:
    """Back to the version before; studies that were imported go, since it cannot tell them from its own."""
    op.execute("DELETE FROM study WHERE source <> ''")
    op.drop_table("structure")
    op.drop_index(op.f("ix_study_source"), "study")
    with op.batch_alter_table("study") as batch:
        batch.drop_column("source")
    op.drop_index(op.f("ix_polymer_polymer_class"), "polymer")
    with op.batch_alter_table("polymer") as batch:
        batch.drop_constraint(op.f("ck_polymer_polymer_class_not_empty"), type_="check")
        batch.drop_column("classes")
        batch.drop_column("polymer_class")


def _classify() -> None:
    from polyomics.chemistry import parse_repeat_unit, polymer_classes
    from polyomics.chemistry.polymer_class import UNCLASSIFIED
    from polyomics.chemistry.structure import structure_keys
    from polyomics.errors import InvalidPolymer

    connection = op.get_bind()
    for row in _rows():
        try:
            classes = polymer_classes(parse_repeat_unit(row.psmiles))
            keys = structure_keys(row.psmiles)
        except InvalidPolymer:  # of an older canonical form; it is found by its values alone
            continue
        values = {"polymer_class": next(iter(classes), UNCLASSIFIED), "classes": list(classes)}
        connection.execute(polymer.update().where(polymer.c.id == row.id).values(**values))
        connection.execute(structure.insert().values(polymer_id=row.id, **vars(keys)))


def _rows() -> Any:
    """All polymers, some at a time, so that memory stays bounded."""
    connection, last = op.get_bind(), 0
    while True:
        some = sa.select(polymer.c.id, polymer.c.psmiles).where(polymer.c.id > last)
        rows = connection.execute(some.order_by(polymer.c.id).limit(ROWS_AT_A_TIME)).all()
        if not rows:
            return
        last = rows[-1].id
        yield from rows
