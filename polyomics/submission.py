"""Polymers into the queue: read, checked, turned into studies and entered, however many there are.

Chunks of lines go through `drafting`, in this process or in several, and come back in order; each is entered in one
transaction. So little is in memory, and what was entered stays when the rest cannot be: the same submission again
enters what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pydantic import Field

from polyomics import config
from polyomics.drafting import Asked, Draft, Drafting, check_options, drafts
from polyomics.errors import InvalidPolymer, InvalidSettings, UserError
from polyomics.polymer_file import Line, is_file, open_polymers
from polyomics.records import Record

if TYPE_CHECKING:
    from polyomics.database.campaigns import Entered
    from polyomics.database.rows import NewStudy
    from polyomics.database.store import Store

Polymers = str | Path | IO[bytes] | IO[str] | Iterable[str | Mapping[str, Any]]
"""A p-SMILES; path of a CSV file, or a stream of one; p-SMILES, or mappings with `psmiles` and options."""

MOST_LISTED = 20
"""Invalid lines and keys that an answer lists."""
KEY_DIGITS = 15
"""Hexadecimal digits of a key by which it is known again within a submission: 60 bits take little memory."""


class InvalidLine(Record):
    """A polymer that no study can be made of, and why."""

    line: int
    """Line of the file, or place in what was given, from 1."""
    psmiles: str
    """What was given for the polymer."""
    kind: str
    """Class of the error."""
    message: str
    """What was found, and what to do."""


class Submission(Record):
    """What became of a submission, or has so far."""

    campaign: str | None
    """Name it was submitted under."""
    priority: str
    """Of the new studies: low, normal or high."""
    pool: str
    """Workers of which pool may take the new studies; empty: of any."""
    dry_run: bool
    """Nothing was written; the numbers are what would be."""
    ignored_columns: tuple[str, ...] = ()
    """Columns of the file that set no option."""
    n_lines: int = 0
    """Polymers read, valid or not."""
    inserted: int = 0
    """Studies that are new."""
    existing: int = 0
    """Studies that were there before; they stay as they are, but join the campaign."""
    existing_by_status: dict[str, int] = Field(default_factory=dict)
    """The same by their status."""
    repeated: int = 0
    """Studies asked for more than once in this submission, less the first time."""
    invalid: int = 0
    """Lines no study can be made of."""
    invalid_by_kind: dict[str, int] = Field(default_factory=dict)
    """The same by class of the error."""
    first_invalid: tuple[InvalidLine, ...] = ()
    """The first of them, in order."""
    first_keys: tuple[str, ...] = ()
    """Keys of the first studies, in order."""
    gpu_hours_new: float = 0.0
    """Estimated MD of the new studies [GPU-hours]."""
    gpu_hours: float = 0.0
    """Estimated MD of all studies asked for, done or not [GPU-hours]."""

    @property
    def n_studies(self) -> int:
        """Different studies asked for."""
        return self.inserted + self.existing


Watch = Callable[[Submission, float | None], None]
"""Takes what has been done so far, and which part of the file that is, if it is known."""


def submit(
    polymers: Polymers,
    *,
    campaign: str | None = None,
    priority: str = "normal",
    pool: str = "",
    replicates: int = 1,
    dry_run: bool = False,
    database_url: str | None = None,
    processes: int = 1,
    on_invalid: Callable[[InvalidLine], None] | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Submission:
    """Enter a study for each polymer into the queue, from which workers take them.

    A study that is there already is not entered twice, and a line that is wrong does not keep the others out. What was
    interrupted is completed by the same call.

    Args:
        polymers: One p-SMILES, a CSV file (see `polymer_file.open_polymers`) or an open one, or p-SMILES, or mappings
            with `psmiles` and options of their own.
        campaign: Name the studies are found under; those that are there already join it.
        priority: Of the new studies: low, normal or high.
        pool: Workers of which pool may take the new studies; by default of any.
        replicates: Independent repetitions of each.
        dry_run: Check everything and count, but write nothing.
        database_url: Where; by default as the environment says.
        processes: How many check polymers. A script that asks for more than one needs the usual
            `if __name__ == "__main__":` around its own work.
        on_invalid: Takes every invalid line; the answer lists only the first.
        watch: Takes the counts from time to time.
        options: As of `make_spec`, for all polymers.

    Raises:
        UserError: An option, the file or the database cannot be used; wrong lines are counted instead.
    """
    from polyomics.database.campaigns import checked_campaign
    from polyomics.database.control import PRIORITIES

    if campaign is not None:
        campaign = checked_campaign(campaign)
    if priority not in PRIORITIES:
        raise InvalidSettings(f"{priority!r} is no priority; there are {', '.join(PRIORITIES)}")
    if pool:
        from polyomics.box.box import checked_pool

        checked_pool(pool)
    if replicates < 1:
        raise InvalidSettings(f"the number of replicates is {replicates}; give a whole number of at least 1")
    check_options(options)
    tally = _Tally(campaign, priority, pool, dry_run, on_invalid)
    with ExitStack() as stack:
        asked, fraction = stack.enter_context(_asked(polymers, tally))
        store = stack.enter_context(_opened(database_url or config.database_url(), dry_run=dry_run))
        drafting = Drafting(options, replicates)
        for chunk in drafts(asked, drafting, processes):
            studies = [study for draft in chunk for study in draft.studies]
            tally.add(chunk, _entered(store, studies, tally, PRIORITIES[priority]))
            if watch is not None:
                watch(tally.answer(), fraction())
    return tally.answer()


@dataclass
class _Tally:
    """The counts of a submission."""

    campaign: str | None
    priority: str
    pool: str
    dry_run: bool
    on_invalid: Callable[[InvalidLine], None] | None
    ignored_columns: tuple[str, ...] = ()
    n_lines: int = 0
    inserted: int = 0
    existing: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    invalid: Counter[str] = field(default_factory=Counter)
    first_invalid: list[InvalidLine] = field(default_factory=list)
    first_keys: list[str] = field(default_factory=list)
    gpu_hours_new: float = 0.0
    gpu_hours: float = 0.0
    _seen: set[int] = field(default_factory=set)

    def add(self, chunk: Sequence[Draft], entered: Entered) -> None:
        self.n_lines += len(chunk)
        new = set(entered.inserted)
        for draft in chunk:
            if draft.error_kind is not None:
                self._add_invalid(draft)
            for study in draft.studies:
                self._add(study, entered, is_new=study.key in new)

    def _add(self, study: NewStudy, entered: Entered, *, is_new: bool) -> None:
        short = int(study.key[:KEY_DIGITS], 16)
        if short in self._seen:
            self.repeated += 1
            return
        self._seen.add(short)
        if len(self.first_keys) < MOST_LISTED:
            self.first_keys.append(study.key)
        hours = study.gpu_hours or 0.0
        self.gpu_hours += hours
        if is_new:
            self.inserted += 1
            self.gpu_hours_new += hours
        else:
            self.existing[entered.existing[study.key]] += 1

    def _add_invalid(self, draft: Draft) -> None:
        found = InvalidLine(
            line=draft.number, psmiles=draft.psmiles, kind=draft.error_kind or "", message=draft.error_message
        )
        self.invalid[found.kind] += 1
        if len(self.first_invalid) < MOST_LISTED:
            self.first_invalid.append(found)
        if self.on_invalid is not None:
            self.on_invalid(found)

    def answer(self) -> Submission:
        return Submission(
            campaign=self.campaign,
            priority=self.priority,
            pool=self.pool,
            dry_run=self.dry_run,
            ignored_columns=self.ignored_columns,
            n_lines=self.n_lines,
            inserted=self.inserted,
            existing=self.existing.total(),
            existing_by_status=dict(sorted(self.existing.items())),
            repeated=self.repeated,
            invalid=self.invalid.total(),
            invalid_by_kind=dict(sorted(self.invalid.items())),
            first_invalid=tuple(self.first_invalid),
            first_keys=tuple(self.first_keys),
            gpu_hours_new=self.gpu_hours_new,
            gpu_hours=self.gpu_hours,
        )


def _entered(store: Store | None, studies: Sequence[NewStudy], tally: _Tally, priority: int) -> Entered:
    from polyomics.database.campaigns import Entered, enter, enter_nothing

    if not studies:
        return Entered()
    if tally.dry_run or store is None:
        return enter_nothing(store, studies)
    return enter(store, studies, campaign=tally.campaign, priority=priority, pool=tally.pool)


@contextmanager
def _opened(url: str, *, dry_run: bool) -> Iterator[Store | None]:
    """The database; of a dry run only to be read, and none where there is none yet."""
    from polyomics.database import inspect_schema
    from polyomics.database.store import Store

    if dry_run and inspect_schema(url).status in ("missing", "empty"):
        yield None
        return
    with Store.open(url, read_only=dry_run) as store:
        yield store


@contextmanager
def _asked(polymers: Polymers, tally: _Tally) -> Iterator[tuple[Iterator[Asked], Callable[[], float | None]]]:
    """What is asked for, one after the other, and which part of it has been read."""
    if isinstance(polymers, str) and not is_file(polymers):
        yield iter([Asked(1, polymers)]), _unknown
    elif isinstance(polymers, str | Path) or hasattr(polymers, "read"):
        with open_polymers(polymers) as file:  # type: ignore[arg-type]
            tally.ignored_columns = file.ignored
            yield map(_of_line, file.lines), file.fraction
    else:
        yield (_of_item(number, item) for number, item in enumerate(polymers, start=1)), _unknown


def _unknown() -> None:
    return None


def _of_line(line: Line) -> Asked:
    try:
        return Asked(line.number, line.fields.get("psmiles", ""), line.options())
    except UserError as error:
        return Asked(line.number, line.fields.get("psmiles", ""), error=error)


def _of_item(number: int, item: object) -> Asked:
    if not isinstance(item, Mapping):
        if isinstance(item, str):
            return Asked(number, item)
        error = InvalidPolymer(f"a polymer is a p-SMILES or a mapping with 'psmiles', not {type(item).__name__}")
        return Asked(number, repr(item)[:100], error=error)
    options = {name: value for name, value in item.items() if name != "psmiles"}
    text = str(item.get("psmiles", ""))
    try:
        check_options(options, names_only=True)
    except UserError as error:
        return Asked(number, text, error=error)
    return Asked(number, text, options)
