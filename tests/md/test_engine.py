from pathlib import Path

import numpy as np
import openmm
import pytest

from polyomics.cell.cell import Cell
from polyomics.errors import EngineFailed, InvalidSettings
from polyomics.md.engine import Engine, Hardware, available_platforms, choose_platform, nonbonded_force
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stages.nvt import Nvt


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
