"""Cost of the heat flow beside plain dynamics of the same cell: `python benchmarks/thermal_conductivity.py RUN_FOLDER`.

Both stages step the same repeated cell with the same masses, time step and table, in turn, several rounds. The fastest
round of each counts, by wall time and by CPU time of this process, which a busy machine changes less. Each is
the time of a long run less that of a short one: settling and making a context, which a plain stage has too, are not in
it. With `--argon PS` the conductivity of Lennard-Jones argon at ρ* = 0.8442, T* = 0.722 is worked out instead, from
cells of two lengths.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyomics.analysis.heat_flow import conductivity, of_infinite_length, steady
from polyomics.cell.cell import Cell
from polyomics.cell.replication import repeated
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.runner import run_protocol
from polyomics.md.stage import Stage
from polyomics.md.stages.heat_flow import HeatFlow
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState
from polyomics.properties._heat_flow import heat_flow_of
from polyomics.stage_output import StageOutput
from polyomics.units import AVOGADRO_PER_MOL, GAS_CONSTANT_KJ_MOL_K


def seconds(cell: Cell, stage: Stage, hardware: Hardware, cutoff_nm: float) -> np.ndarray:
    """Wall and CPU time of a stage."""
    with tempfile.TemporaryDirectory() as folder:
        protocol = Protocol(name="speed", nonbonded=Nonbonded(cutoff_nm=cutoff_nm), stages=(stage,))
        began = time.perf_counter(), time.process_time()
        (done,) = run_protocol(cell, protocol, Path(folder), seed=1, hardware=hardware)
        for segment in done.manifest["segments"]:
            if "refused" in segment:
                sys.exit(f"{segment['refused']} (--repeats makes the cell longer)")
        return np.subtract((time.perf_counter(), time.process_time()), began)


def cost(asked: argparse.Namespace, hardware: Hardware) -> None:
    start = PhaseState.load(sorted((asked.run_folder / "stages").glob("*-sample/state.*.npz"))[-1])
    cell = replace(Cell.load(asked.run_folder / "cell"), positions_nm=start.positions_nm, box_nm=start.box_nm)
    began = time.perf_counter()
    larger = repeated(cell, asked.repeats)
    print(f"{larger.n_atoms} atoms; repeating took {time.perf_counter() - began:.2f} s, once a process")
    times: dict[str, list[np.ndarray]] = {"plain": [], "heat": []}
    for _ in range(asked.rounds):
        for name, found in times.items():
            short, long = (
                seconds(larger, stage(name, asked.timestep_fs, ps), hardware, asked.cutoff_nm)
                for ps in (0.5 * asked.ps, 1.5 * asked.ps)
            )
            found.append(long - short)
    for what, column in (("wall", 0), ("CPU", 1)):
        taken = {name: np.array(found)[:, column] for name, found in times.items()}
        best = {name: float(found.min()) for name, found in taken.items()}
        for name, found in taken.items():
            print(f"{what:4s} {name:6s} {asked.ps / best[name] * 86.4:8.2f} ns/day, rounds {np.round(found, 2)} s")
        print(f"{what:4s} heat flow at {100 * best['plain'] / best['heat']:.0f} % of the speed of plain dynamics")


def stage(name: str, timestep_fs: float, ps: float) -> Stage:
    shared: dict[str, Any] = {
        "name": name,
        "temperature_k": 300.0,
        "timestep_fs": timestep_fs,
        "duration_ps": ps,
        "segment_ps": ps,
        "hydrogen_mass_amu": 1.0,
    }
    if name == "plain":
        return Nvt(**shared)
    return HeatFlow(temperature_difference_k=60.0, n_copies=1, n_slabs=12, settle_ps=0.2, **shared)


def argon(asked: argparse.Namespace, hardware: Hardware) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from lennard_jones import EPSILON_KJ_MOL, MASS_AMU, SIGMA_NM, argon_cell, temperature_k

    at_k = temperature_k(0.722)
    unit = GAS_CONSTANT_KJ_MOL_K / SIGMA_NM**2 * np.sqrt(EPSILON_KJ_MOL / MASS_AMU) * 1e24 / AVOGADRO_PER_MOL
    lengths_nm, values = [], []
    for cells in asked.cells:
        began = time.perf_counter()
        stages = (
            Nvt(name="melt", temperature_k=2.5 * at_k, duration_ps=20, timestep_fs=5, segment_ps=20),
            HeatFlow(
                name="heat",
                temperature_k=at_k,
                temperature_difference_k=asked.part * at_k,
                n_copies=1,
                n_slabs=3 * cells // 4 * 2,
                settle_ps=20,
                duration_ps=asked.argon,
                timestep_fs=5,
            ),
        )
        nonbonded = Nonbonded(cutoff_nm=0.85, pme_force_error=1e-2)
        with tempfile.TemporaryDirectory() as folder:
            protocol = Protocol(name="argon", nonbonded=nonbonded, stages=stages)
            cell = argon_cell((3, 3, cells), 0.8442)
            done = run_protocol(cell, protocol, Path(folder), seed=asked.seed, hardware=hardware)
            flow = steady(heat_flow_of(StageOutput.open(done[1].path)))
        found = conductivity(flow)
        value, error = found.value.mean / unit, (found.value.stderr or np.nan) / unit
        drift = 100 * flow.drift_kj_mol_ps / flow.heat_kj_mol_ps.mean()
        print(f"{cell.n_atoms} atoms, {found.length_nm:.2f} nm: κ* = {value:.2f} ± {error:.2f}, {found.value.flags}")
        print(
            f"  {found.slope_k_nm:.2f} K/nm, steady from {flow.first_ps:g} ps, drift {drift:.2f} % of the heat, "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )
        lengths_nm.append(found.length_nm)
        values.append(found.value)
    if len(values) > 1:
        bulk = of_infinite_length(lengths_nm, values)
        print(f"bulk: κ* = {bulk.mean / unit:.2f} ± {(bulk.stderr or np.nan) / unit:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_folder", type=Path, nargs="?")
    parser.add_argument("--platform")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ps", type=float, default=4.0)
    parser.add_argument("--timestep-fs", type=float, default=1.0)
    parser.add_argument("--cutoff-nm", type=float, default=0.9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--argon", type=float, metavar="PS")
    parser.add_argument("--cells", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--part", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    hardware = Hardware(platform=asked.platform, threads=asked.threads)
    if asked.argon is not None:
        argon(asked, hardware)
    elif asked.run_folder is None:
        parser.error("give the folder of a finished run, or --argon PS")
    else:
        cost(asked, hardware)


if __name__ == "__main__":
    main()
