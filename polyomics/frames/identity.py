"""The columns that say which study a row is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

NUMBERS = ("temperature_k", "pressure_bar", "similarity")
COUNTS = ("replicate", "seed")


def identity_table(identity: Mapping[str, Sequence[Any]]) -> pyarrow.Table:
    """An Arrow table of `StudyColumns.identity`."""
    import pyarrow

    types: dict[str, Any] = dict.fromkeys(NUMBERS, pyarrow.float64()) | dict.fromkeys(COUNTS, pyarrow.int64())
    types["created"] = pyarrow.timestamp("us", tz="UTC")
    return pyarrow.table(
        {name: pyarrow.array(column, type=types.get(name, pyarrow.string())) for name, column in identity.items()}
    )


def rows_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where ids are among ascending ones, and which of them are there at all.

    Args:
        ids: Ascending, shape=(n,).
        wanted: Shape=(m,).

    Returns:
        Places, shape=(m,), which mean something only where the second array, shape=(m,), is true.
    """
    if not len(ids):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    if ids[-1] - ids[0] + 1 == len(ids):  # none is missing between them
        places = wanted - ids[0]
        return places, (places >= 0) & (places < len(ids))
    places = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return places, ids[places] == wanted
