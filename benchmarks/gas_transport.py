"""Solubility, diffusion and permeability of gases in the equilibrated cell of a finished study.

    python benchmarks/gas_transport.py RUN_FOLDER [--gases he h2 co2] [--frames 150] [--energies 600]
    python benchmarks/gas_transport.py RUN_FOLDER --dynamics he --ps 500 [--guests 6] [--timestep-fs 2]

The first way inserts gases into frames of the stage of role `sample` and prints solubility, its error, how many
insertions count, and the CPU time. The second way puts guests into the end of that stage, follows them, and prints the
diffusion coefficient or why there is none. Compare with another number of frames and energies, and with plain NVT.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from polyomics.analysis.guest_energies import Surroundings
from polyomics.analysis.guest_motion import guest_motion, paths_beside_polymer_nm
from polyomics.analysis.insertion import insert, widom
from polyomics.cell.cell import Cell
from polyomics.cell.guests import GAS_NAMES, atoms_of, gas_model, guest_of
from polyomics.md.engine import Engine, Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stages.guest_diffusion import GuestDiffusion
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.properties._frames import spread_frames
from polyomics.properties._gases import PLACES_PER_NM3, per_bar
from polyomics.stage_output import StageOutput
from polyomics.trajectory import Trajectory


def sample_folder(run: Path) -> Path:
    """The stage of role `sample`."""
    for manifest in sorted(run.glob("stages/*/manifest.json")):
        if json.loads(manifest.read_text())["stage"].get("role") == "sample":
            return manifest.parent
    raise SystemExit(f"{run} has no finished stage of role 'sample'")


def solubilities(run: Path, gases: list[str], n_frames: int, n_energies: int) -> None:
    folder = sample_folder(run)
    trajectory = Trajectory.open(run / "cell", folder)
    cutoff_nm = json.loads((folder / "manifest.json").read_text())["nonbonded"]["cutoff_nm"]
    kelvin = float(trajectory.stage["temperature_k"])
    atoms = atoms_of(trajectory.cell)
    print(f"{trajectory.cell.n_atoms} atoms, {kelvin:g} K, {trajectory.thermo['density_g_cm3'].mean():.3f} g/cm3")
    print("| gas | S cm3(STP)/(cm3 bar) | mu_ex kJ/mol | insertions that count | share of a frame | CPU s | flags |")
    print("|---|---|---|---|---|---|---|")
    for name in gases:
        guest, started = guest_of(gas_model(name)), time.process_time()
        frames = []
        for number, (positions_nm, box_nm) in enumerate(spread_frames(trajectory, n_frames)):
            surroundings = Surroundings(positions_nm, box_nm, atoms, cutoff_nm)
            rng = np.random.default_rng([GAS_NAMES.index(name), number])
            n_tried = round(PLACES_PER_NM3 * surroundings.volume_nm3)
            frames.append(insert(surroundings, guest, n_tried, n_energies, kelvin, rng))
        found, factor = widom(frames, kelvin), per_bar(kelvin)
        boltzmann = found.boltzmann
        print(
            f"| {name} | {boltzmann.mean * factor:.4g} ± {(boltzmann.stderr or np.nan) * factor:.2g} "
            f"| {found.chemical_potential_kj_mol.mean:.2f} | {found.n_effective:.0f} | {found.largest_share:.2f} "
            f"| {time.process_time() - started:.0f} | {', '.join(boltzmann.flags)} |",
            flush=True,
        )


def dynamics(run: Path, gas: str, duration_ps: float, n_guests: int, timestep_fs: float) -> None:
    folder = sample_folder(run)
    manifest = json.loads((folder / "manifest.json").read_text())
    state = PhaseState.load(folder / manifest["segments"][-1]["state"])
    packed = Cell.load(run / "cell")
    cell = Cell(**{**vars(packed), "positions_nm": state.positions_nm, "box_nm": state.box_nm})
    kelvin, bar = manifest["stage"]["temperature_k"], manifest["stage"].get("pressure_bar")
    common = {"temperature_k": kelvin, "timestep_fs": timestep_fs, "segment_ps": 50.0}
    stages = (
        Nvt(name="plain", duration_ps=min(20.0, duration_ps), **common),
        GuestDiffusion(
            name="guests",
            after="plain",
            gas=gas,
            n_guests=n_guests,
            duration_ps=duration_ps,
            pressure_bar=bar,
            **common,
        ),
    )
    protocol = Protocol(name="bench", nonbonded=Nonbonded(**manifest["nonbonded"]), stages=stages)
    with tempfile.TemporaryDirectory() as place:
        plain, guests = run_protocol(cell, protocol, Path(place), seed=1, hardware=Hardware())
        output = StageOutput.open(guests.path)
        parts = output.arrays("paths")
    box, centres = (np.concatenate([part[name] for part in parts]) for name in ("box_nm", "centres_nm"))
    paths = paths_beside_polymer_nm(centres, box, parts[0]["masses_amu"], n_guests)
    found = guest_motion(paths, stages[1].record_ps)
    speeds = [stage.simulated_ps / stage.wall_s for stage in (plain, guests)]
    print(
        f"{Engine(cell, protocol.nonbonded).platform.getName()}: plain NVT {speeds[0]:.2f} ps/s, guests {speeds[1]:.2f}"
    )
    print(f"exponent {found.exponent:.2f} ± {found.exponent_stderr}; {found.trouble or 'diffusive'}")
    value = found.coefficient_nm2_ps
    print(f"{gas}: D = {value.mean * 1e-2:.3g} ± {(value.stderr or np.nan) * 1e-2:.2g} cm2/s {value.flags}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--gases", nargs="+", default=list(GAS_NAMES), choices=GAS_NAMES)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--energies", type=int, default=600)
    parser.add_argument("--dynamics", choices=GAS_NAMES)
    parser.add_argument("--ps", type=float, default=150.0)
    parser.add_argument("--guests", type=int, default=6)
    parser.add_argument("--timestep-fs", type=float, default=2.0)
    given = parser.parse_args()
    if given.dynamics:
        dynamics(given.run, given.dynamics, given.ps, given.guests, given.timestep_fs)
    else:
        solubilities(given.run, given.gases, given.frames, given.energies)
