"""A cell repeated along one of its edges: the same matter in a longer box."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from polyomics.cell.cell import Cell
from polyomics.errors import InvalidSettings

_TERMS = {
    "HarmonicBondForce": ("Bonds",),
    "HarmonicAngleForce": ("Angles",),
    "PeriodicTorsionForce": ("Torsions",),
    "NonbondedForce": ("Particles", "Exceptions"),
    "CMMotionRemover": (),
}
"""Lists of terms in every kind of force that can be repeated."""
_NOT_REPEATED = ("GlobalParameters", "ParticleOffsets", "ExceptionOffsets")
_GRIDS = (("nx", "ny", "nz"), ("ljnx", "ljny", "ljnz"))
_ATOMS = ("p1", "p2", "p3", "p4")


@functools.lru_cache(maxsize=2)
def repeated(cell: Cell, n: int, axis: int = 2) -> Cell:
    """The cell `n` times along one edge of its box, copy after copy; a pure function, the latest two kept.

    Args:
        cell: The cell.
        n: How many times, at least once.
        axis: Along which edge: 0, 1 or 2.

    Raises:
        InvalidSettings: `n` is not positive, or the forces are of a kind that cannot be repeated.
    """
    if n < 1:
        raise InvalidSettings(f"a cell cannot be repeated {n} times; give at least 1")
    if n == 1:
        return cell
    firsts = np.repeat(np.arange(n) * cell.n_atoms, len(cell.bonds))[:, None]
    molecules = np.repeat(np.arange(n) * cell.n_molecules, cell.n_atoms)
    box_nm = cell.box_nm * np.where(np.arange(3) == axis, n, 1)
    refraction = cell.molar_refractivity_cm3_mol
    return replace(
        cell,
        positions_nm=repeated_positions_nm(cell.positions_nm, cell.box_nm, n, axis),
        box_nm=box_nm,
        system_xml=repeated_system_xml(cell.system_xml, n, axis),
        atomic_numbers=np.tile(cell.atomic_numbers, n),
        masses_amu=np.tile(cell.masses_amu, n),
        charges_e=np.tile(cell.charges_e, n),
        molecule_of_atom=np.tile(cell.molecule_of_atom, n) + molecules,
        unit_of_atom=np.tile(cell.unit_of_atom, n),
        template_atom=np.tile(cell.template_atom, n),
        bonds=np.tile(cell.bonds, (n, 1)) + firsts,
        rings=tuple(tuple(i + k * cell.n_atoms for i in ring) for k in range(n) for ring in cell.rings),
        vdw_volume_nm3=n * cell.vdw_volume_nm3,
        molar_refractivity_cm3_mol=None if refraction is None else n * refraction,
    )


def repeated_positions_nm(
    positions_nm: NDArray[np.float64], box_nm: NDArray[np.float64], n: int, axis: int = 2
) -> NDArray[np.float64]:
    """Positions of `n` copies, each moved by one more edge of the box [nm], shape=(n * n_atoms, 3).

    Args:
        positions_nm: Positions of whole molecules, in whichever image [nm], shape=(n_atoms, 3).
        box_nm: Edges of the box of one copy [nm], shape=(3,).
        n: How many copies.
        axis: Along which edge.
    """
    shifts = np.zeros((n, 1, 3))
    shifts[:, 0, axis] = np.arange(n) * box_nm[axis]
    moved: NDArray[np.float64] = (positions_nm + shifts).reshape(-1, 3)
    return moved


def repeated_system_xml(system_xml: str, n: int, axis: int = 2) -> str:
    """A serialised OpenMM System `n` times along one edge of its box; every number of a term stays as it is written.

    Raises:
        InvalidSettings: It has forces or particles of a kind that cannot be repeated.
    """
    root = ElementTree.fromstring(system_xml)
    _lengthen_box(root, n, axis)
    particles = _child(root, "Particles")
    if any(len(particle) for particle in particles):
        raise InvalidSettings("a system with virtual sites cannot be repeated")
    n_atoms = len(particles)
    _repeat_terms(particles, n, n_atoms)
    _repeat_terms(_child(root, "Constraints"), n, n_atoms)
    for force in _child(root, "Forces"):
        for terms in _terms_of(force):
            _repeat_terms(terms, n, n_atoms)
        for grid in _GRIDS:
            if grid[axis] in force.attrib:
                force.set(grid[axis], str(n * int(force.attrib[grid[axis]])))
    return ElementTree.tostring(root, encoding="unicode")


def _lengthen_box(root: ElementTree.Element, n: int, axis: int) -> None:
    vector, component = "ABC"[axis], "xyz"[axis]
    edge = _child(_child(root, "PeriodicBoxVectors"), vector)
    edge.set(component, repr(n * float(edge.attrib[component])))


def _terms_of(force: ElementTree.Element) -> Iterator[ElementTree.Element]:
    kind = force.attrib["type"]
    if kind not in _TERMS:
        raise InvalidSettings(f"a system with a {kind} cannot be repeated; there is {', '.join(_TERMS)}")
    for name in _NOT_REPEATED:
        found = force.find(name)
        if found is not None and len(found):
            raise InvalidSettings(f"a {kind} with {name} cannot be repeated")
    for name in _TERMS[kind]:
        yield _child(force, name)


def _repeat_terms(terms: ElementTree.Element, n: int, n_atoms: int) -> None:
    """Append n - 1 copies of all terms, atoms counted on from copy to copy."""
    originals = list(terms)
    for k in range(1, n):
        for original in originals:
            term = ElementTree.Element(original.tag, dict(original.attrib))
            term.tail = original.tail
            for atom in _ATOMS:
                if atom in term.attrib:
                    term.set(atom, str(int(term.attrib[atom]) + k * n_atoms))
            terms.append(term)


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element:
    found = element.find(name)
    if found is None:
        raise InvalidSettings(f"the serialised system has no {name}")
    return found
