from pathlib import Path

import numpy as np
import openmm
import pytest
from lennard_jones import argon_cell

from polyomics.cell.cell import Cell
from polyomics.errors import EngineFailed, InvalidSettings
from polyomics.md.engine import (
    Engine,
    Hardware,
    Running,
    available_platforms,
    choose_platform,
    make_barostat,
    nonbonded_force,
)
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stages.nvt import Nvt
from polyomics.md.stress import stress_meter
from polyomics.units import KJ_MOL_NM3_IN_BAR


def test_a_platform_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(InvalidSettings, match="Reference"):
        choose_platform(Hardware(platform="Abacus"))


def test_the_fastest_platform_is_taken() -> None:
    assert choose_platform(Hardware()).getName() in available_platforms()
    assert available_platforms().index("CPU") < available_platforms().index("Reference")


def test_a_box_narrower_than_the_forces_reach_is_a_failed_step(polyethylene_cell: Cell, tmp_path: Path) -> None:
    too_far = Nonbonded(cutoff_nm=float(polyethylene_cell.box_nm[0]))
    protocol = Protocol(name="p", nonbonded=too_far, stages=(Nvt(name="narrow", temperature_k=300, duration_ps=0.2),))
    with pytest.raises(EngineFailed, match="narrow"):
        run_protocol(polyethylene_cell, protocol, tmp_path, seed=1, hardware=Hardware(platform="Reference"))


def test_the_tail_correction_is_on_and_brings_two_cut_offs_together(polyethylene_cell: Cell) -> None:
    """Without the correction a shorter cut-off loses dispersion energy; with it most of that comes back."""

    def energy_kj_mol(cutoff_nm: float, corrected: bool) -> float:
        engine = Engine(polyethylene_cell, Nonbonded(cutoff_nm=cutoff_nm), Hardware(platform="Reference"))
        system = engine.system()
        force = nonbonded_force(system)
        assert force.getUseDispersionCorrection()
        force.setUseDispersionCorrection(corrected)
        context = engine.context(system, openmm.VerletIntegrator(0.001), polyethylene_cell.box_nm)
        context.setPositions(polyethylene_cell.positions_nm)
        return context.getState(energy=True).getPotentialEnergy().value_in_unit(openmm.unit.kilojoule_per_mole)

    corrected = energy_kj_mol(0.7, True) - energy_kj_mol(0.7, False)
    assert corrected < 0
    # -8 pi/3 N² <C6> / (V rc³) falls with the cube of the cut-off.
    longer = energy_kj_mol(0.9, True) - energy_kj_mol(0.9, False)
    assert longer / corrected == pytest.approx((0.7 / 0.9) ** 3, rel=0.02)


def test_lj_pme_is_available(polyethylene_cell: Cell) -> None:
    engine = Engine(polyethylene_cell, Nonbonded(cutoff_nm=0.8, lj_pme=True), Hardware(platform="Reference"))
    assert nonbonded_force(engine.system()).getNonbondedMethod() == openmm.NonbondedForce.LJPME
    assert np.isfinite(polyethylene_cell.box_nm).all()


@pytest.mark.parametrize("kind", ["isotropic", "anisotropic", "flexible"])
def test_every_barostat_measures_the_same_pressure(kind: str) -> None:
    """The flexible one gives shear components too, which are no part of it."""
    cell = argon_cell(5, 0.9, seed=3)
    barostat = {
        "isotropic": lambda: make_barostat(None, 100.0, 1),
        "anisotropic": lambda: openmm.MonteCarloAnisotropicBarostat(openmm.Vec3(0, 0, 0), 100.0, True, True, True, 0),
        "flexible": stress_meter,
    }[kind]()
    engine = Engine(cell, Nonbonded(cutoff_nm=0.85), Hardware(platform="Reference"))
    system = engine.system()
    system.addForce(barostat)
    integrator = openmm.VerletIntegrator(0.001)
    context = engine.context(system, integrator, cell.box_nm)
    context.setPositions(cell.positions_nm)
    context.setVelocitiesToTemperature(100.0, 5)
    found = Running(context, integrator, barostat, cell.mass_amu).terms(0.0)["pressure_bar"]
    assert found == pytest.approx(_pressure_bar(cell, context), rel=0.02)


def _pressure_bar(cell: Cell, context: openmm.Context) -> float:
    """-dE/dV by a finite difference of the box, and the kinetic part."""
    state = context.getState(energy=True)
    kinetic = state.getKineticEnergy().value_in_unit(openmm.unit.kilojoule_per_mole)
    energies, volumes = [], []
    for factor in (0.9995, 1.0005):
        context.setPeriodicBoxVectors(*np.diag(cell.box_nm * factor))
        context.setPositions(cell.positions_nm * factor)
        energy = context.getState(energy=True).getPotentialEnergy()
        energies.append(energy.value_in_unit(openmm.unit.kilojoule_per_mole))
        volumes.append(float(np.prod(cell.box_nm * factor)))
    virial = -(energies[1] - energies[0]) / (volumes[1] - volumes[0])
    return (virial + 2.0 * kinetic / (3.0 * float(np.prod(cell.box_nm)))) * KJ_MOL_NM3_IN_BAR
