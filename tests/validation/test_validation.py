"""From a table and what studies gave to rows, agreement and figures, without a database."""

from typing import Any

import pytest

from polyomics.analysis.agreement import agreement
from polyomics.errors import InvalidInputFile
from polyomics.records import Failure, Measurement
from polyomics.reference.experiment import BUNDLED, bundled_table
from polyomics.reference.table import ExperimentalValue
from polyomics.report.parity import ParityPoint, parity_figure
from polyomics.validation.comparison import Comparison, StudyAnswer, compare, skip
from polyomics.validation.files import markdown
from polyomics.validation.reference_polymers import chosen, reference_polymers
from polyomics.validation.summary import OURS, OURS_BESIDE_RADONPY, RADONPY, summarise


def a_value(**changes: Any) -> ExperimentalValue:
    fields = {
        "polymer": "polyethylene",
        "abbreviation": "PE",
        "psmiles": "*CC*",
        "property": "density",
        "value": 0.855,
        "unit": "g/cm3",
        "state": "rubber/liquid",
        "confidence": "high",
        "comparable": True,
        "source": "a book",
    }
    return ExperimentalValue.model_validate(fields | changes)


def measured(
    name: str, value: float, *, temperature_k: float | None = 300.0, flags: tuple[str, ...] = ()
) -> Measurement:
    unit = {"density": "g/cm3", "volume_expansion": "1/K"}[name]
    return Measurement(
        name=name, value=value, stderr=0.01, unit=unit, n_independent=9, flags=flags, temperature_k=temperature_k
    )


def test_the_bundled_table_is_a_set_of_polymers() -> None:
    polymers = reference_polymers(bundled_table(), BUNDLED)
    assert len(polymers) == 24
    assert sum(len(polymer.values) for polymer in polymers) == 164
    assert [polymer.abbreviation for polymer in polymers if polymer.key is None] == ["PDMS"]
    styrene = next(polymer for polymer in polymers if polymer.abbreviation == "PS")
    expansion = styrene.reference("volume_expansion")
    assert expansion is not None
    assert expansion.row.property == "volume_expansion_glass"
    assert styrene.reference("radius_of_gyration") is None


def test_one_polymer_is_one_however_it_is_written_and_units_are_converted() -> None:
    rows = [(2, a_value(psmiles="*CCCC*")), (3, a_value(property="bulk_modulus_isothermal", value=1500.0, unit="MPa"))]
    [polymer] = reference_polymers(rows, "here")
    modulus = polymer.reference("bulk_modulus_isothermal")
    assert modulus is not None
    assert (modulus.value, modulus.unit) == (pytest.approx(1.5), "GPa")


def test_a_row_that_is_not_fit_for_comparison_is_checked_all_the_same() -> None:
    with pytest.raises(InvalidInputFile, match="line 3"):
        reference_polymers([(2, a_value()), (3, a_value(unit="stone", comparable=False))], "here")


def test_abbreviations_choose_in_any_case() -> None:
    polymers = reference_polymers(bundled_table(), BUNDLED)
    assert [one.abbreviation for one in chosen(polymers, ["pmma", "PE"])] == ["PE", "PMMA"]
    assert chosen(polymers, []) == polymers


def test_a_value_of_another_temperature_is_not_compared() -> None:
    [polymer] = reference_polymers([(2, a_value())], "here")
    hot, room = measured("density", 0.7, temperature_k=450.0), measured("density", 0.84)
    [row] = compare(polymer, ["density"], [StudyAnswer("a", (hot,))])
    assert (row.status, row.reason) == ("skipped", "it was measured at 450 K")
    [row] = compare(polymer, ["density"], [StudyAnswer("a", (hot, room))])
    assert (row.status, row.predicted) == ("compared", 0.84)


def test_a_replicate_that_failed_leaves_the_others() -> None:
    [polymer] = reference_polymers([(2, a_value())], "here")
    failed = StudyAnswer("a", (), (Failure(stage="charges", kind="X", message="no"),), is_failed=True)
    good = StudyAnswer("b", (measured("density", 0.84, flags=("drifting",)),))
    [row] = compare(polymer, ["density"], [failed, good])
    assert (row.status, row.predicted, row.n_replicates, row.flags) == ("compared", 0.84, 1, ("drifting",))
    [row] = compare(polymer, ["density"], [failed])
    assert (row.status, row.reason) == ("failed", "charges: X: no")


def rows(radonpy: tuple[float | None, ...]) -> list[Comparison]:
    """Four polymers, two of each state, predicted too low by 0.02, 0.04, 0.06 and 0.08 of a unit."""
    found = []
    names = zip(("*CC*", "*CC(*)C", "*CC(*)c1ccccc1", "*CCO*"), (0.8, 0.9, 1.1, 1.3), radonpy, strict=True)
    for number, (psmiles, value, other) in enumerate(names):
        state = "glass" if number > 1 else "rubber/liquid"
        row = a_value(abbreviation=f"P{number}", psmiles=psmiles, value=value, radonpy_md=other, state=state)
        [polymer] = reference_polymers([(2, row)], "here")
        answer = StudyAnswer("a", (measured("density", value - 0.02 * (number + 1)),))
        found += compare(polymer, ["density"], [answer])
    return found


def test_radonpy_is_judged_on_the_same_polymers() -> None:
    summary = {(row.states, row.method): row for row in summarise(rows((0.7, None, 1.0, 1.2)))}
    assert summary["all", OURS].n == 4
    assert summary["all", OURS].bias == pytest.approx(-0.05)
    assert summary["all", OURS_BESIDE_RADONPY].n == summary["all", RADONPY].n == 3
    assert summary["all", OURS_BESIDE_RADONPY].bias == pytest.approx(-(0.02 + 0.06 + 0.08) / 3)
    assert summary["all", RADONPY].bias == pytest.approx(-0.1)
    assert summary["glass", RADONPY].n == 2
    assert ("glass", OURS_BESIDE_RADONPY) not in summary
    expected = agreement([0.7, 1.0, 1.2], [0.8, 1.1, 1.3])
    assert summary["all", RADONPY].r_squared == pytest.approx(expected.r_squared)


def test_without_radonpy_there_is_one_method() -> None:
    assert {row.method for row in summarise(rows((None,) * 4))} == {OURS}


def test_what_is_skipped_or_failed_does_not_count() -> None:
    [polymer] = reference_polymers([(2, a_value())], "here")
    nothing = skip(polymer, ["density"], "because")
    assert summarise(nothing) == []
    assert summarise([*rows((None,) * 4), *nothing])[0].n == 4


def test_markdown_keeps_its_table_whatever_a_reason_holds() -> None:
    [polymer] = reference_polymers([(2, a_value())], "here")
    text = markdown("title", skip(polymer, ["density"], "a | b\nc *d*"), [])
    [line] = [line for line in text.splitlines() if line.startswith("| PE |")]
    assert line == r"| PE | density | skipped | a \| b c \*d\* |"


def test_a_parity_figure_shows_every_value_and_the_line() -> None:
    points = [
        ParityPoint("PE", 0.855, 0.83, 0.01, "rubber/liquid", 0.838),
        ParityPoint("PS", 1.05, 1.0, None, "glass", None),
    ]
    [axes] = parity_figure(points, name="density", unit="g/cm3", other_name="RadonPy").axes
    drawn = {tuple(point) for line in axes.lines for point in zip(*line.get_data(), strict=True)}
    assert {(0.855, 0.83), (1.05, 1.0), (0.855, 0.838)} <= drawn
    assert axes.get_xlim() == axes.get_ylim()
    low, high = axes.get_xlim()
    assert low < 0.82 < 1.05 < high
    assert {(low, low), (high, high)} <= drawn
    assert {text.get_text() for text in axes.texts} == {"PE", "PS"}
    assert axes.get_xlabel() == "density, experiment [g/cm3]"
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "none" and line.get_marker() == "o"]
    assert [line.get_label() for line in hollow] == ["RadonPy, rubber/liquid"]


def test_a_parity_figure_of_one_point_has_a_square() -> None:
    [axes] = parity_figure([ParityPoint("PE", 1.5, 1.5, None, "glass")], name="refractive_index", unit="1").axes
    low, high = axes.get_xlim()
    assert low < 1.5 < high
    assert axes.get_ylabel() == "refractive index, predicted"
