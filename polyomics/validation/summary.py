"""How well predictions agree with experiment: for all polymers, and for glasses and rubbers apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from polyomics.analysis.agreement import agreement
from polyomics.records import Record
from polyomics.validation.comparison import Comparison

OURS, RADONPY = "polyomics", "RadonPy"
OURS_BESIDE_RADONPY = "polyomics, where RadonPy has a value"
STATES = ("all", "glass", "rubber/liquid")


class SummaryRow(Record):
    """Agreement of one property, one group of polymers and one method with experiment."""

    property: str
    """Registered name of the property."""
    unit: str
    """Unit of `bias` and `mean_absolute_error`."""
    states: str
    """all, glass or rubber/liquid."""
    method: str
    """polyomics; RadonPy, on those of the same polymers that it has a value for; and polyomics on just those, where
    they are fewer."""
    n: int
    """Number of polymers."""
    r_squared: float | None
    """Coefficient of determination of the line predicted = experiment."""
    pearson_r_squared: float | None
    """Squared correlation coefficient."""
    bias: float
    """Mean of predicted minus experiment."""
    mean_absolute_error: float
    """Mean of |predicted - experiment|."""
    mean_absolute_percentage_error: float | None
    """Mean of |predicted/experiment - 1| [%]."""


def summarise(comparisons: Sequence[Comparison]) -> list[SummaryRow]:
    """Agreement of everything that was compared, by property, group of polymers and method."""
    compared = [row for row in comparisons if row.status == "compared"]
    return [
        row
        for name in dict.fromkeys(row.property for row in compared)
        for states in STATES
        for row in _of_group([one for one in compared if one.property == name], states)
    ]


def _of_group(rows: Sequence[Comparison], states: str) -> Iterator[SummaryRow]:
    group = [row for row in rows if states in ("all", row.state)]
    both = [row for row in group if row.radonpy_md is not None]
    if group:
        yield _summary(group, states, OURS)
    if both and len(both) < len(group):
        yield _summary(both, states, OURS_BESIDE_RADONPY)
    if both:
        yield _summary(both, states, RADONPY)


def _summary(rows: Sequence[Comparison], states: str, method: str) -> SummaryRow:
    predicted = [row.radonpy_md if method == RADONPY else row.predicted for row in rows]
    found = agreement([value for value in predicted if value is not None], [row.experiment for row in rows])
    return SummaryRow(
        property=rows[0].property,
        unit=rows[0].unit,
        states=states,
        method=method,
        n=found.n,
        r_squared=found.r_squared,
        pearson_r_squared=found.pearson_r_squared,
        bias=found.bias,
        mean_absolute_error=found.mean_absolute_error,
        mean_absolute_percentage_error=found.mean_absolute_percentage_error,
    )
