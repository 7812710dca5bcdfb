"""The libraries a frame may be of; every frame is an Arrow table first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from polyomics.errors import InvalidSettings, UnknownName


def as_frame(table: Any, library: str, attributes: Mapping[str, Any]) -> Any:
    """An Arrow table as a frame.

    Args:
        table: pyarrow.Table.
        library: pandas, polars or arrow.
        attributes: What a pandas frame has in `attrs`; the others have no place for it.

    Raises:
        UnknownName: There is no such library.
        InvalidSettings: It is not installed.
    """
    return LIBRARIES[checked_library(library)](table, attributes)


def checked_library(library: str) -> str:
    """The library, if it is one of ours."""
    if library not in LIBRARIES:
        raise UnknownName(f"{library!r} is not a known library for frames (known: {', '.join(LIBRARIES)})")
    return library


def _pandas(table: Any, attributes: Mapping[str, Any]) -> Any:
    try:
        import pandas  # noqa: F401 - pyarrow's own message would not say what to do
    except ImportError as error:
        raise _missing("pandas", "pip install pandas") from error
    frame = table.to_pandas(split_blocks=True)
    frame.attrs.update(attributes)
    return frame


def _polars(table: Any, _attributes: Mapping[str, Any]) -> Any:
    try:
        import polars
    except ImportError as error:
        raise _missing("polars", "pip install 'polyomics[polars]'") from error
    return polars.from_arrow(table)


def _arrow(table: Any, _attributes: Mapping[str, Any]) -> Any:
    return table


def _missing(library: str, command: str) -> InvalidSettings:
    return InvalidSettings(f"a frame of {library} was asked for, which is not installed; {command}")


LIBRARIES: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {"pandas": _pandas, "polars": _polars, "arrow": _arrow}
