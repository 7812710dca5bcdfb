"""AM1-BCC charges by `sqm` and `antechamber` of AmberTools, for a unit and both ends in truncated surroundings.

Ref.: Jakalian, Jack, Bayly, J. Comput. Chem. 23, 1623 (2002), DOI 10.1002/jcc.10128.

What is computed: the unit (or end) with everything up to four bonds away, capped with hydrogen, in up to four
stretched conformers that differ in the stereocentres left open; each is relaxed with MMFF94, then for at most 30
steps with AM1; the charges are averaged. Against the middle unit of a trimer treated alike, the charges of nine
polymers differ by at most 0.01 e; against a fully optimised trimer too, but for nylon-6 (0.014 e, which is what
the long optimisation itself changes). Numbers and times: `benchmarks/charges.md`.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import ChargesNotConverged
from polyomics.forcefield.charges import CHARGE_MODELS, ChargeModel, UnitCharges
from polyomics.forcefield.tools import ToolError, run_tool, tools_version

if TYPE_CHECKING:
    from polyomics.forcefield.oligomer import Oligomer, PolymerGraph

SHELLS = 4
"""Bonds around the part that are kept; with 2 or 3 the unit of PVC is 0.01 to 0.02 e off neutral, with 4 0.004 e."""

CONFORMERS = 4
"""Conformers of a small capped part; charges of one conformer scatter by about 0.01 e."""

_ATOMS_AT_FULL_SAMPLING = 80
"""Above this number of atoms the number of conformers shrinks, so that the effort stays near that of 80 atoms."""

TIMEOUT_S = 900.0
"""Limit for one conformer [s]; measured on one core: 72 atoms 4 s; a part of 112 atoms and both ends 21 s."""

_SQM_KEYWORDS = "qm_theory='AM1', maxcyc=30, grms_tol=0.005, scfconv=1.d-8, ndiis_attempts=700, tight_p_conv=0,"
"""A short, loosely converged optimisation: charges change by up to 0.012 e on the way to the minimum
(nylon-6, PVC), otherwise by less than 0.007 e."""


def am1bcc(graph: "PolymerGraph") -> UnitCharges:
    """Charges of the unit and of both ends.

    Raises:
        ChargesNotConverged: sqm or antechamber failed or took too long; the message has their last lines.
        ToolMissing: AmberTools is not installed.
    """
    n_side = -(-SHELLS // _backbone_length(graph)) + 1
    oligomer = graph.oligomer(2 * n_side + 1)
    head, unit, tail = (_part_charges_e(oligomer, u) for u in (-1, n_side, 2 * n_side + 1))
    notes = (
        ("charges from", f"sqm AM1-BCC, {SHELLS} bonds of surroundings, {tools_version()}"),
        ("charges of unit before correction", f"{unit.sum():.4f} e"),
    )
    return UnitCharges(head=head, unit=unit, tail=tail, notes=notes)


def _backbone_length(graph: "PolymerGraph") -> int:
    """Bonds from the head joint of one unit to that of the next."""
    from rdkit import Chem

    pair = graph.oligomer(2)
    first, second = (int(pair.atoms_of(u)[graph.joints[1]]) for u in (0, 1))
    return len(Chem.GetShortestPath(pair.mol, first, second)) - 1


def _part_charges_e(oligomer: "Oligomer", unit: int) -> NDArray[np.float64]:
    """Charges [e] of one part of an oligomer in its truncated surroundings, mean of the conformers."""
    from polyomics.forcefield.capped import capped_part, extended_conformers

    part = capped_part(oligomer, unit, SHELLS)
    n_atoms = part.mol.GetNumAtoms()
    most = int(np.clip(CONFORMERS * (_ATOMS_AT_FULL_SAMPLING / n_atoms) ** 3, 1, CONFORMERS))
    mol = extended_conformers(part, most)
    charges = [bcc_charges_e(mol, conformer.GetId()) for conformer in mol.GetConformers()]
    return np.asarray(np.mean(charges, axis=0)[part.core], dtype=float)


def bcc_charges_e(mol: Any, conformer: int = -1, *, timeout_s: float = TIMEOUT_S) -> NDArray[np.float64]:
    """AM1-BCC charges [e] of a whole molecule, shape (n_atoms,), from one conformer.

    Raises:
        ChargesNotConverged: sqm or antechamber failed or took longer than `timeout_s`.
        ToolMissing: AmberTools is not installed.
    """
    from rdkit import Chem

    arguments = ["-i", "in.mol2", "-fi", "mol2", "-o", "out.mol2", "-fo", "mol2", "-at", "gaff2", "-c", "bcc"]
    arguments += ["-nc", str(Chem.GetFormalCharge(mol)), "-ek", _SQM_KEYWORDS]
    arguments += ["-eq", "0", "-dr", "n", "-an", "n", "-s", "0"]
    with tempfile.TemporaryDirectory(prefix="polyomics-am1bcc-") as name:
        folder = Path(name)
        (folder / "in.mol2").write_text(_mol2(mol, conformer))
        try:
            run_tool("antechamber", arguments, folder=folder, timeout_s=timeout_s, log=folder / "sqm.out")
            return _read_charges_e((folder / "out.mol2").read_text(), mol.GetNumAtoms())
        except (ToolError, OSError, ValueError, IndexError) as error:
            formula = Chem.MolToSmiles(Chem.RemoveHs(mol))
            raise ChargesNotConverged(
                f"no AM1-BCC charges for the capped part {formula} of {mol.GetNumAtoms()} atoms: {error}; "
                "try charges 'gasteiger', or write the repeat unit from another starting atom"
            ) from error


def _mol2(mol: Any, conformer: int) -> str:
    from rdkit import Chem

    from polyomics.forcefield.atom_types import mol2_text

    kekulised = Chem.Mol(mol)
    Chem.Kekulize(kekulised, clearAromaticFlags=False)
    return mol2_text(kekulised, positions_angstrom=mol.GetConformer(conformer).GetPositions())


def _read_charges_e(text: str, n_atoms: int) -> NDArray[np.float64]:
    rows = text.split("@<TRIPOS>ATOM")[1].split("@<TRIPOS>")[0].strip().splitlines()
    charges = np.array([float(row.split()[8]) for row in rows])
    if len(charges) != n_atoms or not np.isfinite(charges).all():
        raise ValueError(f"antechamber wrote {len(charges)} charges")
    return charges


CHARGE_MODELS.register("am1bcc")(ChargeModel(am1bcc, version=1))
