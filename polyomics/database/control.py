"""What is asked of studies that were submitted: not to run, to run again, to run earlier; one or 100,000 at once.

Each of these is one transaction of a few statements, whatever the number of studies. Their rows are locked in one order
before anything changes, and no other rows are changed, even if they fit by then: neither two such wishes nor a wish and
a worker wait for each other in a ring.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select, update

from polyomics.database import tables
from polyomics.database.keys import full_key
from polyomics.database.listing import is_one_of
from polyomics.database.overview import find_campaign
from polyomics.database.rows import StudyStatus
from polyomics.database.store import Store
from polyomics.database.writes import now
from polyomics.errors import InvalidSettings, StudyNotFound
from polyomics.records import Record

PRIORITIES = {"low": 0, "normal": 1, "high": 2}
"""Words for `study.priority`."""


class Chosen(Record):
    """Which studies: those of any of the keys and campaigns, or all if none is given; every filter must hold."""

    keys: tuple[str, ...] = ()
    """Whole keys."""
    campaigns: tuple[str, ...] = ()
    """Names."""
    status: StudyStatus | None = None
    """Only these."""
    error: str | None = None
    """Only those with a failure that has this text in its class or message, in capitals or not."""
    polymer: str | None = None
    """Only of this polymer: its key or its canonical SMILES."""

    def condition(self) -> ColumnElement[bool]:
        """The same in SQL, on `study`."""
        study, failure = tables.Study, tables.FailureRow
        targets: list[ColumnElement[bool]] = []
        if self.keys:
            targets.append(study.key.in_(self.keys))
        if self.campaigns:
            member, campaign = tables.CampaignStudy, tables.Campaign
            named = campaign.name.in_(self.campaigns)
            targets.append(exists().where(member.study_id == study.id, member.campaign_id == campaign.id, named))
        tests = [or_(*targets)] if targets else []
        if self.status is not None:
            tests.append(study.status == self.status)
        if self.error is not None:
            says_so = failure.kind.icontains(self.error, autoescape=True) | failure.message.icontains(
                self.error, autoescape=True
            )
            tests.append(study.id.in_(select(failure.study_id).where(says_so)))
        if self.polymer is not None:
            polymer = tables.Polymer
            is_it = (polymer.key == self.polymer) | (polymer.psmiles == self.polymer)
            tests.append(study.polymer_id.in_(select(polymer.id).where(is_it)))
        return and_(*tests) if tests else study.id.is_not(None)


class Changed(Record):
    """What became of the studies that were chosen."""

    changed: dict[str, int] = Field(default_factory=dict)
    """Number of studies that were changed, by the status they had."""
    left_alone: dict[str, int] = Field(default_factory=dict)
    """Number of studies that were not, by why."""

    @property
    def n_changed(self) -> int:
        """How many were changed."""
        return sum(self.changed.values())

    @property
    def n_chosen(self) -> int:
        """How many were chosen."""
        return self.n_changed + sum(self.left_alone.values())


class Targets(Record):
    """What a user means by some texts."""

    keys: tuple[str, ...] = ()
    """Whole keys."""
    campaigns: tuple[str, ...] = ()
    """Names of campaigns."""
    ambiguous: tuple[str, ...] = ()
    """Texts that were taken for keys and are names of campaigns too."""


def find_targets(store: Store, texts: Sequence[str]) -> Targets:
    """Whole keys and names of campaigns that a user means; a text that is both is taken for a key.

    Args:
        store: Where to look.
        texts: Keys, their beginnings, names of campaigns.

    Raises:
        StudyNotFound: Hexadecimal, and neither the beginning of one key nor a campaign.
        CampaignNotFound: Not hexadecimal, and no campaign.
    """
    study, campaign = tables.Study, tables.Campaign
    keys: dict[str, str] = {}
    campaigns: list[str] = []
    with store.reading() as connection:
        whole = set(connection.scalars(select(study.key).where(study.key.in_(texts))))
        named = set(connection.scalars(select(campaign.name).where(campaign.name.in_(texts))))
        for text in dict.fromkeys(texts):
            key = text if text in whole else _begun(connection, text, is_campaign=text in named)
            if key is None:
                campaigns.append(text)
            else:
                keys[text] = key
    return Targets(
        keys=tuple(dict.fromkeys(keys.values())),
        campaigns=tuple(campaigns),
        ambiguous=tuple(text for text in keys if text in named),
    )


def find_campaigns(store: Store, names: Sequence[str]) -> tuple[str, ...]:
    """The names themselves, if there are campaigns of these names.

    Raises:
        CampaignNotFound: One is none.
    """
    with store.reading() as connection:
        for name in names:
            find_campaign(connection, name)
    return tuple(names)


def _begun(connection: Connection, text: str, *, is_campaign: bool) -> str | None:
    """The key that begins so, or None where a campaign is meant."""
    if not re.fullmatch("[0-9a-f]+", text):
        find_campaign(connection, text)
        return None
    try:
        return full_key(connection, text)
    except StudyNotFound:
        if is_campaign:
            return None
        raise


def cancel(store: Store, chosen: Chosen, *, dry_run: bool = False) -> Changed:
    """Take studies out of the queue; those that run stop when they are next heard of, and keep their checkpoint.

    Args:
        store: Where they are.
        chosen: Which.
        dry_run: Only say what would change.
    """

    def write(connection: Connection, eligible: ColumnElement[bool]) -> None:
        statement = update(tables.Study).where(eligible).values(status="cancelled", ended=now(connection))
        connection.execute(statement)

    unfinished = tables.Study.status.in_(("queued", "running"))
    return _change(store, chosen, unfinished, write, dry_run=dry_run)


def retry(store: Store, chosen: Chosen, *, dry_run: bool = False) -> Changed:
    """Put studies that failed or were cancelled into the queue again; they go on from what is in their run folder.

    The process of a cancelled one that has not stopped yet loses its lease. A study that is marked as running, and
    that no process has claimed, waits again too. See `cancel` for the arguments.
    """
    study, attempt = tables.Study, tables.Attempt
    is_held = exists().where(attempt.study_id == study.id, attempt.ended.is_(None))
    eligible = study.status.in_(("failed", "cancelled")) | ((study.status == "running") & ~is_held)

    def write(connection: Connection, chosen_ones: ColumnElement[bool]) -> None:
        of_these = attempt.study_id.in_(select(study.id).where(chosen_ones))
        statement = update(attempt).where(attempt.ended.is_(None), of_these)
        connection.execute(statement.values(ended=now(connection), outcome="cancelled"))
        connection.execute(update(study).where(chosen_ones).values(status="queued", started=None, ended=None))

    return _change(store, chosen, eligible, write, dry_run=dry_run)


def set_priority(store: Store, chosen: Chosen, priority: str, *, dry_run: bool = False) -> Changed:
    """Say how soon studies that are queued or running are wanted. See `cancel` for the other arguments.

    Raises:
        InvalidSettings: No such priority.
    """
    if priority not in PRIORITIES:
        raise InvalidSettings(f"{priority!r} is not a priority (known: {', '.join(PRIORITIES)})")
    study, number = tables.Study, PRIORITIES[priority]

    def write(connection: Connection, eligible: ColumnElement[bool]) -> None:
        connection.execute(update(study).where(eligible).values(priority=number))

    unfinished = study.status.in_(("queued", "running"))
    differs = study.priority != number
    return _change(store, chosen, unfinished & differs, write, dry_run=dry_run, as_wished=unfinished & ~differs)


def _change(
    store: Store,
    chosen: Chosen,
    eligible: ColumnElement[bool],
    write: Callable[[Connection, ColumnElement[bool]], None],
    *,
    dry_run: bool,
    as_wished: ColumnElement[bool] | None = None,
) -> Changed:
    study = tables.Study
    condition = chosen.condition()
    is_so = (as_wished if as_wished is not None else study.id.is_(None)).label("is_so")
    is_other = not_(eligible)
    with store.reading() if dry_run else store.writing() as connection:
        if not dry_run:
            lock = select(study.id).where(condition, eligible).order_by(study.id).with_for_update(key_share=True)
            eligible = and_(is_one_of(study.id, connection.scalars(lock).all()), eligible)
        groups = select(study.status, func.count().label("n")).where(condition, eligible).group_by(study.status)
        changed = {row.status: row.n for row in connection.execute(groups)}
        others = select(study.status, is_so, func.count().label("n")).where(condition, is_other)
        left: Counter[str] = Counter()
        for row in connection.execute(others.group_by(study.status, "is_so")):
            left["is so already" if row.is_so else row.status] += row.n
        if changed and not dry_run:
            write(connection, and_(condition, eligible))
    return Changed(changed=changed, left_alone=dict(left))
