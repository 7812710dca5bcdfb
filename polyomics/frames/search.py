"""What is asked of the results, step by step, and the answer as a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from polyomics.database.columns import ROWS_AT_A_TIME, count_studies
from polyomics.database.selection import Selection, query_studies, select_results
from polyomics.errors import InvalidSettings
from polyomics.frames.combined import combined_table
from polyomics.frames.files import write_table
from polyomics.frames.libraries import as_frame, checked_library
from polyomics.frames.long import empty_long_table, long_tables
from polyomics.frames.wide import wide_table

if TYPE_CHECKING:
    from polyomics.database import Store, StudySummary

Library = Literal["pandas", "polars", "arrow"]
Layout = Literal["wide", "long", "combined"]
_REPLACED = ("limit", "offset")
_ADDED = ("with_flags", "without_flags")
_STRICTER: dict[str, Callable[[Any, Any], Any]] = {"minimum": max, "maximum": min, "similarity": max}


class Search:
    """Some of the results; made by `Store.search`, narrowed by `where`. Nothing is read before something is asked.

    Settings are those of `polyomics.database.Selection`: property, minimum, maximum, where, polymer, polymer_class,
    smarts, similar_to, similarity, source, campaign, preset, status, temperature_k, equilibrated, unflagged,
    with_flags, without_flags, polyomics_version, limit, offset. A polymer may be written in any way.

    Frames are of pandas, of polars, or Arrow tables. Flags are one text, joined by ";".
    """

    def __init__(self, store: Store, selection: Selection) -> None:
        self._store = store
        self.selection = selection
        """What is asked for."""

    @classmethod
    def of(cls, store: Store, settings: dict[str, Any]) -> Search:
        """A search from settings as a user gives them.

        Raises:
            InvalidSettings: A setting that does not exist or has no meaningful value.
            InvalidPolymer: A polymer that cannot be read.
        """
        return cls(store, select_results(**_read(settings)))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"<Search of {self._store.url}: {given or 'everything'}>"

    def where(self, condition: str | None = None, **settings: Any) -> Search:
        """The same, narrowed: everything given before must hold as well; only `limit` and `offset` are replaced.

        Args:
            condition: On studies, e.g. "density > 1.0 and radius_of_gyration < 2".
            settings: As in `Search`.

        Raises:
            InvalidSettings: A setting that does not exist or has no meaningful value, or that was given before with
                another one: a value has one property, a search one pattern.
        """
        if condition is not None:
            if "where" in settings:
                raise InvalidSettings("the condition is given twice; write it once, joined by 'and'")
            settings["where"] = condition
        return Search(self._store, select_results(**_narrowed(self._given(), _read(settings))))

    def _given(self) -> dict[str, Any]:
        return self.selection.model_dump(exclude_defaults=True)

    def count(self) -> int:
        """Number of studies that fit; as many rows has the wide frame without `limit`."""
        return count_studies(self._store, self.selection)

    def studies(self) -> list[StudySummary]:
        """The studies that fit, newest first."""
        return query_studies(self._store, **self._given())

    def wide(self, properties: Sequence[str] | None = None, library: Library = "pandas", *, flags: bool = False) -> Any:
        """One row a study: what it is, then for each property its value and standard error, with units in the names.

        A property has the value at the temperature of its study, or else at the one nearest to it. Every study that
        fits has its row; what it has no value of is NaN (null in polars). Rows come in the order studies were entered.
        A pandas frame has `attrs["units"]`, the unit of each column.

        Args:
            properties: Which, in this order; by default all that these studies have, by name.
            library: pandas, polars or arrow.
            flags: With a column for the flags of each property.

        Raises:
            UnknownName: No such property or library.
        """
        checked_library(library)
        table, units = wide_table(self._store, self.selection, properties, flags=flags)
        return as_frame(table, library, self._attributes(units))

    def long(self, library: Library = "pandas") -> Any:
        """One row a value: psmiles, property, value, stderr, unit, n_independent, flags, study_key, ...

        `temperature_k` and `pressure_bar` are the state the value holds at.
        """
        checked_library(library)
        return as_frame(self._long_table(), library, self._attributes({}))

    def combined(self, library: Library = "pandas") -> Any:
        """One row a request and property, replicates put together: value, stderr, n_replicates, spread, ...

        `stderr` holds where replicates differ by more than their own errors; `between_variance` is that excess, in the
        square of `unit`. `limit` and `offset` count rows of the result.
        """
        checked_library(library)
        return as_frame(combined_table(self._store, self.selection), library, self._attributes({}))

    def batches(self, rows: int = ROWS_AT_A_TIME, library: Library = "pandas") -> Iterator[Any]:
        """The long frame in pieces, one after another: for more than fits into memory.

        Args:
            rows: Rows of a piece, at most.
            library: pandas, polars or arrow.
        """
        checked_library(library)
        if rows < 1:
            raise InvalidSettings(f"pieces of {rows} rows were asked for; take at least 1")
        attributes = self._attributes({})
        return (as_frame(table, library, attributes) for table in long_tables(self._store, self.selection, rows))

    def write(self, path: str | Path, layout: Layout = "wide", properties: Sequence[str] | None = None) -> int:
        """Write a frame to a CSV, Parquet or JSON file, whole or not at all; Parquet says the units of columns.

        Args:
            path: The file; its ending tells the format.
            layout: wide, long or combined.
            properties: As in `wide`.

        Returns:
            Number of rows.

        Raises:
            InvalidInputFile: The format is not known.
            StorageUnavailable: The file cannot be written.
        """
        units: dict[str, str] = {}
        if layout == "wide":
            table, units = wide_table(self._store, self.selection, properties)
        elif layout in ("long", "combined"):
            if properties is not None:
                raise InvalidSettings(f"a {layout} file has one column for all properties; choose with property=")
            table = self._long_table() if layout == "long" else combined_table(self._store, self.selection)
        else:
            raise InvalidSettings(f"{layout!r} is not a layout; there are wide, long and combined")
        return write_table(table, Path(path), units)

    def _long_table(self) -> Any:
        import pyarrow

        tables = list(long_tables(self._store, self.selection, ROWS_AT_A_TIME))
        return pyarrow.concat_tables(tables or [empty_long_table(self.selection)])

    def _attributes(self, units: dict[str, str]) -> dict[str, Any]:
        given = self.selection.model_dump(mode="json", exclude_defaults=True)
        return {"units": units, "selection": given, "database": self._store.url}


def _read(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with a polymer by its key however it is written."""
    polymer = settings.get("polymer")
    if not isinstance(polymer, str) or "*" not in polymer:
        return settings
    from polyomics.chemistry import parse_repeat_unit

    return settings | {"polymer": parse_repeat_unit(polymer).key}


def _narrowed(before: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Settings under which both hold."""
    both = dict(before)
    for name, value in more.items():
        old = before.get(name)
        if old is None or old == value or name in _REPLACED:
            both[name] = value
        elif name == "where":
            both[name] = f"({old}) and ({value})"
        elif name in _ADDED and not isinstance(value, str):
            both[name] = tuple(dict.fromkeys((*old, *value)))
        elif name in _STRICTER and isinstance(value, int | float):
            both[name] = _STRICTER[name](old, value)
        else:
            raise InvalidSettings(
                f"{name} is {old!r} already and cannot be {value!r} as well; begin a new search, or write a condition "
                "on another property as where('density > 1.0')"
            )
    return both
