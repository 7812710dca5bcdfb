"""GAFF and GAFF2 atom types by the `atomtype` program of AmberTools, on bond orders that are already known.

`antechamber` guesses bond orders from a geometry; here they come from the kekulised graph, the same in every
unit. Conjugated atoms have two interchangeable sets of types (cc/cd, ce/cf, ...): a single bond joins equal
sets, a double bond opposite ones. That rule is enforced along the whole chain.
"""

import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from polyomics.errors import TypesNotAssigned
from polyomics.forcefield.tools import ToolError, run_tool

SWAPPED = {
    a: b
    for pair in (("cc", "cd"), ("ce", "cf"), ("cg", "ch"), ("cp", "cq"), ("nc", "nd"), ("ne", "nf"),
                 ("pc", "pd"), ("pe", "pf"))
    for a, b in (pair, pair[::-1])
}  # fmt: skip
"""The other name of each conjugated type."""

_SECOND_SET = frozenset(("cd", "cf", "ch", "cq", "nd", "nf", "pd", "pf"))
_TIMEOUT_S = 120.0
_BRIDGE = frozenset(("cp", "cq"))


def gaff_types(mol: Chem.Mol, generation: str = "gaff2") -> tuple[str, ...]:
    """GAFF or GAFF2 type of every atom of a kekulised molecule that keeps its aromatic flags.

    Args:
        mol: The molecule.
        generation: "gaff" or "gaff2".

    Raises:
        TypesNotAssigned: The force field has no type for an atom.
        ToolMissing: `atomtype` was not found.
    """
    with tempfile.TemporaryDirectory(prefix="polyomics-types-") as name:
        folder = Path(name)
        (folder / "in.mol2").write_text(mol2_text(mol))
        try:
            run_tool(
                "atomtype",
                ["-i", "in.mol2", "-f", "mol2", "-o", "out.ac", "-p", generation, "-an", "n"],
                folder=folder,
                timeout_s=_TIMEOUT_S,
            )
            lines = (folder / "out.ac").read_text().splitlines()
        except (ToolError, OSError) as error:
            raise TypesNotAssigned(f"atom types of a {mol.GetNumAtoms()}-atom chain: {error}") from error
    types = [line.split()[-1] for line in lines if line.startswith("ATOM")]
    _check(mol, types)
    return alternating(mol, types)


def _check(mol: Chem.Mol, types: Sequence[str]) -> None:
    if len(types) != mol.GetNumAtoms():
        raise TypesNotAssigned(f"atomtype typed {len(types)} of the {mol.GetNumAtoms()} atoms of the chain")
    for atom, name in zip(mol.GetAtoms(), types, strict=True):
        if name != name.lower() or name == "du":  # GAFF names are lower case; else it is DU or the element
            around = ", ".join(sorted(neighbour.GetSymbol() for neighbour in atom.GetNeighbors()))
            raise TypesNotAssigned(
                f"GAFF has no atom type for atom {atom.GetIdx()} ({atom.GetSymbol()} bonded to {around}); "
                "use another force-field family"
            )


def alternating(mol: Chem.Mol, types: Sequence[str]) -> tuple[str, ...]:
    """The same types with cc/cd, ce/cf, ... made consistent with the bond orders of a kekulised molecule.

    Each connected set of such atoms keeps the type of its first atom; the others follow: a single bond keeps
    the set, a double or triple bond changes it. The types cp/cq mark bonds between aromatic rings: for them
    an aromatic bond changes the set and any other bond keeps it. A set for which that is impossible (a ring with
    an odd number of changes) is left as the program typed it.
    """
    result = list(types)
    seen: set[int] = set()
    for start, name in enumerate(types):
        if name not in SWAPPED or start in seen:
            continue
        second = {start: name in _SECOND_SET}
        queue, possible = deque([start]), True
        while queue:
            i = queue.popleft()
            for bond in mol.GetAtomWithIdx(i).GetBonds():
                j = bond.GetOtherAtomIdx(i)
                if types[j] not in SWAPPED:
                    continue
                if types[i] in _BRIDGE and types[j] in _BRIDGE:
                    changes = bond.GetIsAromatic()
                else:
                    changes = bond.GetBondType() != Chem.BondType.SINGLE
                wanted = second[i] != changes
                if j not in second:
                    second[j] = wanted
                    queue.append(j)
                possible &= second[j] == wanted
        seen.update(second)
        if possible:
            for i, is_second in second.items():
                if (types[i] in _SECOND_SET) != is_second:
                    result[i] = SWAPPED[types[i]]
    return tuple(result)


def mol2_text(
    mol: Chem.Mol,
    types: Sequence[str] | None = None,
    positions_angstrom: NDArray[np.float64] | None = None,
) -> str:
    """A kekulised molecule in mol2 format, with its bond orders.

    Args:
        mol: The molecule.
        types: Type of every atom; its element if not given.
        positions_angstrom: Positions [Å], shape (n_atoms, 3); a line of atoms if not given, since typing and
            estimating parameters need none.
    """
    lines = ["@<TRIPOS>MOLECULE", "MOL", f"{mol.GetNumAtoms()} {mol.GetNumBonds()} 1 0 0", "SMALL", "NO_CHARGES"]
    lines += ["", "@<TRIPOS>ATOM"]
    for atom in mol.GetAtoms():
        i, symbol = atom.GetIdx(), atom.GetSymbol()
        name = symbol if types is None else types[i]
        x, y, z = (i % 1000, 0.0, 0.0) if positions_angstrom is None else positions_angstrom[i]
        lines.append(f"{i + 1} {symbol}{i + 1} {x:.4f} {y:.4f} {z:.4f} {name} 1 MOL 0.0")
    lines.append("@<TRIPOS>BOND")
    lines += [
        f"{bond.GetIdx() + 1} {bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1} {int(bond.GetBondTypeAsDouble())}"
        for bond in mol.GetBonds()
    ]
    return "\n".join([*lines, "@<TRIPOS>SUBSTRUCTURE", "1 MOL 1 TEMP 0 **** **** 0 ROOT", ""])
