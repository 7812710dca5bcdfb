"""What is to be run: one polymer, or those of a CSV file, all checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.cli.options import spec_of
from polyomics.errors import InvalidInputFile, InvalidSettings, UserError
from polyomics.polymer_file import is_file, open_polymers

if TYPE_CHECKING:
    from polyomics.spec import StudySpec


@dataclass(frozen=True)
class Request:
    """One study to run, and where it was asked for."""

    spec: StudySpec
    line: int | None = None
    """Line of the file; none from the command line."""
    named_properties: tuple[str, ...] = ()
    """Properties that were asked for by name; without any, all that the protocol can give are tried."""

    @property
    def label(self) -> str:
        """Where it was asked for, to be put before a message."""
        return "" if self.line is None else f"line {self.line}: "


def requests(
    what: str,
    options: Mapping[str, Any],
    n_replicates: int,
    *,
    skip_invalid: bool,
    notice: Callable[[str], None],
) -> list[Request]:
    """Every study asked for, checked.

    Args:
        what: p-SMILES of a polymer, or path of a CSV file.
        options: Arguments of `make_spec`, as given on the command line.
        n_replicates: Independent repetitions of each.
        skip_invalid: Leave out lines that cannot be carried out, with a notice, instead of refusing the file.
        notice: Takes what is worth saying.

    Raises:
        UserError: Something cannot be carried out; of a file, with the line.
    """
    if not is_file(what):
        if skip_invalid:
            raise InvalidSettings("--skip-invalid is for a CSV file; one polymer was given")
        return list(_replicates(what, options, n_replicates, None))
    found = _of_file(Path(what), options, n_replicates, skip_invalid=skip_invalid, notice=notice)
    return _without_repetitions(found, notice)


def _of_file(
    path: Path,
    options: Mapping[str, Any],
    n_replicates: int,
    *,
    skip_invalid: bool,
    notice: Callable[[str], None],
) -> list[Request]:
    found: list[Request] = []
    wrong: list[str] = []
    with open_polymers(path) as file:
        if file.ignored:
            notice(f"{path}: ignoring the columns {', '.join(map(repr, file.ignored))}, which are no options")
        for line in file.lines:
            try:
                set_here = line.options()
                found += list(_replicates(line.fields["psmiles"], {**options, **set_here}, n_replicates, line.number))
            except UserError as error:
                wrong.append(f"{path}, line {line.number}: {error}")
                if skip_invalid:
                    notice(f"skipped {wrong[-1]}")
    if wrong and not (skip_invalid and found):
        raise InvalidInputFile(_summary(wrong, skip_invalid))
    return found


def _summary(wrong: list[str], skip_invalid: bool) -> str:
    if skip_invalid:
        return "no line of the file can be run"
    if len(wrong) == 1:
        return wrong[0]
    others = ", ".join(text.split(", line ")[1].split(":")[0] for text in wrong[1:11])
    more = f" and {len(wrong) - 11} more" if len(wrong) > 11 else ""
    return f"{wrong[0]} (also wrong: line {others}{more}; --skip-invalid runs the others)"


def _replicates(psmiles: str, options: Mapping[str, Any], count: int, line: int | None) -> Iterator[Request]:
    first = options.get("replicate", 0)
    for number in range(first, first + count):
        named = tuple(options.get("properties") or ())
        yield Request(spec_of(psmiles, {**options, "replicate": number}), line, named)


def _without_repetitions(found: list[Request], notice: Callable[[str], None]) -> list[Request]:
    first: dict[str, Request] = {}
    for request in found:
        kept = first.setdefault(request.spec.key, request)
        if kept is not request:
            notice(f"line {request.line} is the same study as line {kept.line}; it is run once")
    return list(first.values())
