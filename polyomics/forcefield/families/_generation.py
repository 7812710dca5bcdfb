"""What GAFF and GAFF2 share: types by `atomtype`, missing terms by `parmchk2`, both of AmberTools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from polyomics.files import sha256
from polyomics.forcefield.data import manifest
from polyomics.forcefield.families import Assignment

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain
    from polyomics.forcefield.oligomer import Oligomer, PolymerGraph
    from polyomics.forcefield.parameters import Estimate, Tables


@dataclass(frozen=True)
class Generation:
    """One of the two force fields, as AmberTools calls it."""

    name: str
    """Name of the rules of `atomtype`, and of the folder in /forcefields."""
    file: str
    """Its parameter file, with AmberTools' data folder before it."""
    parmchk_set: str
    """Its number for `parmchk2 -s`."""

    @property
    def unexpected_file_flag(self) -> str:
        """Flag of results made with another file than the one these were tested with."""
        return f"unexpected_{self.name}_file"


GAFF = Generation("gaff", "leap/parm/gaff.dat", "1")
GAFF2 = Generation("gaff2", "leap/parm/gaff2.dat", "2")

_FEWEST_UNITS = 2
_BACKBONE_ATOMS = 8
"""Units and main-chain atoms of the oligomer first given to parmchk2, whose time grows with the fourth power
of the size (56 atoms 0.04 s, 200 atoms 1 s, 1,000 atoms 10 minutes on one core)."""


def types_and_tables(chain: "Chain", generation: Generation) -> "tuple[tuple[str, ...], Tables]":
    """Types of every atom, and tables that have every term of the chain."""
    from polyomics.forcefield.atom_types import gaff_types
    from polyomics.forcefield.oligomer import PolymerGraph
    from polyomics.forcefield.parameters import Tables, read_tables
    from polyomics.forcefield.tools import amber_data

    graph = PolymerGraph.of(chain)
    whole = graph.oligomer(chain.n_units, kekulised=True)
    types = gaff_types(whole.mol, generation.name)
    estimates, table = _estimates(graph, whole, types, chain.repeat_unit.n_backbone, generation)
    return types, Tables((table, read_tables(amber_data(generation.file))), estimates)


def _estimates(
    graph: "PolymerGraph", whole: "Oligomer", types: Sequence[str], n_backbone: int, generation: Generation
) -> "tuple[tuple[Estimate, ...], Any]":
    """Estimates from the shortest oligomer that has every combination of types of the chain.

    Its number of units is odd where that of the chain is, since conjugated types alternate.
    """
    from polyomics.forcefield.atom_types import gaff_types
    from polyomics.forcefield.parameters import estimate_missing

    wanted = combinations_of_types(whole.mol, types)
    n_units = max(_FEWEST_UNITS, -(-_BACKBONE_ATOMS // n_backbone))
    n_units += (n_units - whole.n_units) % 2
    while n_units < whole.n_units:
        short = graph.oligomer(n_units, kekulised=True)
        short_types = gaff_types(short.mol, generation.name)
        if wanted <= combinations_of_types(short.mol, short_types):
            return estimate_missing(short.mol, short_types, generation.parmchk_set)
        n_units += max(2, n_units // 4 * 2)
    return estimate_missing(whole.mol, types, generation.parmchk_set)


def combinations_of_types(mol: Any, types: Sequence[str]) -> set[tuple[str, ...]]:
    """Types of every bond, angle, torsion and improper of a molecule, each in one canonical direction."""
    near = [[n.GetIdx() for n in atom.GetNeighbors()] for atom in mol.GetAtoms()]
    found: set[tuple[str, ...]] = set()

    def add(*path: int) -> None:
        names = tuple(types[i] for i in path)
        found.add(min(names, names[::-1]))

    for j, around in enumerate(near):
        for i, k in combinations(around, 2):
            add(i, j, k)
        if len(around) == 3:
            found.add(("improper", types[j], *sorted(types[i] for i in around)))
        for k in around:
            if j < k:
                add(j, k)
                for i in around:
                    for m in near[k]:
                        if i != k and m not in (j, i):
                            add(i, j, k, m)
    return found


def assign(chain: "Chain", types: Sequence[str], tables: "Tables", generation: Generation, family: str) -> Assignment:
    """Structure, flags and provenance from types and tables."""
    from polyomics.forcefield.assignment import build_structure
    from polyomics.forcefield.parameters import HIGH_PENALTY, HIGH_PENALTY_FLAG, parmed_version
    from polyomics.forcefield.tools import amber_data, tools_version

    file = generation.file.rpartition("/")[2]
    checksum = sha256(amber_data(generation.file))
    known: Mapping[str, Any] = manifest(generation.name)
    high = [estimate for estimate in tables.estimates if estimate.penalty > HIGH_PENALTY]
    flags = [HIGH_PENALTY_FLAG] if high else []
    if checksum != known["sha256"][file]:
        flags.append(generation.unexpected_file_flag)
    return Assignment(
        structure=build_structure(chain.mol, types, tables),
        atom_types=tuple(types),
        flags=tuple(flags),
        provenance={
            "family": family,
            "ambertools": tools_version(),
            "parmed": parmed_version(),
            f"{file} sha256": checksum,
            "estimated parameters": "; ".join(str(estimate) for estimate in tables.estimates),
            "high penalty parameters": "; ".join(str(estimate) for estimate in high),
        },
    )
