"""The text of a repeat unit: read, checked, and refused in one sentence."""

import re
from collections.abc import Callable
from typing import Any

from rdkit import Chem, rdBase

from polyomics.chemistry.atoms import atoms_of, bonds_of
from polyomics.errors import InvalidPolymer, UnsupportedElement

HEAD_LABEL, TAIL_LABEL = 1, 2
"""Isotope numbers that tell the two `*` apart: every molecule of this package is labelled so."""

SUPPORTED_ELEMENTS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
"""Elements GAFF2 has parameters for."""

_KNOWN_NUMBERS = {0, *(Chem.GetPeriodicTable().GetAtomicNumber(symbol) for symbol in SUPPORTED_ELEMENTS)}

_HALOGENS = {9, 17, 35, 53}

AROMATIC_ORDER = 1.5
MAX_CHARACTERS = 5000
MAX_HEAVY_ATOMS = 300

_BOND_TYPES = {
    Chem.BondType.SINGLE: "single",
    Chem.BondType.DOUBLE: "double",
    Chem.BondType.TRIPLE: "triple",
    Chem.BondType.AROMATIC: "aromatic",
}
_TETRAHEDRAL = (
    Chem.ChiralType.CHI_UNSPECIFIED,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
)
_EXAMPLE = "write a repeat unit with two '*', for example '*CC(*)c1ccccc1'"


def read_psmiles(text: str, *, n_stars: int = 2, what: str = "repeat unit") -> Chem.Mol:
    """Molecule of a p-SMILES, checked, with its `*` labelled by isotope 1 and 2 in the order written.

    Hydrogens are implicit; stereo is assigned; numbers and atom maps on `*` are ignored.

    Args:
        text: The p-SMILES.
        n_stars: How many `*` it must have (1 for an end group).
        what: Name of the thing, for messages.

    Raises:
        InvalidPolymer: The text is not such a molecule (`UnsupportedElement` where an element is the reason).
    """
    text = _checked_text(text, what)
    shown = _shorten(text)
    with rdBase.BlockLogs():
        mol = _parse(text, shown, what)
        atoms = atoms_of(mol)
        numbers = [atom.GetAtomicNum() for atom in atoms]
        _check_count(numbers, shown, what)
        stars = [atom for atom, number in zip(atoms, numbers, strict=True) if number == 0]
        if len(stars) != n_stars:
            _refuse_star_count(shown, what, len(stars), n_stars)
        _check_elements(atoms, numbers, shown)
        _check_bonds(mol, atoms, text, shown)
        _check_stars(stars, shown, what)
        n_parts = len(Chem.GetMolFrags(mol))
        if n_parts != 1:
            raise InvalidPolymer(
                f"{shown} has {n_parts} disconnected parts ('.'); "
                f"a {what} is one connected piece, so leave out salts and solvents"
            )
        _label(stars)
        mol = _sanitised(mol, text, what)
        _check_electrons(mol, shown, what)
    return mol


def read_again(text: str) -> Chem.Mol:
    """What `read_psmiles` gives for a text that was written from a checked molecule."""
    with rdBase.BlockLogs():
        mol = _parse(text, _shorten(text), "repeat unit")
        _label([atom for atom in atoms_of(mol) if atom.GetAtomicNum() == 0])
        return _sanitised(mol, text, "repeat unit")


def _label(stars: list[Chem.Atom]) -> None:
    for label, star in enumerate(stars, start=HEAD_LABEL):
        star.SetIsotope(label)


def _checked_text(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise InvalidPolymer(f"a {what} is a text (p-SMILES), not {type(text).__name__}; {_EXAMPLE}")
    text = text.strip()
    if not text:
        raise InvalidPolymer(f"the {what} is empty; {_EXAMPLE}")
    if len(text) > MAX_CHARACTERS:
        raise InvalidPolymer(
            f"the {what} has {len(text):,} characters, more than the {MAX_CHARACTERS:,} allowed; "
            "write one unit, not a chain"
        )
    odd = _NO_SMILES_CHARACTER.search(text)
    if odd is not None:
        raise InvalidPolymer(f"{_shorten(text)} has the character {odd[0]!r}, which no SMILES has; {_EXAMPLE}")
    return text


_NO_SMILES_CHARACTER = re.compile("[^!-~]")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}")


def _parse(text: str, shown: str, what: str) -> Chem.Mol:
    mol: Chem.Mol | None = _rdkit(lambda: Chem.MolFromSmiles(text, _PARAMETERS))
    if mol is None or mol.GetNumAtoms() == 0:
        raise InvalidPolymer(f"{shown} is not a SMILES (the {what} cannot be read); {_EXAMPLE}")
    return mol


def _parameters() -> Any:
    params: Any = Chem.SmilesParserParams()
    params.sanitize = False
    params.removeHs = False
    params.allowCXSMILES = False
    params.parseName = False
    return params


_PARAMETERS = _parameters()


def _check_count(numbers: list[int], shown: str, what: str) -> None:
    n_heavy = sum(number > 1 for number in numbers)
    if n_heavy > MAX_HEAVY_ATOMS or len(numbers) > 4 * MAX_HEAVY_ATOMS:
        raise InvalidPolymer(
            f"{shown} has {n_heavy} heavy atoms, more than the {MAX_HEAVY_ATOMS} allowed in a {what}; "
            "write the smallest unit that repeats"
        )


def _rdkit(call: Callable[[], Any]) -> Any:
    """Result of an RDKit call, or None where it throws."""
    try:
        return call()
    except (ValueError, RuntimeError, OverflowError, KeyError, IndexError):
        return None


def _refuse_star_count(shown: str, what: str, found: int, wanted: int) -> None:
    advice = {
        1: "mark the atom that bonds to the chain with one '*', for example '*C'",
        2: "mark the two atoms where the next units bond, for example '*CC(*)C'",
    }[wanted]
    extra = "; ladders, networks and branching units are not supported" if found > wanted else ""
    raise InvalidPolymer(f"{shown} has {found} of the {wanted} '*' a {what} needs{extra}; {advice}")


def _check_elements(atoms: list[Chem.Atom], numbers: list[int], shown: str) -> None:
    if not _KNOWN_NUMBERS.issuperset(numbers):
        symbols = {atom.GetSymbol() for atom in atoms if atom.GetAtomicNum() > 0}
        missing = sorted(symbols.difference(SUPPORTED_ELEMENTS))
        raise UnsupportedElement(
            f"{shown} has {', '.join(missing)}, for which GAFF2 has no parameters; "
            f"it covers {', '.join(SUPPORTED_ELEMENTS)}"
        )


def _check_bonds(mol: Chem.Mol, atoms: list[Chem.Atom], text: str, shown: str) -> None:
    """Handedness and bonds are looked at only where the text has the marks of unusual ones: that is slow."""
    for atom in atoms if "@" in text else ():
        if atom.GetChiralTag() not in _TETRAHEDRAL:
            raise InvalidPolymer(
                f"{shown} has a stereocentre that is not tetrahedral ({atom.GetSymbol()}); write it with @ or @@"
            )
    for bond in bonds_of(mol) if _ODD_BOND.search(text) else ():
        if bond.GetBondType() not in _BOND_TYPES:
            raise InvalidPolymer(
                f"{shown} has a bond of type {str(bond.GetBondType()).lower()}; "
                "only single, double, triple and aromatic bonds can be simulated"
            )


_ODD_BOND = re.compile("[^]A-Za-z0-9*()[=#:/\\\\@.%+-]")
"""Any character that is no part of an atom, a ring, a branch or a usual bond."""


def _check_stars(stars: list[Chem.Atom], shown: str, what: str) -> None:
    orders = []
    for star in stars:
        if star.GetNumExplicitHs() or star.GetFormalCharge():
            raise InvalidPolymer(f"{shown} has a '*' with hydrogens or a charge; write a plain '*'")
        star.SetAtomMapNum(0)
        star.SetIsAromatic(False)
        if star.GetDegree() != 1:
            raise InvalidPolymer(
                f"{shown} has a '*' with {star.GetDegree()} neighbours; a '*' stands for the next unit "
                "and bonds to exactly one atom, outside any ring"
            )
        if star.GetNeighbors()[0].GetAtomicNum() == 0:
            raise InvalidPolymer(f"{shown} has '*' bonded to '*', so no atom repeats; {_EXAMPLE}")
        orders.append(star.GetBonds()[0].GetBondType())
    if Chem.BondType.AROMATIC in orders:
        raise InvalidPolymer(f"{shown} has a '*' on an aromatic bond; units join by a single bond")
    if len(set(orders)) > 1:
        raise InvalidPolymer(
            f"{shown} has a {_BOND_TYPES[orders[0]]} bond at one '*' and a {_BOND_TYPES[orders[1]]} bond at the "
            "other; both are the same bond of the chain, so write the same order"
        )
    if what != "repeat unit" and orders[0] != Chem.BondType.SINGLE:
        raise InvalidPolymer(f"{shown} has a {_BOND_TYPES[orders[0]]} bond at its '*'; an end group needs a single one")


def _sanitised(mol: Chem.Mol, text: str, what: str) -> Chem.Mol:
    """The molecule with aromaticity and stereo, without atom maps, bond directions and hydrogens of its own.

    What the text shows not to be there is not looked for.
    """
    if ":" in text:
        for atom in atoms_of(mol):
            atom.SetAtomMapNum(0)
    bonds = bonds_of(mol)
    try:
        Chem.SanitizeMol(mol)
        if any(_is_aromatic(bond) and not bond.IsInRing() for bond in bonds):
            raise ValueError("an aromatic bond outside any ring")
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        if "/" in text or "\\" in text:
            for bond in bonds:
                bond.SetBondDir(Chem.BondDir.NONE)
        return Chem.RemoveHs(mol) if "H" in text else mol
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(". ")
        raise InvalidPolymer(
            f"{_shorten(text)} is not a possible {what} ({reason}); "
            "check valences, aromatic rings and where each '*' bonds"
        ) from None


def _is_aromatic(bond: Chem.Bond) -> bool:
    """By its flag or, where RDKit took that away but left the type, by its type."""
    return bool(bond.GetIsAromatic() or bond.GetBondTypeAsDouble() == AROMATIC_ORDER)


def _check_electrons(mol: Chem.Mol, shown: str, what: str) -> None:
    atoms = atoms_of(mol)
    radicals = [atom.GetSymbol() for atom in atoms if atom.GetNumRadicalElectrons()]
    if radicals:
        raise InvalidPolymer(
            f"{shown} has unpaired or missing electrons on {', '.join(sorted(set(radicals)))}; "
            f"give every atom of the {what} its hydrogens"
        )
    halogens = [a.GetSymbol() for a in atoms if a.GetAtomicNum() in _HALOGENS and a.GetTotalValence() > 1]
    if halogens:
        raise InvalidPolymer(
            f"{shown} has {halogens[0]} with more than one bond, which GAFF2 has no parameters for; "
            "a halogen can only be a side atom"
        )
    charge = Chem.GetFormalCharge(mol)
    if charge:
        raise InvalidPolymer(
            f"{shown} has a net charge of {charge:+d}; chains are simulated without counter-ions, "
            "so write the neutral form"
        )
