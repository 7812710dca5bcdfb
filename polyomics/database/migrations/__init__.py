"""The history of the tables: Alembic's environment, and one script per version in `versions`.

To change the tables: edit `polyomics.database.tables`, call
`polyomics.database.schema.draft_migration("what changed", "0002")`, read the script it wrote,
**add changed CHECK constraints by hand** (Alembic writes them for new tables only and never notices a
difference), and add the revision to `REVISIONS` in `polyomics/database/schema.py`. The tests compare both
roads to the tables.
"""
