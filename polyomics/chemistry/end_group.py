"""What closes a chain at either end."""

from dataclasses import dataclass, field
from functools import lru_cache

from rdkit import Chem, rdBase

from polyomics.chemistry.assembly import Piece, piece_from_mol
from polyomics.chemistry.atoms import atoms_of
from polyomics.chemistry.psmiles import HEAD_LABEL, TAIL_LABEL, read_psmiles
from polyomics.chemistry.repeat_unit import explicit_hydrogens


@dataclass(frozen=True)
class EndGroup:
    """A checked end group. Atom numbers are those of the canonical SMILES without `*`, then the hydrogens."""

    smiles: str
    """Canonical SMILES with one `*`."""
    mol: Chem.Mol = field(compare=False, repr=False)
    """Group with explicit hydrogens; its `*` comes last."""
    n_atoms: int = field(compare=False)
    """Atoms of the group, hydrogens included."""
    molar_mass_g_mol: float = field(compare=False)
    """Molar mass of the group [g/mol]."""

    def piece(self, *, at_head: bool) -> Piece:
        """The group taken apart, to be joined before the first unit or after the last."""
        mol = Chem.Mol(self.mol)
        mol.GetAtomWithIdx(mol.GetNumAtoms() - 1).SetIsotope(TAIL_LABEL if at_head else HEAD_LABEL)
        return piece_from_mol(mol)


@lru_cache(maxsize=256)
def parse_end_group(text: str) -> EndGroup:
    """End group of a SMILES with one `*`, such as `*C`, `*[H]`, `*O` or `*c1ccccc1`.

    Raises:
        InvalidPolymer: The text is not a neutral, closed-shell group with one single bond to give.
    """
    mol = read_psmiles(text, n_stars=1, what="end group")
    with rdBase.BlockLogs():
        star = next(atom.GetIdx() for atom in atoms_of(mol) if atom.GetAtomicNum() == 0)
        smiles = Chem.MolToSmiles(mol, rootedAtAtom=star).replace(f"[{HEAD_LABEL}*]", "*")
        full = explicit_hydrogens(read_psmiles(smiles, n_stars=1, what="end group"))
    atoms = [atom for atom in atoms_of(full) if atom.GetAtomicNum() > 0]
    return EndGroup(
        smiles=smiles,
        mol=full,
        n_atoms=len(atoms),
        molar_mass_g_mol=float(sum(atom.GetMass() for atom in atoms)),
    )
