"""Whether the stated error bars are the spread between runs: many short NPT runs of liquid argon, from start to end.

    python benchmarks/error_bars.py FOLDER [--runs 32] [--ps 100] > table.md

Lennard-Jones argon (σ = 0.3405 nm, ε/k_B = 119.8 K; Rahman 1964, DOI 10.1103/PhysRev.136.A405), 300 atoms in the
stages that polymers run in, one CPU thread; only the seed differs between runs. For every property: the mean over
runs with its error; the spread between runs; the root mean square of the stated standard errors; and the ratio of the
last two, which itself is uncertain by 1/√(2 (runs - 1)), 13 % with 32.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm

from polyomics.cell.cell import Cell
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stages.npt import Npt
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.simulation import Simulation
from polyomics.trajectory import Trajectory
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

SIGMA_NM, EPSILON_KJ_MOL, MASS_AMU = 0.3405, 119.8 * GAS_CONSTANT_KJ_MOL_K, 39.948
TEMPERATURE_K, PRESSURE_BAR, DENSITY_G_CM3 = 94.4, 100.0, 1.37
CUTOFF_NM = 1.0
PROPERTY_NAMES = (
    "density",
    "specific_heat_capacity_cp_classical",
    "specific_heat_capacity_cv_classical",
    "compressibility_isothermal",
    "volume_expansion",
    "compressibility_adiabatic",
    "speed_of_sound",
)


@dataclass(frozen=True)
class Comparison:
    """The values of one property in all runs, and their stated errors."""

    name: str
    unit: str
    values: np.ndarray
    stated: np.ndarray
    n_independent: np.ndarray

    @property
    def spread(self) -> float:
        """Standard deviation between runs."""
        return float(self.values.std(ddof=1))

    @property
    def rms_stated(self) -> float:
        """Root mean square of the stated standard errors."""
        return float(np.sqrt(np.mean(self.stated**2)))

    @property
    def ratio(self) -> float:
        """Stated over found."""
        return self.rms_stated / self.spread


def argon_cell(n_atoms: int = 300) -> Cell:
    """Argon atoms on a cubic lattice with vacancies, at about the density of the liquid."""
    from polyomics.units import box_edge_nm

    edge = box_edge_nm(n_atoms * MASS_AMU, DENSITY_G_CM3)
    n_edge = int(np.ceil(n_atoms ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(n_edge)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = np.random.default_rng(1).choice(len(sites), n_atoms, replace=False)
    system, force = openmm.System(), openmm.NonbondedForce()
    for _ in range(n_atoms):
        system.addParticle(MASS_AMU)
        force.addParticle(0.0, SIGMA_NM, EPSILON_KJ_MOL)
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    system.addForce(force)
    system.setDefaultPeriodicBoxVectors(*np.diag(np.full(3, edge)).tolist())
    return Cell(
        positions_nm=(sites[chosen] + 0.5) * edge / n_edge,
        box_nm=np.full(3, edge),
        system_xml=openmm.XmlSerializer.serialize(system),
        atomic_numbers=np.full(n_atoms, 18),
        masses_amu=np.full(n_atoms, MASS_AMU),
        charges_e=np.zeros(n_atoms),
        molecule_of_atom=np.arange(n_atoms),
        unit_of_atom=np.zeros(n_atoms, dtype=int),
        template_atom=np.zeros(n_atoms, dtype=int),
        bonds=np.empty((0, 2), dtype=int),
        rings=(),
        vdw_volume_nm3=0.0,
    )


def argon_protocol(sample_ps: float) -> Protocol:
    """Melt the lattice, settle at the state, sample."""
    common = {"pressure_bar": PRESSURE_BAR, "timestep_fs": 5.0, "control_ps": 0.25, "report_ps": 0.5}
    return Protocol(
        name="argon",
        nonbonded=Nonbonded(cutoff_nm=CUTOFF_NM, pme_force_error=1e-2),
        stages=(
            Npt(name="melt", temperature_k=2 * TEMPERATURE_K, duration_ps=2, **{**common, "pressure_bar": 1000.0}),
            Npt(name="settle", temperature_k=TEMPERATURE_K, duration_ps=8, **common),
            Npt(name="sample", role="sample", temperature_k=TEMPERATURE_K, duration_ps=sample_ps, **common),
        ),
    )


def compare(folder: Path, n_runs: int, sample_ps: float, names: Iterable[str] = PROPERTY_NAMES) -> list[Comparison]:
    """Run the liquid `n_runs` times and measure every run; runs that `folder` already holds are not run again."""
    cell, protocol = argon_cell(), argon_protocol(sample_ps)
    cell.save(folder / "cell")
    context = MeasurementContext(temperature_k=TEMPERATURE_K, pressure_bar=PRESSURE_BAR)
    found: dict[str, list] = {name: [] for name in names}
    for seed in range(n_runs):
        stages = run_protocol(
            cell, protocol, folder / f"run{seed:03d}", seed=seed, hardware=Hardware(platform="CPU", threads=1)
        )
        simulation = Simulation(Trajectory.open(folder / "cell", stages[-1].path, require_frames=False))
        for name, results in found.items():
            results += PROPERTIES[name]().measure(simulation, context)
    return [
        Comparison(
            name,
            PROPERTIES[name].unit,
            np.array([one.value for one in results]),
            np.array([one.stderr for one in results]),
            np.array([one.n_independent for one in results]),
        )
        for name, results in found.items()
    ]


def table(comparisons: list[Comparison]) -> str:
    """The comparison as a Markdown table."""
    lines = [
        "| property | unit | mean of the runs | samples a run | spread of runs | stated error | stated / spread |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in comparisons:
        error = one.spread / np.sqrt(len(one.values))
        lines.append(
            f"| {one.name} | {one.unit} | {one.values.mean():.4g} ± {error:.2g} | {np.median(one.n_independent):.0f} | "
            f"{one.spread:.3g} | {one.rms_stated:.3g} | {one.ratio:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the runs go; those already there are used")
    parser.add_argument("--runs", type=int, default=32)
    parser.add_argument("--ps", type=float, default=100.0, help="length of the sampling stage of a run [ps]")
    asked = parser.parse_args()
    print(table(compare(asked.folder, asked.runs, asked.ps)))


if __name__ == "__main__":
    main()
