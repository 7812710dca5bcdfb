"""What is to be run: one polymer, or those of a CSV file, all checked before anything starts."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.cli.options import ARGUMENT_OF_COLUMN, TYPES, spec_of
from polyomics.errors import InvalidInputFile, InvalidSettings, UserError

if TYPE_CHECKING:
    from polyomics.spec import StudySpec

LIKE_AN_OPTION = 0.85
"""A column name this close to an option is a typing error rather than a label."""


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


def is_file(text: str) -> bool:
    """Whether the argument names a CSV file rather than a polymer."""
    return text.lower().endswith(".csv") or ("*" not in text and os.path.isfile(text))


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
    from polyomics.request import read_polymers

    rows = read_polymers(path)
    _check_columns(path, list(rows[0][1]), notice)
    found: list[Request] = []
    wrong: list[str] = []
    for line, row in rows:
        try:
            found += list(_replicates(row["psmiles"], {**options, **_options(row)}, n_replicates, line))
        except UserError as error:
            wrong.append(f"{path}, line {line}: {error}")
            if not skip_invalid:
                continue
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


def _check_columns(path: Path, columns: list[str], notice: Callable[[str], None]) -> None:
    ignored = []
    taken: dict[str, str] = {}
    for column in columns:
        argument = ARGUMENT_OF_COLUMN.get(_plain(column))
        if column == "psmiles":
            continue
        if argument is None:
            _refuse_typing_error(path, column)
            ignored.append(column)
        elif argument in taken:
            raise InvalidInputFile(f"{path}: the columns {taken[argument]!r} and {column!r} set the same option")
        else:
            taken[argument] = column
    if ignored:
        notice(f"{path}: ignoring the columns {', '.join(map(repr, ignored))}, which are no options")


def _refuse_typing_error(path: Path, column: str) -> None:
    near = difflib.get_close_matches(_plain(column), ARGUMENT_OF_COLUMN, n=1, cutoff=LIKE_AN_OPTION)
    if near:
        raise InvalidInputFile(
            f"{path}: the column {column!r} is no option; did you mean {near[0]!r}? (a label needs another name)"
        )


def _plain(column: str) -> str:
    return column.lower().removeprefix("--").replace("-", "_").replace(" ", "_")


def _options(row: Mapping[str, str]) -> dict[str, Any]:
    """Options a row sets; an empty field leaves the one of the command line."""
    found: dict[str, Any] = {}
    for column, text in row.items():
        argument = ARGUMENT_OF_COLUMN.get(_plain(column))
        if argument is None or not text or column == "psmiles":
            continue
        found[argument] = _value(column, TYPES[argument], text)
    return found


def _value(column: str, kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind not in (int, float):
        return [name for name in text.replace(";", " ").split() if name]
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise InvalidSettings(f"the column {column!r} has {text!r}, which is not {wanted}") from None
