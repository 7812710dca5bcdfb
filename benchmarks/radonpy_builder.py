"""RadonPy's own way from p-SMILES to a parametrised cell; runs with the python of RadonPy's environment.

The calls and defaults are those of RadonPy's `sample_script/eq.py`: one chain by a self-avoiding walk, its ends, its
force field, copies of it in a cell. Charges are Gasteiger's instead of RESP, so that no quantum chemistry is timed.

    python radonpy_builder.py OUT_FOLDER PSMILES N_UNITS N_CHAINS DENSITY_G_CM3 SEED
"""

import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from radonpy.core import calc, poly, utils
from radonpy.ff.gaff2_mod import GAFF2_mod
from stopwatch import Stopwatch


def main() -> None:
    folder, psmiles = Path(sys.argv[1]), sys.argv[2]
    n_units, n_chains, density, seed = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
    random.seed(seed)
    np.random.seed(seed)
    watch = Stopwatch()
    unit, end = utils.mol_from_smiles(psmiles), utils.mol_from_smiles("*C")
    watch.lap("chain")
    if not all(calc.assign_charges(molecule, charge="gasteiger") for molecule in (unit, end)):
        raise SystemExit("RadonPy assigned no charges")
    watch.lap("types")
    chain = poly.polymerize_rw(unit, n_units, tacticity="atactic")
    chain = poly.terminate_rw(chain, end)
    watch.lap("chain")
    if not GAFF2_mod().ff_assign(chain):
        raise SystemExit("RadonPy assigned no force field")
    watch.lap("types")
    cell = poly.amorphous_cell(chain, n_chains, density=density)
    watch.lap("cell")
    np.savez(
        folder / "cell.npz",
        positions_nm=np.array(cell.GetConformer(0).GetPositions()) * 0.1,
        box_nm=np.array([cell.cell.dx, cell.cell.dy, cell.cell.dz]) * 0.1,
        bonds=np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in chain.GetBonds()]),
        masses_amu=np.array([atom.GetMass() for atom in chain.GetAtoms()]),
        rings=np.array([list(ring) for ring in chain.GetRingInfo().AtomRings()], dtype=object),
    )
    versions = {name: version(name) for name in ("radonpy-pypi", "rdkit")}
    notes = {"wall_s": watch.wall_s, "cpu_s": watch.cpu_s, "versions": versions}
    (folder / "notes.json").write_text(json.dumps(notes))


if __name__ == "__main__":
    main()
