"""The parameters of a study's chains by name: made anew from its request, and held against the forces that ran.

A saved cell has every number of the forces but no names of atom types, and no stiffness of the bonds it holds rigid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from polyomics.errors import ParametersChanged

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.chemistry.chain import Chain
    from polyomics.forcefield.parameterize import ParameterizedChain
    from polyomics.spec import StudySpec

RELATIVE_TOLERANCE = 1e-9
"""Of every number of the forces; another version of OpenMM may write the last digit differently."""


def chain_parameters(spec: StudySpec, cell: Cell) -> ParameterizedChain:
    """One chain with its parameters; charges are those of the cell.

    Raises:
        ParametersChanged: They do not give the forces of the cell.
        StepFailed: The force field or its programs fail.
    """
    import openmm

    from polyomics.forcefield.families import FAMILIES
    from polyomics.forcefield.parameterize import ParameterizedChain
    from polyomics.forcefield.system import build_system

    chain = _chain_without_coordinates(spec)
    assignment = FAMILIES[spec.force_field.family](chain)
    charges_e = cell.charges_e[: chain.n_atoms]
    parameters = ParameterizedChain(
        structure=assignment.structure,
        charges_e=charges_e,
        atom_types=assignment.atom_types,
        formal_charge=round(float(charges_e.sum())),
        flags=assignment.flags,
        provenance=assignment.provenance,
    )
    if chain.n_atoms * cell.n_molecules != cell.n_atoms:
        raise ParametersChanged(f"the cell has {cell.n_atoms} atoms, no multiple of the {chain.n_atoms} of its chain")
    made = build_system(parameters, cell.n_molecules, cell.box_nm, cutoff_nm=spec.protocol.nonbonded.cutoff_nm)
    difference = first_difference(cell.system_xml, openmm.XmlSerializer.serialize(made))
    if difference is not None:
        raise ParametersChanged(
            f"{spec.force_field.family} gives other parameters now than the study ran with ({difference}); use the "
            "versions of polyomics and AmberTools that 'polyomics show' lists for it"
        )
    return parameters


def _chain_without_coordinates(spec: StudySpec) -> Chain:
    from polyomics.chemistry.chain import Chain, chain_graph
    from polyomics.chemistry.repeat_unit import parse_repeat_unit

    polymer = spec.polymer
    unit = parse_repeat_unit(polymer.psmiles)
    graph = chain_graph(unit, polymer.n_units, polymer.head_end, polymer.tail_end)
    return Chain(
        repeat_unit=unit,
        n_units=graph.n_units,
        mol=graph.mol(),
        unit_of_atom=graph.unit_of_atom,
        template_atom=graph.template_atom,
        positions_nm=np.zeros((graph.n_atoms, 3)),
        is_meso=None,
        seed=0,
    )


def first_difference(ran: str, made: str) -> str | None:
    """Where two serialised Systems differ, None if they have the same forces.

    Equal texts are equal; else every number of every term is compared, whatever the versions of OpenMM that wrote them.
    """
    if ran == made:
        return None
    for one, other in _pairs(ElementTree.fromstring(ran), ElementTree.fromstring(made)):
        for name in one.attrib.keys() & other.attrib.keys() - {"openmmVersion", "version", "name"}:
            if not _same(one.attrib[name], other.attrib[name]):
                return f"{one.tag} {name} {one.attrib[name]} instead of {other.attrib[name]}"
        if len(one) != len(other):
            return f"{len(one)} {one.tag} instead of {len(other)}"
    return None


def _pairs(one: ElementTree.Element, other: ElementTree.Element) -> list[tuple[ElementTree.Element, ...]]:
    """Elements of the same place, the outer before the inner."""
    pairs: list[tuple[ElementTree.Element, ...]] = []
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        pairs.append((left, right))
        waiting += zip(left, right, strict=False)
    return pairs


def _same(one: str, other: str) -> bool:
    try:
        return one == other or math.isclose(float(one), float(other), rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    except ValueError:
        return False
