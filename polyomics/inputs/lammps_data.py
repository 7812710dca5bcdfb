"""A cell of n chains as a LAMMPS data file: atom style full, units real, from the ParmEd structure of one chain.

Interaction styles to read it with (GAFF and AMBER force fields):

    units real / atom_style full / bond_style harmonic / angle_style harmonic / dihedral_style fourier /
    improper_style cvff / pair_style lj/cut/coul/long / pair_modify mix arithmetic / special_bonds amber

Pair, bond, angle and torsion energies of both programs have the same form and ParmEd's units are LAMMPS' own real
units, so numbers pass unchanged, but for the Lennard-Jones radius. An improper of AMBER is a torsion about its third
atom; cvff reads the same four atoms in the same order, with the cosine's sign (+1 or -1) for the phase (0 or 180°).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from polyomics.forcefield.parameterize import ParameterizedChain

ANGSTROM_PER_NM = 10.0
ANGSTROM_FS_PER_NM_PS = 0.01
SIGMA_PER_RMIN_HALF = 2.0 ** (5.0 / 6.0)


@dataclass
class Kinds:
    """The different parameter sets of one interaction, numbered from 1 as they turn up."""

    numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def number(self, parameters: tuple[Any, ...]) -> int:
        """Number of `parameters`, a new one if they have not been met."""
        return self.numbers.setdefault(parameters, len(self.numbers) + 1)

    def lines(self) -> list[str]:
        """Number and parameters of every kind."""
        return [" ".join([str(number), *map(_text, kind)]) for kind, number in self.numbers.items()]


@dataclass
class Terms:
    """One kind of interaction in one chain: (kind, atoms counted from 0)."""

    kinds: Kinds = field(default_factory=Kinds)
    members: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def add(self, parameters: tuple[Any, ...], atoms: tuple[int, ...]) -> None:
        """Add one interaction."""
        self.members.append((self.kinds.number(parameters), atoms))

    def lines(self, n_chains: int, n_atoms: int) -> Iterator[str]:
        """Running number, kind and atoms (from 1) of the interactions of all chains."""
        for chain in range(n_chains):
            for count, (kind, atoms) in enumerate(self.members, start=chain * len(self.members) + 1):
                yield " ".join(map(str, (count, kind, *(atom + 1 + chain * n_atoms for atom in atoms))))


@dataclass(frozen=True)
class Written:
    """What the input script has to know of a data file."""

    hydrogen_bond_kinds: tuple[int, ...]
    """Bond types with a hydrogen, for `fix shake ... b`."""
    styles: frozenset[str]
    """Kinds of bonded interactions there are, of bond, angle, dihedral and improper."""


def write_lammps_data(
    path: Path,
    parameterized: "ParameterizedChain",
    n_chains: int,
    positions_nm: ArrayLike,
    box_nm: ArrayLike,
    masses_amu: Sequence[float] | None = None,
    velocities_nm_ps: ArrayLike | None = None,
) -> Written:
    """Write a cell of `n_chains` chains, atoms chain after chain.

    Args:
        path: File to write.
        parameterized: One chain.
        n_chains: Number of chains.
        positions_nm: Positions [nm], wrapped or not, shape=(n_chains * n_atoms, 3).
        box_nm: Edges of the periodic box [nm], shape=(3,).
        masses_amu: Masses of one chain's atoms [amu]; None for those of the structure.
        velocities_nm_ps: Velocities [nm/ps], shape=(n_chains * n_atoms, 3); None for none.

    Raises:
        ValueError: The arrays do not fit the chain, or an improper has a phase that cvff cannot express.
    """
    positions = np.asarray(positions_nm, dtype=float) * ANGSTROM_PER_NM
    edges = np.asarray(box_nm, dtype=float) * ANGSTROM_PER_NM
    atoms = parameterized.structure.atoms
    if positions.shape != (n_chains * len(atoms), 3):
        raise ValueError(f"positions of shape {positions.shape} for {n_chains} chains of {len(atoms)} atoms")
    masses = [atom.mass for atom in atoms] if masses_amu is None else masses_amu
    kinds, kind_of_atom = _atom_kinds(parameterized, masses)
    terms = _terms(parameterized.structure)
    sections = {
        "Masses": [f"{number} {_text(mass)} # {name}" for (name, mass, _, _), number in kinds.numbers.items()],
        "Pair Coeffs": [
            f"{number} {_text(epsilon)} {_text(sigma)}" for (_, _, epsilon, sigma), number in kinds.numbers.items()
        ],
        **{f"{name.capitalize()} Coeffs": one.kinds.lines() for name, one in terms.items()},
        "Atoms # full": _atom_lines(kind_of_atom, parameterized.charges_e, positions),
        **({} if velocities_nm_ps is None else {"Velocities": _velocity_lines(velocities_nm_ps)}),
        **{f"{name.capitalize()}s": one.lines(n_chains, len(atoms)) for name, one in terms.items()},
    }
    counts = {"atom": len(kinds.numbers), **{name: len(one.kinds.numbers) for name, one in terms.items()}}
    totals = {"atom": len(positions), **{name: n_chains * len(one.members) for name, one in terms.items()}}
    with path.open("w", encoding="ascii") as stream:
        stream.write(f"{n_chains} chains of {len(atoms)} atoms\n\n")
        stream.writelines(f"{total} {name}s\n" for name, total in totals.items())
        stream.writelines(f"{count} {name} types\n" for name, count in counts.items())
        stream.writelines(f"0.0 {edge:.12f} {axis}lo {axis}hi\n" for axis, edge in zip("xyz", edges, strict=True))
        for title, lines in sections.items():
            stream.write(f"\n{title}\n\n")
            stream.writelines(f"{line}\n" for line in lines)
    hydrogen = tuple(n for parameters, n in terms["bond"].kinds.numbers.items() if parameters[-1] == "# H")
    return Written(hydrogen, frozenset(terms))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _atom_kinds(parameterized: "ParameterizedChain", masses: Sequence[float]) -> tuple[Kinds, list[int]]:
    """Atom types are those of the force field, told apart by mass where masses are repartitioned."""
    kinds = Kinds()
    numbers = [
        kinds.number((name, round(float(mass), 6), atom.epsilon, atom.rmin * SIGMA_PER_RMIN_HALF))
        for atom, name, mass in zip(parameterized.structure.atoms, parameterized.atom_types, masses, strict=True)
    ]
    return kinds, numbers


def _terms(structure: Any) -> dict[str, Terms]:
    """Bonded interactions by LAMMPS' names for them, those there are."""
    number = {id(atom): i for i, atom in enumerate(structure.atoms)}
    bonds, angles, dihedrals, impropers = Terms(), Terms(), Terms(), Terms()
    for bond in structure.bonds:
        pair = (bond.atom1, bond.atom2)
        note = "# H" if 1 in (atom.atomic_number for atom in pair) else "#"
        bonds.add((bond.type.k, bond.type.req, note), tuple(number[id(atom)] for atom in pair))
    for angle in structure.angles:
        triple = (angle.atom1, angle.atom2, angle.atom3)
        angles.add((angle.type.k, angle.type.theteq), tuple(number[id(atom)] for atom in triple))
    for torsion in structure.dihedrals:
        four = (torsion.atom1, torsion.atom2, torsion.atom3, torsion.atom4)
        atoms = tuple(number[id(atom)] for atom in four)
        if torsion.improper:
            impropers.add(_cvff(torsion.type), atoms)
            continue
        waves = [(kind.phi_k, int(kind.per), kind.phase) for kind in torsion.type if kind.phi_k]
        if waves:
            dihedrals.add((len(waves), *(value for wave in waves for value in wave)), atoms)
    named = {"bond": bonds, "angle": angles, "dihedral": dihedrals, "improper": impropers}
    return {name: terms for name, terms in named.items() if terms.members}


def _cvff(kind: Any) -> tuple[float, int, int]:
    """K, sign and multiplicity of an improper."""
    sign = round(np.cos(np.radians(kind.phase)))
    if abs(np.cos(np.radians(kind.phase)) - sign) > 1e-6 or sign == 0:
        raise ValueError(f"an improper with a phase of {kind.phase:g}° has no form in improper_style cvff")
    return kind.phi_k, sign, int(kind.per)


def _atom_lines(
    kind_of_atom: Sequence[int], charges_e: NDArray[np.float64], positions: NDArray[np.float64]
) -> Iterator[str]:
    n_atoms = len(kind_of_atom)
    for index, (x, y, z) in enumerate(positions):
        chain, atom = divmod(index, n_atoms)
        charge, kind = charges_e[atom], kind_of_atom[atom]
        yield f"{index + 1} {chain + 1} {kind} {charge:.12g} {x:.12f} {y:.12f} {z:.12f}"


def _velocity_lines(velocities_nm_ps: ArrayLike) -> Iterator[str]:
    for index, (x, y, z) in enumerate(np.asarray(velocities_nm_ps, dtype=float) * ANGSTROM_FS_PER_NM_PS):
        yield f"{index + 1} {x:.12e} {y:.12e} {z:.12e}"
