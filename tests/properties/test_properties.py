"""What every registered property must do. What each one is, is tested in a file of its own."""

from dataclasses import replace

import numpy as np
import pytest
from beads import N_BEADS, N_CHAINS, bead_cell, beads_nm, measure
from scipy.spatial.transform import Rotation

from polyomics.errors import InvalidSettings, NotEnoughData, UnknownName
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.properties.property import STAGES_OF_ENSEMBLE
from polyomics.records import Measurement
from polyomics.trajectory import Trajectory

NAMES = PROPERTIES.names()
OF_EQUILIBRIUM = [name for name in NAMES if PROPERTIES[name].probe is None]
"""Those measured on the stages that every protocol has; the others are tested on stages of their probes."""
OF_PROBES = [name for name in NAMES if PROPERTIES[name].probe is not None]


def assert_same(first: list[Measurement], second: list[Measurement]) -> None:
    assert [m.name for m in first] == [m.name for m in second]
    for one, other in zip(first, second, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-3)
        assert other.stderr == (None if one.stderr is None else pytest.approx(one.stderr, rel=2e-2))


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    cls = PROPERTIES[name]
    assert cls.name == name
    for text in (cls.unit, cls.definition, cls.reference):
        assert text.strip()
    assert "DOI 10." in cls.reference
    assert cls.needs in STAGES_OF_ENSEMBLE
    assert cls.__doc__


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
def test_gives_values_with_errors_and_its_state(name: str, simulation) -> None:
    context = MeasurementContext(temperature_k=310.0, pressure_bar=2.0, extra_flags=("demo_quality",))
    for measurement in measure(name, simulation(), context):
        assert np.isfinite(measurement.value)
        if "exact" in measurement.flags:
            assert measurement.stderr is None
        else:
            assert measurement.stderr > 0
            assert measurement.n_independent > 10
        assert measurement.unit == PROPERTIES[name].unit
        assert (measurement.temperature_k, measurement.pressure_bar) == (310.0, 2.0)
        assert "demo_quality" in measurement.flags


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
def test_a_turned_and_shifted_cell_is_the_same(name: str, simulation) -> None:
    rotation = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    if PROPERTIES[name].sees_images:
        rotation = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
    assert_same(measure(name, simulation()), measure(name, simulation(beads_nm() @ rotation.T)))
    assert_same(measure(name, simulation()), measure(name, simulation(beads_nm() + np.array([3.0, -50.0, 7.0]))))


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
def test_the_order_of_atoms_in_a_molecule_does_not_matter(name: str, simulation) -> None:
    rng = np.random.default_rng(2)
    order = np.concatenate([i * N_BEADS + rng.permutation(N_BEADS) for i in range(N_CHAINS)])
    new_number = np.argsort(order)
    cell = bead_cell()
    cell = replace(cell, masses_amu=rng.uniform(1, 30, cell.n_atoms))
    shuffled = replace(
        cell,
        positions_nm=cell.positions_nm[order],
        masses_amu=cell.masses_amu[order],
        charges_e=cell.charges_e[order],
        unit_of_atom=cell.unit_of_atom[order],
        bonds=new_number[cell.bonds],
    )
    assert_same(measure(name, simulation(cell=cell)), measure(name, simulation(beads_nm()[:, order], cell=shuffled)))


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
@pytest.mark.parametrize("n_frames", [1, 2])
def test_too_short_a_trajectory_is_flagged(name: str, n_frames: int, simulation) -> None:
    """Two chains, so that the spread between chains does not tell enough either. What has no value at all then (a
    variance, a fit) is a failure."""
    whole = bead_cell()
    keep = slice(0, 2 * N_BEADS)
    names = ("positions_nm", "atomic_numbers", "masses_amu", "charges_e", "molecule_of_atom", "unit_of_atom")
    cell = replace(whole, template_atom=whole.template_atom[keep], **{n: getattr(whole, n)[keep] for n in names})
    cell = replace(cell, bonds=whole.bonds[: 2 * (N_BEADS - 1)])
    try:
        measurements = measure(name, simulation(beads_nm(n_frames)[:, keep], cell=cell))
    except NotEnoughData:
        return
    for measurement in measurements:
        assert measurement.stderr is None
        assert measurement.flags


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
@pytest.mark.parametrize("kind", ["nvt", "npt", "anneal", "compress", "minimise", "push_off"])
def test_only_a_stage_that_can_give_it_is_read(name: str, kind: str, simulation) -> None:
    cls = PROPERTIES[name]
    if kind in STAGES_OF_ENSEMBLE[cls.needs]:
        assert measure(name, simulation(kind=kind))
        return
    with pytest.raises(InvalidSettings) as caught:
        measure(name, simulation(kind=kind))
    message = str(caught.value)
    assert name in message
    assert kind in message
    assert all(able in message for able in STAGES_OF_ENSEMBLE[cls.needs])


@pytest.mark.parametrize("name", OF_EQUILIBRIUM)
def test_numbers_that_are_not_finite_are_a_failure(name: str, simulation) -> None:
    def spoil(table: dict[str, np.ndarray]) -> None:
        for column in table:
            if column != "time_ps":
                table[column][7] = np.nan

    whole = simulation(change_thermo=spoil)
    trajectory = whole.sample

    class Damaged(Trajectory):
        def chunks(self, n_frames: int | None = None):
            first = 0
            for frames in trajectory.chunks(n_frames):
                spoiled = frames.positions_nm.copy()
                if first <= 7 < first + len(spoiled):
                    spoiled[7 - first, 3] = np.nan
                first += len(spoiled)
                yield replace(frames, positions_nm=spoiled)

    if all("exact" in measurement.flags for measurement in measure(name, simulation())):
        return  # follows from the molecules alone
    damaged = Damaged(trajectory.cell, trajectory.stage, trajectory.thermo, trajectory.frame_files)
    with pytest.raises(NotEnoughData, match="not finite"):
        measure(name, replace(whole, sample=damaged))


@pytest.mark.parametrize("name", OF_PROBES)
def test_without_the_stages_of_its_probe_it_is_refused(name: str, simulation) -> None:
    """With a sentence that says which are missing."""
    with pytest.raises(InvalidSettings, match=name):
        measure(name, simulation())


def test_names_and_units_of_the_experimental_table() -> None:
    assert PROPERTIES["density"].unit == "g/cm3"


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(UnknownName, match="did you mean 'density'"):
        PROPERTIES["densty"]
