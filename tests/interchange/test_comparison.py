"""Two sides are held against each other value by value, with the error of the difference."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from polyomics.comparison import compare
from polyomics.database import Polymer, Store
from polyomics.database.imports import FinishedStudy, put_finished
from polyomics.errors import InvalidPolymer, InvalidSettings, NoResults, StudyNotFound, UnknownName
from polyomics.interchange.imported_row import describe
from polyomics.records import Measurement

PE, PS, PP = "*CC*", "*CC(*)c1ccccc1", "*CC(*)C"
Enter = Callable[..., str]


@pytest.fixture
def enter(store: Store) -> Enter:
    """Enters a study with the given values (value, standard error) and returns its key."""
    numbers = iter(range(1000))

    def add(
        psmiles: str,
        source: str = "",
        preset: str = "imported",
        temperature_k: float = 300.0,
        unit: str = "g/cm3",
        **values: tuple[float, float | None],
    ) -> str:
        polymer: Polymer = describe(psmiles).polymer
        key = f"{next(numbers):08x}" + "c" * 12
        measurements = [
            Measurement(
                name=name,
                value=value,
                stderr=stderr,
                unit=unit,
                n_independent=1.0,
                flags=("x",),
                temperature_k=temperature_k,
            )
            for name, (value, stderr) in values.items()
        ]
        study = FinishedStudy(
            key, source, polymer, {}, temperature_k, 1.0, "imports/x", preset=preset, measurements=measurements
        )
        assert put_finished(store, [study]) == {key}
        return key

    return add


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [(0.0, "agree"), (1.9, "agree"), (-1.9, "agree"), (2.5, "unclear"), (3.5, "differ"), (-30.0, "differ")],
)
def test_the_verdict_follows_from_the_difference_in_its_errors(
    store: Store, enter: Enter, shift: float, verdict: str
) -> None:
    a = enter(PE, density=(1.0, 0.03))
    b = enter(PS, density=(1.0 + 0.05 * shift, 0.04))
    (item,) = compare(store, a, b).values
    assert item.difference == pytest.approx(0.05 * shift)
    assert item.stderr == pytest.approx(math.hypot(0.03, 0.04))
    assert item.z == pytest.approx(shift)
    assert item.verdict == verdict


def test_without_an_error_there_is_no_verdict(store: Store, enter: Enter) -> None:
    (item,) = compare(store, enter(PE, density=(1.0, None)), enter(PE, density=(2.0, 0.1))).values
    assert (item.difference, item.stderr, item.z, item.verdict) == (1.0, None, None, "no error")


def test_values_of_other_states_and_units_are_not_judged(store: Store, enter: Enter) -> None:
    cold, hot = enter(PE, density=(1.0, 0.1)), enter(PE, density=(0.8, 0.1), temperature_k=400.0)
    (item,) = compare(store, cold, hot).values
    assert (item.verdict, item.difference) == ("other state", pytest.approx(-0.2))
    (item,) = compare(store, cold, enter(PE, density=(1000.0, 1.0), unit="kg/m3")).values
    assert (item.verdict, item.difference) == ("other unit", None)


def test_the_value_at_the_nearest_temperature_is_taken(store: Store, enter: Enter) -> None:
    enter(PE, "lab", density=(0.8, 0.1), temperature_k=400.0)
    enter(PE, "lab", density=(1.0, 0.1), temperature_k=300.0)
    enter(PE, "md", density=(0.9, 0.1), temperature_k=303.0)
    (item,) = compare(store, "lab", "md").values
    assert item.a.temperature_k == 300.0
    assert item.verdict == "agree"


def test_studies_of_one_polymer_are_put_together_with_what_they_differ_by(store: Store, enter: Enter) -> None:
    for value in (0.9, 1.0, 1.1):
        enter(PE, density=(value, 0.001))
    enter(PS, density=(1.05, 0.001))
    (item,) = compare(store, PE, PS).values
    assert (item.a.n_studies, item.a.value) == (3, pytest.approx(1.0))
    assert item.a.stderr is not None
    assert item.a.stderr > 0.1 / math.sqrt(3.0)
    assert item.verdict == "agree"


def test_data_sets_are_compared_polymer_by_polymer(store: Store, enter: Enter) -> None:
    truth = {PE: 0.85, PS: 1.05, PP: 0.9}
    for psmiles, value in truth.items():
        enter(psmiles, "lab", density=(value, 0.01))
        enter(psmiles, density=(value - 0.05, 0.01), viscosity=(1.0, 0.1))
    enter("*CCO*", "lab", density=(1.1, 0.01))
    found = compare(store, "lab", "computed")
    assert {item.psmiles for item in found.values} == set(truth)
    (summary,) = found.properties
    assert (summary.n, summary.n_agree, summary.n_differ) == (3, 0, 3)
    assert summary.bias == pytest.approx(-0.05)
    assert summary.mean_absolute_difference == pytest.approx(0.05)
    assert summary.r_squared == pytest.approx(1.0)
    assert (found.only_a, found.only_b) == ((), ("viscosity",))


def test_presets_are_compared_and_properties_can_be_chosen(store: Store, enter: Enter) -> None:
    enter(PE, preset="demo", density=(1.0, 0.1), viscosity=(1.0, 0.1))
    enter(PE, preset="standard", density=(1.0, 0.1), viscosity=(1.0, 0.1))
    found = compare(store, "demo", "standard", properties=["viscosity"])
    assert [item.property for item in found.values] == ["viscosity"]


def test_a_polymer_is_found_however_it_is_written(store: Store, enter: Enter) -> None:
    enter(PS, density=(1.0, 0.1))
    enter(PE, density=(0.9, 0.1))
    (item,) = compare(store, "*C(c1ccccc1)C*", "*CCCC*").values
    assert item.difference == pytest.approx(-0.1)


def test_what_is_not_there_is_told(store: Store, enter: Enter) -> None:
    key = enter(PE, "lab", density=(1.0, 0.1))
    other = enter(PS, "md", viscosity=(1.0, 0.1))
    with pytest.raises(UnknownName, match="lab, md, computed"):
        compare(store, "nothing", key)
    with pytest.raises(StudyNotFound):
        compare(store, "abcdef", key)
    with pytest.raises(InvalidPolymer):
        compare(store, "*C(", key)
    with pytest.raises(NoResults, match="no property in common"):
        compare(store, key, other)
    enter(PP, "lab", density=(1.0, 0.1))
    with pytest.raises(NoResults, match="no polymer in common"):
        compare(store, "lab", "md")
    with pytest.raises(NoResults, match="'demo' has no values"):
        compare(store, "demo", "lab", known_presets=["demo"])
    with pytest.raises(UnknownName, match="neither side has the property 'tg'"):
        compare(store, key, other, properties=["tg"])
    with pytest.raises(InvalidSettings, match="the same"):
        compare(store, key, key[:8])


def test_a_source_counts_before_a_preset_of_the_same_name(store: Store, enter: Enter, tmp_path: Path) -> None:
    enter(PE, "demo", density=(1.0, 0.1))
    enter(PE, density=(1.0, 0.1), preset="demo")
    assert compare(store, "demo", "computed").a.kind == "source"
