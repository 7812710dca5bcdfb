"""Freely jointed charged beads as a simulation, and how to measure on it."""

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import openmm
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from polyomics.cell.cell import Cell
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.properties.property import Result
from polyomics.records import Measurement
from polyomics.simulation import Simulation, Spectrum
from polyomics.trajectory import THERMO_COLUMNS
from polyomics.units import AMU_PER_NM3_IN_G_CM3

N_FRAMES, N_CHAINS, N_BEADS, BOND_NM = 300, 5, 30, 0.3
BOX_NM = 4.0
STEP_NM = 0.25
"""Standard deviation of the step of a chain's centre from frame to frame, along each axis."""
CONTEXT = MeasurementContext(temperature_k=300.0, pressure_bar=1.0)


def fluctuating(n_frames: int, correlation_frames: float, seed: int) -> np.ndarray:
    """Unit-variance AR(1) noise."""
    decay = np.exp(-1 / correlation_frames)
    noise = np.random.default_rng(seed).standard_normal(n_frames) * np.sqrt(1 - decay**2)
    noise[:1] /= np.sqrt(1 - decay**2)
    return lfilter([1], [1, -decay], noise)


def beads_nm(n_frames: int = N_FRAMES) -> np.ndarray:
    """Freely jointed chains, redrawn in every frame about centres that diffuse, shape=(n_frames, n_atoms, 3).

    Each is turned about its centre so that it has beads 0.4 to 0.65 nm from those of other chains rather than nearer:
    a liquid has neighbours. Positions are whole picometres, which XTC files keep exactly.
    """
    return np.round(_beads_nm(n_frames), 3)


@cache
def _beads_nm(n_frames: int) -> np.ndarray:
    steps = np.random.default_rng(5).normal(size=(n_frames, N_CHAINS, N_BEADS, 3))
    steps *= BOND_NM / np.linalg.norm(steps, axis=-1, keepdims=True)
    chains = steps.cumsum(axis=2)
    chains -= chains.mean(axis=2, keepdims=True)
    centres = np.random.default_rng(6).normal(scale=STEP_NM, size=(n_frames, N_CHAINS, 1, 3)).cumsum(axis=0)
    return _as_neighbours(chains, centres).reshape(n_frames, -1, 3)


def _as_neighbours(chains: np.ndarray, centres: np.ndarray, n_turns: int = 64, n: int = 20) -> np.ndarray:
    """Chain after chain, the one of some random turns that suits the chains before it best."""
    axis = np.minimum(np.arange(n), n - np.arange(n)) * BOX_NM / n
    distance = np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis), axis=-1), axis=-1)
    liking = np.fft.rfftn(np.select([distance < 0.4, distance < 0.65], [-2.0, 1.0]))
    turns = Rotation.random(n_turns, rng=np.random.default_rng(7)).as_matrix()
    frame = np.arange(len(chains))[:, None, None]
    occupied = np.zeros((len(chains), n, n, n))
    placed = chains + centres
    for number in range(chains.shape[1]):
        if number:
            field = np.fft.irfftn(np.fft.rfftn(occupied, axes=(1, 2, 3)) * liking, s=(n,) * 3, axes=(1, 2, 3))
            turned = np.einsum("tij,fbj->ftbi", turns, chains[:, number]) + centres[:, None, number]
            place = np.floor(turned / BOX_NM * n).astype(int) % n
            best = field[frame, place[..., 0], place[..., 1], place[..., 2]].sum(axis=-1).argmax(axis=1)
            placed[:, number] = turned[frame[:, 0, 0], best]
        place = np.floor(placed[:, number] / BOX_NM * n).astype(int) % n
        np.add.at(occupied, (frame[:, 0], place[..., 0], place[..., 1], place[..., 2]), 1.0)
    return placed


def bead_system(cell: Cell) -> str:
    """Charged beads on springs that attract each other, serialised; force groups as in real cells.

    Beads of one chain do not see each other, since they are redrawn anywhere, also upon each other; those of
    different chains have cores of 5 pm, which do not overlap.
    """
    system = openmm.System()
    bonds, nonbonded = openmm.HarmonicBondForce(), openmm.NonbondedForce()
    for mass, charge in zip(cell.masses_amu, cell.charges_e, strict=True):
        system.addParticle(float(mass))
        nonbonded.addParticle(float(charge), 0.005, 2e8)
    for one, other in cell.bonds:
        bonds.addBond(int(one), int(other), BOND_NM, 1e4)
    for molecule in range(cell.n_molecules):
        for one, other in combinations(np.flatnonzero(cell.molecule_of_atom == molecule).tolist(), 2):
            nonbonded.addException(one, other, 0.0, 1.0, 0.0)
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(0.9)
    for group, force in ((1, bonds), (0, nonbonded)):
        force.setForceGroup(group)
        system.addForce(force)
    system.setDefaultPeriodicBoxVectors(*np.diag(cell.box_nm).tolist())
    return openmm.XmlSerializer.serialize(system)


def bead_cell() -> Cell:
    """Five chains of thirty beads, charged +0.1 and -0.1 in turn."""
    n_atoms = N_CHAINS * N_BEADS
    links = np.column_stack([np.arange(N_BEADS - 1), np.arange(1, N_BEADS)])
    cell = Cell(
        positions_nm=beads_nm(1)[0],
        box_nm=np.full(3, BOX_NM),
        system_xml="",
        atomic_numbers=np.full(n_atoms, 6),
        masses_amu=np.full(n_atoms, 14.0),
        charges_e=np.tile([0.1, -0.1], n_atoms // 2),
        molecule_of_atom=np.repeat(np.arange(N_CHAINS), N_BEADS),
        unit_of_atom=np.tile(np.r_[-1, np.arange(N_BEADS - 2), N_BEADS - 2], N_CHAINS),
        template_atom=np.zeros(n_atoms, dtype=int),
        bonds=np.concatenate([links + N_BEADS * i for i in range(N_CHAINS)]),
        rings=(),
        vdw_volume_nm3=2.0,
        molar_refractivity_cm3_mol=4.6 * n_atoms,
    )
    return replace(cell, system_xml=bead_system(cell))


def bead_spectrum(cell: Cell, n_windows: int = 4) -> Spectrum:
    """Modes around 300 and 1,200 1/cm, with a little noise from window to window."""
    wave_numbers = np.linspace(0.0, 4000.0, 501)
    rng = np.random.default_rng(11)
    n_modes = 3 * cell.n_atoms
    windows = []
    for _ in range(n_windows):
        shape = np.exp(-0.5 * ((wave_numbers - 300) / 60) ** 2) + np.exp(-0.5 * ((wave_numbers - 1200) / 40) ** 2)
        shape *= 1 + 0.05 * rng.standard_normal(len(shape))
        windows.append(shape * n_modes / (shape.sum() * wave_numbers[1]))
    return Spectrum(wave_numbers, np.array(windows), np.full(n_windows, 300.0), n_modes)


def thermo(cell: Cell, n_frames: int, temperature_k: float, seed: int) -> dict[str, np.ndarray]:
    """A table whose volume and energy fluctuate, partly together, about means that expand with temperature."""
    volume = 64.0 * (1 + 5e-4 * (temperature_k - 300.0)) * (1 + 0.01 * fluctuating(n_frames, 3, seed))
    table = {name: np.full(n_frames, 4.0) for name in THERMO_COLUMNS}
    table["time_ps"] = np.arange(1.0, n_frames + 1)
    for axis in "xyz":
        table[f"box_{axis}_nm"] = np.cbrt(volume)
    table["density_g_cm3"] = cell.mass_amu / volume * AMU_PER_NM3_IN_G_CM3
    energy = 30.0 * (volume - volume.mean()) + 10.0 * fluctuating(n_frames, 3, seed + 1)
    table["potential_energy_kj_mol"] = energy + 2.0 * temperature_k
    table["nonbonded_energy_kj_mol"] = energy
    table["kinetic_energy_kj_mol"] = 500.0 + 20.0 * fluctuating(n_frames, 2, seed + 2)
    table["temperature_k"] = temperature_k + 5.0 * fluctuating(n_frames, 2, seed + 2)
    table["pressure_bar"] = 1.0 + 300.0 * fluctuating(n_frames, 1, seed + 3)
    for number, name in enumerate(("bond", "angle", "torsion")):
        table[f"{name}_energy_kj_mol"] = 100.0 + 5.0 * fluctuating(n_frames, 2, seed + 4 + number)
    return table


def results(name: str, simulation: Simulation, context: MeasurementContext = CONTEXT) -> list[Result]:
    """What a property gives, values and curves."""
    return PROPERTIES[name]().measure(simulation, context)


def measure(name: str, simulation: Simulation, context: MeasurementContext = CONTEXT) -> list[Measurement]:
    """The values a property gives."""
    return [item for item in results(name, simulation, context) if isinstance(item, Measurement)]
