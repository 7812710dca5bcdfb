"""From types and tables to a ParmEd Structure: which bonds, angles, torsions and impropers a chain has."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import parmed
from rdkit import Chem

from polyomics.forcefield.parameters import Tables, Types

RESIDUE = "POL"


def build_structure(mol: Chem.Mol, types: Sequence[str], tables: Tables) -> parmed.Structure:
    """Structure of one molecule with all parameters and zero charges.

    Torsions: one for every chain of four bonded atoms. Impropers: one for every atom with three neighbours
    for which the tables have one, outer atoms in order of type, then number, as LEaP writes them. Terms that
    a table shares are shared by the structure.

    Raises:
        ParametersMissing: The tables lack a bond, angle or torsion.
    """
    structure = parmed.Structure()
    for atom, name in zip(mol.GetAtoms(), types, strict=True):
        structure.add_atom(_atom(atom, name, tables), RESIDUE, 1)
    neighbours = [sorted(n.GetIdx() for n in atom.GetNeighbors()) for atom in mol.GetAtoms()]
    _add_bonds_and_angles(structure, neighbours, types, tables)
    _add_dihedrals(structure, neighbours, types, tables)
    _add_impropers(structure, neighbours, types, tables)
    structure.update_dihedral_exclusions()
    structure.combining_rule = "lorentz"
    return structure


def _atom(atom: Chem.Atom, name: str, tables: Tables) -> parmed.Atom:
    lennard_jones = tables.atom(name)
    result = parmed.Atom(
        atomic_number=atom.GetAtomicNum(),
        name=f"{atom.GetSymbol()}{atom.GetIdx() + 1}",
        type=name,
        charge=0.0,
        mass=atom.GetMass(),
        formal_charge=atom.GetFormalCharge(),
        rmin=lennard_jones.rmin,
        epsilon=lennard_jones.epsilon,
    )
    result.atom_type = _atom_type(name, lennard_jones)
    return result


@lru_cache(maxsize=4096)
def _atom_type(name: str, source: Any) -> parmed.AtomType:
    copy = parmed.AtomType(name, None, source.mass, source.atomic_number)
    copy.set_lj_params(source.epsilon, source.rmin)
    return copy


class _Shared:
    """Parameter objects of one structure: looked up once per set of types, filed in its type lists."""

    def __init__(self) -> None:
        self._found: dict[Types, Any] = {}

    def get(self, key: Types, find: Any, lists: Any) -> Any:
        if key not in self._found:
            found = find(key)
            if found is not None:
                found = parmed.DihedralTypeList(found) if isinstance(found, list) else found.__copy__()
                lists.append(found)
                found.list = lists
            self._found[key] = self._found[key[::-1]] = found
        return self._found[key]


def _add_bonds_and_angles(
    structure: parmed.Structure, neighbours: list[list[int]], types: Sequence[str], tables: Tables
) -> None:
    atoms, bonds, angles = structure.atoms, _Shared(), _Shared()
    for i, near in enumerate(neighbours):
        for j in near:
            if i < j:
                kind = bonds.get((types[i], types[j]), tables.bond, structure.bond_types)
                structure.bonds.append(parmed.Bond(atoms[i], atoms[j], kind))
        for j, k in combinations(near, 2):
            kind = angles.get((types[j], types[i], types[k]), tables.angle, structure.angle_types)
            structure.angles.append(parmed.Angle(atoms[j], atoms[i], atoms[k], kind))


def _add_dihedrals(
    structure: parmed.Structure, neighbours: list[list[int]], types: Sequence[str], tables: Tables
) -> None:
    atoms, shared = structure.atoms, _Shared()
    for j, near in enumerate(neighbours):
        for k in near:
            if j > k:
                continue
            for i in near:
                for m in neighbours[k]:
                    if i in (k, m) or m == j:
                        continue
                    key = (types[i], types[j], types[k], types[m])
                    kind = shared.get(key, tables.dihedral, structure.dihedral_types)
                    structure.dihedrals.append(parmed.Dihedral(atoms[i], atoms[j], atoms[k], atoms[m], type=kind))


def _add_impropers(
    structure: parmed.Structure, neighbours: list[list[int]], types: Sequence[str], tables: Tables
) -> None:
    atoms, shared = structure.atoms, _Shared()
    for centre, near in enumerate(neighbours):
        if len(near) != 3:
            continue
        a, b, c = sorted(near, key=lambda i: (types[i], i))
        key = (types[centre], types[a], types[b], types[c])
        kind = shared.get(key, lambda k: tables.improper(k[0], k[1:]), structure.dihedral_types)
        if kind is not None:
            structure.dihedrals.append(
                parmed.Dihedral(atoms[a], atoms[b], atoms[centre], atoms[c], improper=True, type=kind)
            )
