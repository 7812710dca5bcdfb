"""From what is asked for to studies ready to be entered: the work on polymers, in one process or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from polyomics.errors import InvalidSettings, UserError
from polyomics.helpers import Helpers
from polyomics.polymer_file import TYPES

if TYPE_CHECKING:
    from polyomics.chemistry import RepeatUnit
    from polyomics.database.rows import NewStudy

CHUNK = 250
"""Polymers that are worked on, and entered, together."""
FEWEST_FOR_SEVERAL = 2_000
"""Below this, starting processes takes longer than they save."""


@dataclass(frozen=True)
class Asked:
    """A polymer and the options of its own."""

    number: int
    """Its line, or its place in what was given."""
    psmiles: str
    """What was given for it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `make_spec`."""
    error: UserError | None = None
    """Why no study can be made of it, where that is known already."""


@dataclass(frozen=True)
class Draft:
    """The studies of a polymer, or why there are none."""

    number: int
    """As it was asked for."""
    psmiles: str
    """What was given for it."""
    studies: tuple[NewStudy, ...] = ()
    """One for each replicate."""
    error_kind: str | None = None
    """Class of what is wrong; none where nothing is."""
    error_message: str = ""
    """What that says."""


@dataclass(frozen=True)
class Drafting:
    """What is the same for all polymers."""

    options: Mapping[str, Any]
    """Arguments of `make_spec`; those of a polymer come before."""
    replicates: int
    """Independent repetitions of each."""

    def draft(self, asked: Asked) -> Draft:
        """The studies of one polymer; whatever is wrong with it is part of the answer."""
        try:
            return Draft(asked.number, asked.psmiles, self._studies(asked))
        except UserError as error:
            return Draft(asked.number, asked.psmiles, (), error.kind, str(error))
        except Exception as error:  # one polymer must not keep a hundred thousand others out
            kind = type(error).__name__
            text = f"unexpected {kind}: {error} (a defect of polyomics; report it with this polymer)"
            return Draft(asked.number, asked.psmiles, (), kind, text)

    def draft_all(self, chunk: Sequence[Asked]) -> list[Draft]:
        """The same for some."""
        return [self.draft(one) for one in chunk]

    def _studies(self, asked: Asked) -> tuple[NewStudy, ...]:
        from polyomics.request import make_spec, with_state_of_protocol
        from polyomics.study import new_study

        if asked.error is not None:
            raise asked.error
        unit = _unit(asked.psmiles)
        options = with_state_of_protocol({**self.options, **asked.options})
        first = options.pop("replicate", 0)
        specs = (make_spec(unit, **options, replicate=number) for number in range(first, first + self.replicates))
        return tuple(new_study(spec, unit) for spec in specs)


@lru_cache(maxsize=64)
def _unit(psmiles: str) -> RepeatUnit:
    """A file may have a polymer on many lines, with a temperature each."""
    from polyomics.chemistry import parse_repeat_unit

    return parse_repeat_unit(psmiles)


def check_options(options: Mapping[str, Any], *, names_only: bool = False) -> None:
    """Refuse what would be wrong for every polymer, before the first is looked at.

    Args:
        options: Arguments of `make_spec`.
        names_only: Only whether there are options of these names.

    Raises:
        UserError: An option is not known, or names something that is not.
    """
    from polyomics.request import check_names

    unknown = sorted(set(options) - set(TYPES))
    if unknown:
        raise InvalidSettings(f"{unknown[0]!r} is no option of a study; there are {', '.join(TYPES)}")
    if not names_only:
        check_names(options)


def drafts(asked: Iterable[Asked], drafting: Drafting, processes: int) -> Iterator[list[Draft]]:
    """Drafts of all that is asked for, in order, in chunks.

    Args:
        asked: What is asked for; little of it is read ahead.
        drafting: What is the same for all.
        processes: How many work on it, where there is enough to do.

    Raises:
        MachineFailed: A process died.
    """
    source = iter(asked)
    first = list(islice(source, FEWEST_FOR_SEVERAL if processes > 1 else 0))
    chunks = _chunks(chain(first, source))
    if len(first) < FEWEST_FOR_SEVERAL:
        for chunk in chunks:
            yield drafting.draft_all(chunk)
        return
    with Helpers(processes, drafting.draft_all) as helpers:
        yield from helpers.answers(chunks)


def _chunks(asked: Iterator[Asked]) -> Iterator[list[Asked]]:
    while chunk := list(islice(asked, CHUNK)):
        yield chunk
