"""The repeat unit of a polymer: one record per polymer, however it was written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from rdkit import Chem, rdBase

from polyomics.chemistry.assembly import Piece, piece_from_mol
from polyomics.chemistry.atoms import atoms_of
from polyomics.chemistry.canonical import canonical_psmiles, polymer_key
from polyomics.chemistry.psmiles import TAIL_LABEL, read_again, read_psmiles

STEREO_MARKS = ("@", "/", "\\")
"""A text without these specifies no stereo."""


@dataclass(frozen=True)
class RepeatUnit:
    """A checked repeat unit in canonical form. Equal if the polymer is the same.

    Atom numbers are template numbers: the atoms of `psmiles` in the order written without `*`, then the
    hydrogens.
    """

    psmiles: str
    """Canonical p-SMILES; the first `*` is the head."""
    key: str
    """Stable key of the polymer, 24 hexadecimal characters; carries the version of the canonical form."""
    as_written: str = field(compare=False)
    """The text that was given."""
    mol: Chem.Mol = field(compare=False, repr=False)
    """Unit with explicit hydrogens; its two `*` carry isotope 1 (head) and 2 (tail) and come last."""
    formula: str = field(compare=False)
    """Formula of one unit, Hill order; isotopes are written as D and [13C]."""
    molar_mass_g_mol: float = field(compare=False)
    """Molar mass of one unit [g/mol]."""
    n_atoms: int = field(compare=False)
    """Atoms of one unit, hydrogens included."""
    n_heavy_atoms: int = field(compare=False)
    """Atoms of one unit without hydrogens."""
    head: int = field(compare=False)
    """Template number of the atom that bonds to the unit before."""
    tail: int = field(compare=False)
    """Template number of the atom that bonds to the unit after."""
    backbone: tuple[int, ...] = field(compare=False)
    """Template numbers of the shortest way from head to tail."""
    tactic_centres: tuple[int, ...] = field(compare=False)
    """Main-chain stereocentres outside rings left open in the text: tacticity decides them."""
    free_centres: tuple[int, ...] = field(compare=False)
    """Other stereocentres left open in the text (side groups, rings)."""
    fixed_centres: tuple[int, ...] = field(compare=False)
    """Stereocentres specified in the text, kept as written."""
    free_double_bonds: tuple[tuple[int, int], ...] = field(compare=False)
    """Double bonds whose geometry the text leaves open; chains are built with the main chain trans."""

    @property
    def n_backbone(self) -> int:
        """Main-chain atoms of one unit, along the shortest way."""
        return len(self.backbone)

    @property
    def n_stereocentres(self) -> int:
        """Main-chain stereocentres that tacticity decides, per unit."""
        return len(self.tactic_centres)

    @property
    def piece(self) -> Piece:
        """The unit taken apart, to be joined with others."""
        return _piece_of(self)


@lru_cache(maxsize=256)
def _piece_of(unit: RepeatUnit) -> Piece:
    """Kept outside the record, which stays picklable: atoms of rdkit are not."""
    return piece_from_mol(unit.mol)


def parse_repeat_unit(text: str) -> RepeatUnit:
    """Repeat unit of a p-SMILES with two `*`.

    Raises:
        InvalidPolymer: The text is not a repeat unit that can be polymerised and simulated;
            `UnsupportedElement` where the force field lacks an element.
    """
    read = read_psmiles(text)
    psmiles = canonical_psmiles(read, may_have_stereo=any(mark in text for mark in STEREO_MARKS))
    with rdBase.BlockLogs():
        flat = read if psmiles == text.strip() else read_again(psmiles)
        return _describe(text, psmiles, explicit_hydrogens(flat))


def explicit_hydrogens(mol: Chem.Mol) -> Chem.Mol:
    """The molecule with all hydrogens, `*` moved to the end; other atoms keep their order."""
    full = Chem.AddHs(mol)
    stars = [index for index, atom in enumerate(atoms_of(mol)) if atom.GetAtomicNum() == 0]
    real = [index for index in range(full.GetNumAtoms()) if index not in stars]
    return Chem.RenumberAtoms(full, real + stars)


def _describe(text: str, psmiles: str, mol: Chem.Mol) -> RepeatUnit:
    *atoms, head_star, tail_star = atoms_of(mol)
    if head_star.GetIsotope() == TAIL_LABEL:
        head_star, tail_star = tail_star, head_star
    backbone = tuple(Chem.GetShortestPath(mol, head_star.GetIdx(), tail_star.GetIdx()))[1:-1]
    tactic, free, fixed, double = _stereo(mol, set(backbone))
    return RepeatUnit(
        psmiles=psmiles,
        key=polymer_key(psmiles),
        as_written=text,
        mol=mol,
        formula=hill_formula(atoms),
        molar_mass_g_mol=float(sum(atom.GetMass() for atom in atoms)),
        n_atoms=len(atoms),
        n_heavy_atoms=sum(atom.GetAtomicNum() > 1 for atom in atoms),
        head=backbone[0],
        tail=backbone[-1],
        backbone=backbone,
        tactic_centres=tuple(i for i in backbone if i in tactic),
        free_centres=tuple(sorted(free)),
        fixed_centres=tuple(sorted(fixed)),
        free_double_bonds=tuple(sorted(double)),
    )


def _stereo(mol: Chem.Mol, backbone: set[int]) -> tuple[set[int], set[int], set[int], set[tuple[int, int]]]:
    """Stereocentres that tacticity decides, other open ones, specified ones; open double bonds."""
    tactic: set[int] = set()
    free: set[int] = set()
    fixed: set[int] = set()
    double: set[tuple[int, int]] = set()
    for info in Chem.FindPotentialStereo(mol):
        is_open = info.specified != Chem.StereoSpecified.Specified
        if info.type == Chem.StereoType.Bond_Double and is_open:
            bond = mol.GetBondWithIdx(info.centeredOn)
            double.add((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        elif info.type == Chem.StereoType.Atom_Tetrahedral:
            in_chain = info.centeredOn in backbone and not mol.GetAtomWithIdx(info.centeredOn).IsInRing()
            (fixed if not is_open else tactic if in_chain else free).add(info.centeredOn)
    return tactic, free, fixed, double


def hill_formula(atoms: Iterable[Chem.Atom]) -> str:
    """Formula of the atoms: C, H, then the alphabet; D for deuterium, [13C] for others."""
    counts = Counter([_formula_symbol(atom) for atom in atoms])
    first = ["C", "H"] if counts["C"] else []
    order = [s for s in first if counts[s]] + sorted(s for s in counts if s not in first and counts[s])
    return "".join(symbol + (str(counts[symbol]) if counts[symbol] > 1 else "") for symbol in order)


def _formula_symbol(atom: Chem.Atom) -> str:
    if not atom.GetIsotope():
        return str(atom.GetSymbol())
    if atom.GetAtomicNum() == 1 and atom.GetIsotope() == 2:
        return "D"
    return f"[{atom.GetIsotope()}{atom.GetSymbol()}]"
