"""Dielectric relaxation of SPC/E water, whose relaxation time and dielectric constant are published, by the stage.

216 rigid molecules at 0.997 g/cm³ and 298 K are melted from a lattice, brought to equilibrium at constant volume, and
then followed by the stage `dipoles`. Published for this model at this state: a
dielectric constant of 68 to 72 and a relaxation time of the dipole of the cell of 10 to 12 ps. Processor time beside
that of the same steps without records is the cost of recording.

    python benchmarks/dielectric_relaxation.py RUN_FOLDER [--ps 2000] [--platform CPU] [--threads 1]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import openmm

from polyomics.analysis.dielectric import dielectric_constant
from polyomics.analysis.dielectric_relaxation import (
    dipole_correlation,
    permittivity,
    reachable_frequencies_ghz,
    relaxation,
)
from polyomics.cell.cell import Cell
from polyomics.errors import StepFailed
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import ProtocolRun
from polyomics.md.stage import Stage
from polyomics.md.stages.dipoles import Dipoles
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.nvt import Nvt
from polyomics.stage_output import StageOutput

TEMPERATURE_K, DENSITY_G_CM3, N_A_SIDE = 298.0, 0.997, 6
CHARGE_H_E, SIGMA_NM, EPSILON_KJ_MOL = 0.4238, 0.3166, 0.650
MASSES_AMU = (15.9994, 1.008, 1.008)
OH_NM, HH_NM = 0.1, 0.1632980862
COST_PS = 4.0


def water() -> Cell:
    """Rigid SPC/E molecules on a lattice, turned at random."""
    n = N_A_SIDE**3
    edge_nm = (n * sum(MASSES_AMU) / DENSITY_G_CM3 / 602.214076) ** (1.0 / 3.0)
    half = 0.5 * HH_NM
    shape = np.array([[0, 0, 0], [half, np.sqrt(OH_NM**2 - half**2), 0], [-half, np.sqrt(OH_NM**2 - half**2), 0]])
    rng = np.random.default_rng(1)
    turns = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
    sites = np.stack(np.meshgrid(*[np.arange(N_A_SIDE)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    positions = ((sites + 0.5) * edge_nm / N_A_SIDE + np.einsum("mij,aj->mai", turns, shape)).reshape(-1, 3)
    system, force = openmm.System(), openmm.NonbondedForce()
    for molecule in range(n):
        for number, mass in enumerate(MASSES_AMU):
            system.addParticle(mass)
            charge = CHARGE_H_E if number else -2.0 * CHARGE_H_E
            force.addParticle(charge, SIGMA_NM, 0.0 if number else EPSILON_KJ_MOL)
        oxygen = 3 * molecule
        for one, other, length in ((0, 1, OH_NM), (0, 2, OH_NM), (1, 2, HH_NM)):
            system.addConstraint(oxygen + one, oxygen + other, length)
            force.addException(oxygen + one, oxygen + other, 0.0, 1.0, 0.0)
    force.setNonbondedMethod(force.PME)
    force.setUseDispersionCorrection(True)
    system.addForce(force)
    system.setDefaultPeriodicBoxVectors(*np.diag(np.full(3, edge_nm)).tolist())
    oxygens = 3 * np.arange(n)
    return Cell(
        positions_nm=positions,
        box_nm=np.full(3, edge_nm),
        system_xml=openmm.XmlSerializer.serialize(system),
        atomic_numbers=np.tile([8, 1, 1], n),
        masses_amu=np.tile(MASSES_AMU, n),
        charges_e=np.tile([-2.0 * CHARGE_H_E, CHARGE_H_E, CHARGE_H_E], n),
        molecule_of_atom=np.repeat(np.arange(n), 3),
        unit_of_atom=np.zeros(3 * n, dtype=np.int64),
        template_atom=np.tile([0, 1, 2], n),
        bonds=np.concatenate([np.column_stack([oxygens, oxygens + i]) for i in (1, 2)]),
        rings=(),
        vdw_volume_nm3=0.02 * n,
    )


def stages(ps: float) -> list[Stage]:
    """Equilibration, two short ones for the cost, and the one that is measured."""
    state = {"temperature_k": TEMPERATURE_K, "timestep_fs": 2.0, "hydrogen_mass_amu": 1.0}
    return [
        Minimise(name="minimise"),
        Nvt(name="melt", duration_ps=5, friction_per_ps=5, **{**state, "temperature_k": 400.0}),
        Nvt(name="equilibrate", role="sample", duration_ps=20, friction_per_ps=1, **state),
        Nvt(name="unrecorded", duration_ps=COST_PS, friction_per_ps=1, **state),
        Dipoles(name="recorded", duration_ps=COST_PS, **state),
        Dipoles(name="dipoles", after="sample", duration_ps=ps, report_ps=5, **state),
    ]


def describe(folder: Path, cell: Cell) -> None:
    """Relaxation time, dielectric constant and loss peak of a stage."""
    output = StageOutput.open(folder)
    found = output.joined("dipoles")
    moments, interval_ps = found["dipole_e_nm"], float(found["interval_ps"][0])
    print(f"{folder.name}: {len(moments) * interval_ps:g} ps, {output.thermo['temperature_k'].mean():.1f} K")
    volume_nm3 = float(np.prod(cell.box_nm))
    static = dielectric_constant(moments, volume_nm3, TEMPERATURE_K)
    print(f"  dielectric constant {static.mean:.1f} ± {static.stderr or np.nan:.1f} {static.flags}")
    try:
        time_found = relaxation(dipole_correlation(moments, interval_ps, 10))
        estimate = time_found.time
        print(
            f"  relaxation time {estimate.mean:.2f} ± {estimate.stderr:.2f} ps, stretching {time_found.stretching:.2f}"
        )
    except StepFailed as error:
        print(f"  {error.kind}: {error}")
    frequencies = reachable_frequencies_ghz(len(moments), interval_ps)
    spectrum = permittivity(moments, interval_ps, volume_nm3, TEMPERATURE_K, frequencies)
    columns = (frequencies, 1.0 + spectrum.storage, spectrum.storage_stderr, spectrum.loss, spectrum.loss_stderr)
    for values in zip(*columns, strict=True):
        print("  {:9.1f} GHz  ε' {:7.2f} ± {:5.2f}  ε'' {:7.2f} ± {:5.2f}".format(*values))


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ps", type=float, default=2000.0)
    parser.add_argument("--platform")
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    cell = water()
    protocol = Protocol(name="water", nonbonded=Nonbonded(cutoff_nm=0.9), stages=tuple(stages(asked.ps)))
    hardware = Hardware(platform=asked.platform, threads=asked.threads)
    run = ProtocolRun(cell, protocol, asked.folder, seed=1, hardware=hardware)
    for number, stage in enumerate(protocol.stages, start=1):
        started = time.process_time()
        done = run.run_stage(number)
        print(f"{stage.name}: {time.process_time() - started:.1f} s of processor, {done.wall_s:.1f} s", flush=True)
        if isinstance(stage, Dipoles) and stage.name != "recorded":
            describe(done.path, cell)


if __name__ == "__main__":
    main()
