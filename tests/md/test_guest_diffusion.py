"""Guests in motion: rigid, thermal, diffusing as theory says where there is one, and the same when resumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from lennard_jones import argon_cell

from polyomics.analysis.guest_motion import guest_motion, paths_beside_polymer_nm
from polyomics.cell.cell import Cell
from polyomics.cell.guests import gas_model
from polyomics.errors import CellNotPacked, UnknownName
from polyomics.forcefield.gases import principal_moments_amu_nm2
from polyomics.md.engine import Hardware
from polyomics.md.probes import EFFORTS, PROBES, probed
from polyomics.md.progress import Interrupted
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.runner import ProtocolRun, run_protocol
from polyomics.md.stages.guest_diffusion import GuestDiffusion
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.stage_output import StageOutput
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

CPU = Hardware(platform="CPU", threads=1)


def guests(gas: str, **settings: object) -> GuestDiffusion:
    given = {"name": "guests", "temperature_k": 300.0, "n_guests": 2, "duration_ps": 0.4, "segment_ps": 0.2}
    given |= {"control_ps": 0.04, "record_ps": 0.04, "report_ps": 0.1, "relax_ps": 0.2, "timestep_fs": 2.0}
    return GuestDiffusion(gas=gas, **(given | settings))


def protocol(*stages: object, cutoff_nm: float = 0.7) -> Protocol:
    return Protocol(name="test", nonbonded=Nonbonded(cutoff_nm=cutoff_nm, pme_force_error=2e-3), stages=stages)


def end_state(folder: Path) -> PhaseState:
    output = StageOutput.open(folder)
    return PhaseState.load(folder / output.segments[-1]["state"])


@pytest.mark.parametrize("name", ["co2", "n2", "h2o"])
def test_guests_stay_the_bodies_they_are(polyethylene_cell: Cell, tmp_path: Path, name: str) -> None:
    """After dynamics with constraints every guest has its bond lengths, its line and its moments of inertia."""
    stages = (Minimise(name="m", max_iterations=50), guests(name, timestep_fs=4.0))
    folder = run_protocol(polyethylene_cell, protocol(*stages), tmp_path, seed=1, hardware=CPU)[1].path
    gas, state = gas_model(name), end_state(folder)
    bodies = state.positions_nm[polyethylene_cell.n_atoms :].reshape(2, -1, 3)
    for body in bodies:
        sites = body[: gas.n_sites]
        for one in range(gas.n_sites):
            for other in range(one):
                length = np.linalg.norm(gas.positions_nm[one] - gas.positions_nm[other])
                assert np.linalg.norm(sites[one] - sites[other]) == pytest.approx(length, rel=1e-4)
        moments = principal_moments_amu_nm2(body, gas.particles.masses_amu)
        assert moments == pytest.approx(gas.inertia_amu_nm2, rel=1e-4, abs=1e-6)
    assert np.linalg.norm(bodies[0] - bodies[1], axis=-1).min() > 0.2


def test_records_hold_all_molecules_equally_spaced(polyethylene_cell: Cell, tmp_path: Path) -> None:
    stages = (Minimise(name="m", max_iterations=50), guests("ch4", pressure_bar=1.0))
    folder = run_protocol(polyethylene_cell, protocol(*stages), tmp_path, seed=1, hardware=CPU)[1].path
    output = StageOutput.open(folder)
    parts = output.arrays("paths")
    assert len(parts) == 2
    times = np.concatenate([part["time_ps"] for part in parts])
    assert times == pytest.approx(0.04 * np.arange(1, 11))
    assert parts[0]["centres_nm"].shape == (5, 4, 3)
    assert parts[0]["masses_amu"][-2:] == pytest.approx(16.043)
    last = end_state(folder)
    assert parts[-1]["centres_nm"][-1, -2:] == pytest.approx(last.positions_nm[-2:])
    masses, cell = polyethylene_cell.masses_amu, polyethylene_cell
    first = cell.molecule_of_atom == 0
    centre = masses[first] @ last.positions_nm[: cell.n_atoms][first] / masses[first].sum()
    assert parts[-1]["centres_nm"][-1, 0] == pytest.approx(centre, abs=1e-6)
    assert set(output.thermo) >= {"temperature_k", "pressure_bar"}


def test_a_resumed_run_is_the_undisturbed_one(polyethylene_cell: Cell, tmp_path: Path) -> None:
    """Stopped before every segment; a second stage starts from the cell without guests, as the first does."""
    warm = Nvt(name="warm", temperature_k=300, duration_ps=0.08, control_ps=0.04, timestep_fs=2)
    stages = (
        Minimise(name="m", max_iterations=20),
        warm,
        guests("co2", name="one", after="warm", duration_ps=0.24, segment_ps=0.12, relax_ps=0.04),
        guests("he", name="two", after="warm", duration_ps=0.24, segment_ps=0.12, relax_ps=0.04),
    )
    plan = protocol(*stages)
    reference = Hardware(platform="Reference")
    run_protocol(polyethylene_cell, plan, tmp_path / "whole", seed=5, hardware=reference)
    for _ in range(20):
        asked = iter([False])
        run = ProtocolRun(
            polyethylene_cell,
            plan,
            tmp_path / "parts",
            seed=5,
            hardware=reference,
            should_stop=lambda a=asked: next(a, True),
        )
        try:
            run.run_stage(3)
            run.run_stage(4)
        except Interrupted:
            continue
        break
    for name in ("03-one", "04-two"):
        whole, parts = (StageOutput.open(tmp_path / kind / name) for kind in ("whole", "parts"))
        assert [s["files"] for s in whole.segments] == [s["files"] for s in parts.segments]
        for one, other in zip(whole.arrays("paths"), parts.arrays("paths"), strict=True):
            assert np.array_equal(one["centres_nm"], other["centres_nm"])


def free_cell() -> Cell:
    """Heavy atoms that nothing sees."""
    cell = argon_cell(1, 0.02)
    system = openmm.XmlSerializer.deserialize(cell.system_xml)
    for index in range(cell.n_atoms):
        system.setParticleMass(index, 1e5)
        system.getForce(0).setParticleParameters(index, 0.0, 0.1, 0.0)
    return replace(cell, system_xml=openmm.XmlSerializer.serialize(system), masses_amu=np.full(cell.n_atoms, 1e5))


def test_free_guests_diffuse_as_langevin_particles(tmp_path: Path) -> None:
    """D = kT / (m γ), and equipartition: the polymer here is heavy atoms that nothing sees."""
    stage = guests(
        "he", n_guests=20, duration_ps=30, segment_ps=15, friction_per_ps=20.0, control_ps=0.1, record_ps=0.1,
        report_ps=0.5, timestep_fs=5.0,
    )  # fmt: skip
    folder = run_protocol(free_cell(), protocol(stage, cutoff_nm=0.5), tmp_path, seed=3, hardware=CPU)[0].path
    parts = StageOutput.open(folder).arrays("paths")
    box, centres = (np.concatenate([part[name] for part in parts]) for name in ("box_nm", "centres_nm"))
    paths = paths_beside_polymer_nm(centres, box, parts[0]["masses_amu"], 20)
    found = guest_motion(paths, 0.1)
    expected = GAS_CONSTANT_KJ_MOL_K * 300.0 / (gas_model("he").mass_amu * 20.0)
    assert found.trouble is None
    assert found.coefficient_nm2_ps.stderr < 0.2 * expected
    assert found.coefficient_nm2_ps.mean == pytest.approx(expected, abs=3.5 * found.coefficient_nm2_ps.stderr)
    temperature = StageOutput.open(folder).thermo["temperature_k"]
    assert temperature.mean() == pytest.approx(300.0, rel=0.1)


def test_a_wrong_gas_and_a_cell_without_room_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'co2'"):
        guests("co")
    with pytest.raises(CellNotPacked, match="not one place of"):
        run_protocol(argon_cell(3, 1.6), protocol(guests("ch4"), cutoff_nm=0.45), tmp_path, seed=1, hardware=CPU)


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_probe_goes_to_yaml_and_back_and_branches_from_the_sample(effort: str) -> None:
    target = Target()
    whole = probed(PROTOCOLS["smoke"](target), ["gas_transport"], target, effort)
    assert Protocol.from_yaml(whole.to_yaml()) == whole
    stages = PROBES["gas_transport"](target, effort)
    assert {stage.after for stage in stages} == {"sample"}
    for stage in stages:
        records = stage.segment_ps / stage.record_ps
        assert records == pytest.approx(round(records))
        assert stage.record_ps / stage.control_ps == pytest.approx(round(stage.record_ps / stage.control_ps))
        assert 0.15 * stage.duration_ps / stage.record_ps > 10
