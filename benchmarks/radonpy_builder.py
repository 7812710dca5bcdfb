"""RadonPy's own way from p-SMILES to a parametrised cell, timed; runs with the python of RadonPy's environment.

The calls and defaults are those of RadonPy's `sample_script/eq.py`: one chain by a self-avoiding walk, its ends, its
force field, ten copies at 0.05 g/cm³. Charges are Gasteiger's instead of RESP, so that no quantum chemistry is timed.

    python radonpy_builder.py OUT_FOLDER PSMILES N_UNITS N_CHAINS DENSITY_G_CM3 SEED
"""

import json
import random
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from radonpy.core import calc, poly, utils
from radonpy.ff.gaff2_mod import GAFF2_mod


def main() -> None:
    folder, psmiles, n_units, n_chains, density, seed = sys.argv[1:]
    random.seed(int(seed))
    np.random.seed(int(seed))
    clock = Clock()
    unit, end = utils.mol_from_smiles(psmiles), utils.mol_from_smiles("*C")
    if not all(calc.assign_charges(molecule, charge="gasteiger") for molecule in (unit, end)):
        raise SystemExit("RadonPy gave no charges")
    clock.lap("charges")
    chain = poly.polymerize_rw(unit, int(n_units), tacticity="atactic")
    chain = poly.terminate_rw(chain, end)
    clock.lap("chain")
    if not GAFF2_mod().ff_assign(chain):
        raise SystemExit("RadonPy gave no force field")
    clock.lap("types")
    cell = poly.amorphous_cell(chain, int(n_chains), density=float(density))
    clock.lap("cell")
    edges = (cell.cell.dx, cell.cell.dy, cell.cell.dz)
    np.savez(
        Path(folder) / "cell.npz",
        positions_nm=np.array(cell.GetConformer(0).GetPositions()) * 0.1,
        box_nm=np.array(edges) * 0.1,
        bonds=[(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in chain.GetBonds()],
        rings=[list(ring) for ring in chain.GetRingInfo().AtomRings()],
        masses_amu=[atom.GetMass() for atom in chain.GetAtoms()],
    )
    versions = {name: version(name) for name in ("radonpy-pypi", "rdkit", "numpy")}
    (Path(folder) / "times.json").write_text(json.dumps({"laps": clock.laps, "versions": versions}))


class Clock:
    """Wall and CPU seconds of one step after another, child processes included."""

    def __init__(self) -> None:
        self.laps: dict[str, tuple[float, float]] = {}
        self._last = self._now()

    def lap(self, name: str) -> None:
        now = self._now()
        self.laps[name] = (now[0] - self._last[0], now[1] - self._last[1])
        self._last = now

    @staticmethod
    def _now() -> tuple[float, float]:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
