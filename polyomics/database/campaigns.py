"""Studies that are submitted together: entered in batches, each once, under the name of a campaign."""

import unicodedata
from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import Connection, select

from polyomics.database import tables
from polyomics.database.rows import NewStudy, StudyStatus
from polyomics.database.store import Store
from polyomics.database.submission import put_studies
from polyomics.database.writes import dialect_insert, now
from polyomics.errors import InvalidSettings
from polyomics.records import Record

LONGEST_NAME = 200
"""Characters of a campaign's name."""


class Entered(Record):
    """What became of a batch of studies."""

    inserted: tuple[str, ...] = ()
    """Keys of those that are new."""
    existing: dict[str, StudyStatus] = Field(default_factory=dict)
    """Status of those that were there, by key; they stay as they are, but join the campaign."""


def checked_campaign(name: str) -> str:
    """The name without blanks around it.

    Raises:
        InvalidSettings: It is empty, too long, or has a character that no screen shows.
    """
    name = name.strip()
    if not name:
        raise InvalidSettings("the name of the campaign is empty; give it one, or leave --campaign out")
    if len(name) > LONGEST_NAME:
        raise InvalidSettings(f"the name of the campaign has {len(name)} characters; at most {LONGEST_NAME} are kept")
    odd = next((c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")), None)
    if odd is not None:
        raise InvalidSettings(
            f"the name of the campaign has the character {odd!r}, which no screen shows; use letters, digits and marks"
        )
    return name


def enter(
    store: Store, studies: Sequence[NewStudy], *, campaign: str | None = None, priority: int = 1, pool: str = ""
) -> Entered:
    """Enter studies that are not there yet, and put all of them into a campaign: all, or in trouble none.

    Args:
        store: Where.
        studies: At most some hundred.
        campaign: Its checked name; made if it is not there.
        priority: Of the new ones: 0 low, 1 normal, 2 high.
        pool: Workers of which pool may take the new ones; empty: of any.
    """
    with store.writing() as connection:
        inserted = put_studies(connection, studies, priority=priority, pool=pool)
        rows = _rows(connection, [study.key for study in studies])
        if campaign is not None:
            _join(connection, campaign, [study_id for study_id, _ in rows.values()])
    new = set(inserted)
    existing = {key: status for key, (_, status) in rows.items() if key not in new}
    return Entered(inserted=tuple(inserted), existing=existing)


def enter_nothing(store: Store | None, studies: Sequence[NewStudy]) -> Entered:
    """What `enter` would say; without a store, there is none yet."""
    there: dict[str, StudyStatus] = {}
    if store is not None:
        with store.reading() as connection:
            found = _rows(connection, [study.key for study in studies])
        there = {key: status for key, (_, status) in found.items()}
    keys = dict.fromkeys(study.key for study in studies)
    return Entered(inserted=tuple(key for key in keys if key not in there), existing=there)


def _rows(connection: Connection, keys: Sequence[str]) -> dict[str, tuple[int, StudyStatus]]:
    """Id and status of the studies that are there, by key."""
    study = tables.Study
    found = connection.execute(select(study.key, study.id, study.status).where(study.key.in_(keys)))
    return {row.key: (row.id, row.status) for row in found}


def _join(connection: Connection, name: str, study_ids: Sequence[int]) -> None:
    campaign, member = tables.Campaign, tables.CampaignStudy
    new = dialect_insert(connection, campaign).values(name=name, created=now(connection))
    connection.execute(new.on_conflict_do_nothing(index_elements=["name"]))
    campaign_id = connection.scalar(select(campaign.id).where(campaign.name == name))
    if study_ids:
        joins = dialect_insert(connection, member).on_conflict_do_nothing()
        rows = [{"campaign_id": campaign_id, "study_id": study_id} for study_id in sorted(study_ids)]
        connection.execute(joins, rows)
