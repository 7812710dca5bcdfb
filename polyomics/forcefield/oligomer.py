"""A polymer as a pattern (head end, unit, tail end), from which oligomers of any length and rings are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from polyomics.chemistry.assembly import permutation_sign
from polyomics.records import digest

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain

HEAD, UNIT, TAIL = 0, 1, 2
"""Numbers of the three parts of a polymer."""

Label = tuple[int, int]
"""Place in the sequence (-1 head end, 0 .. n-1 units, n tail end) and template number."""


@dataclass(frozen=True, eq=False)
class Oligomer:
    """A short (or the whole) chain as a graph, atoms in the order head end, units, tail end."""

    mol: Chem.Mol
    """Sanitised, all hydrogens explicit, no coordinates, handedness kept."""
    unit_of_atom: NDArray[np.int64]
    """Unit of each atom, shape (n_atoms,); -1 for the head end, n_units for the tail end."""
    template_atom: NDArray[np.int64]
    """Number of each atom within its part, shape (n_atoms,)."""
    n_units: int

    def atoms_of(self, unit: int) -> NDArray[np.int64]:
        """Atoms of one unit (or end: -1, n_units), in template order."""
        return np.flatnonzero(self.unit_of_atom == unit)


@dataclass(frozen=True, eq=False)
class PolymerGraph:
    """Constitution of head end, repeat unit and tail end, and how they are joined."""

    parts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    """Atoms of `source` that represent head end, unit and tail end, in template order."""
    source: Chem.Mol
    """The chain the pattern was read from."""
    joints: tuple[int, int, int, int]
    """Template numbers of the joining atoms: of the head end, of the unit towards head and tail, of the tail end."""
    unit: Chem.Mol
    """The repeat unit with its two `*` (isotope 1 head, 2 tail) last; says which handedness is fixed."""
    unit_key: str
    """Key of the repeat unit."""

    @classmethod
    def of(cls, chain: "Chain") -> "PolymerGraph":
        """Pattern of a chain; the unit in its middle represents all others."""
        unit, template = np.asarray(chain.unit_of_atom), np.asarray(chain.template_atom)
        middle = chain.n_units // 2
        parts = [np.flatnonzero(unit == u) for u in (-1, middle, chain.n_units)]
        joints: dict[tuple[int, int], tuple[int, int]] = {}
        for bond in chain.mol.GetBonds():
            a, b = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), key=lambda i: unit[i])
            if unit[a] != unit[b]:
                joints[int(unit[a]), int(unit[b])] = int(template[a]), int(template[b])
        head_joint, unit_head = joints[-1, 0]
        unit_tail, tail_joint = joints[chain.n_units - 1, chain.n_units]
        return cls(
            parts=(tuple(parts[0].tolist()), tuple(parts[1].tolist()), tuple(parts[2].tolist())),
            source=chain.mol,
            joints=(head_joint, unit_head, unit_tail, tail_joint),
            unit=chain.repeat_unit.mol,
            unit_key=chain.repeat_unit.key,
        )

    @cached_property
    def key(self) -> str:
        """Digest of the repeat unit, its template numbering and both ends."""
        rows = []
        for part in self.parts:
            atoms = [self.source.GetAtomWithIdx(i) for i in part]
            place = {i: k for k, i in enumerate(part)}
            rows.append(
                [
                    [
                        atom.GetAtomicNum(),
                        atom.GetFormalCharge(),
                        atom.GetIsotope(),
                        sorted(
                            [place.get(bond.GetOtherAtomIdx(atom.GetIdx()), -1), str(bond.GetBondType())]
                            for bond in atom.GetBonds()
                        ),
                    ]
                    for atom in atoms
                ]
            )
        return digest([self.unit_key, self.joints, rows])[:24]

    def formal_charges(self) -> tuple[int, int, int]:
        """Formal charge of head end, unit and tail end."""
        head, unit, tail = (sum(self.source.GetAtomWithIdx(i).GetFormalCharge() for i in part) for part in self.parts)
        return head, unit, tail

    @cached_property
    def _kekulised(self) -> Chem.Mol:
        mol = Chem.Mol(self.source)
        Chem.Kekulize(mol, clearAromaticFlags=False)
        return mol

    @cached_property
    def _stereo_bonds(self) -> list[tuple[Chem.Bond, list[int]]]:
        bonds = [(bond, list(bond.GetStereoAtoms())) for bond in self.source.GetBonds()]
        return [(bond, refs) for bond, refs in bonds if len(refs) == 2]

    def oligomer(self, n_units: int, *, kekulised: bool = False) -> Oligomer:
        """Linear chain of `n_units`.

        Args:
            n_units: Number of units, at least 1.
            kekulised: Alternating single and double bonds in place of aromatic ones, the same in every unit;
                the aromatic flags stay.
        """
        labels = [(u, t) for u in range(-1, n_units + 1) for t in range(len(self._part(u, n_units)))]
        head, unit_head, unit_tail, tail = self.joints
        links = [((-1, head), (0, unit_head)), ((n_units - 1, unit_tail), (n_units, tail))]
        links += [((u, unit_tail), (u + 1, unit_head)) for u in range(n_units - 1)]
        mol = self._assemble(labels, links, n_units, kekulised=kekulised)
        return Oligomer(
            mol=mol,
            unit_of_atom=np.array([u for u, _ in labels]),
            template_atom=np.array([t for _, t in labels]),
            n_units=n_units,
        )

    def ring(self, n_units: int) -> Oligomer:
        """Ring of `n_units` without ends: it has the topological symmetry of the endless chain."""
        labels = [(u, t) for u in range(n_units) for t in range(len(self.parts[UNIT]))]
        _, unit_head, unit_tail, _ = self.joints
        links = [((u, unit_tail), ((u + 1) % n_units, unit_head)) for u in range(n_units)]
        mol = self._assemble(labels, links, n_units, kekulised=False)
        return Oligomer(mol, np.array([u for u, _ in labels]), np.array([t for _, t in labels]), n_units)

    def _part(self, unit: int, n_units: int) -> tuple[int, ...]:
        return self.parts[HEAD if unit < 0 else TAIL if unit == n_units else UNIT]

    def _assemble(
        self,
        labels: Sequence[Label],
        links: Iterable[tuple[Label, Label]],
        n_units: int,
        *,
        kekulised: bool,
    ) -> Chem.Mol:
        source = self._kekulised if kekulised else self.source
        mol = Chem.RWMol()
        index = {label: mol.AddAtom(self._copy(source, label, n_units)) for label in labels}
        for unit in dict.fromkeys(u for u, _ in labels):
            part = self._part(unit, n_units)
            place = {atom: t for t, atom in enumerate(part)}
            for t, atom in enumerate(part):
                for bond in source.GetAtomWithIdx(atom).GetBonds():
                    other = place.get(bond.GetOtherAtomIdx(atom), -1)
                    if other > t:
                        mol.AddBond(index[unit, t], index[unit, other], bond.GetBondType())
                        new = mol.GetBondBetweenAtoms(index[unit, t], index[unit, other])
                        new.SetIsAromatic(bond.GetIsAromatic())
        link_type = self._link_type(source)
        for a, b in links:
            mol.AddBond(index[a], index[b], link_type)
        product = mol.GetMol()
        if not kekulised:
            self._set_geometry(product, index, n_units)
            self._set_handedness(product, index, n_units)
            Chem.SanitizeMol(product)
        return product

    def _copy(self, source: Chem.Mol, label: Label, n_units: int) -> Chem.Atom:
        old = source.GetAtomWithIdx(self._part(label[0], n_units)[label[1]])
        atom = Chem.Atom(old.GetAtomicNum())
        atom.SetFormalCharge(old.GetFormalCharge())
        atom.SetIsotope(old.GetIsotope())
        atom.SetIsAromatic(old.GetIsAromatic())
        atom.SetNoImplicit(True)
        return atom

    def _link_type(self, source: Chem.Mol) -> Any:
        inside = set(self.parts[UNIT])
        atom = source.GetAtomWithIdx(self.parts[UNIT][self.joints[2]])
        leaving = [bond for bond in atom.GetBonds() if bond.GetOtherAtomIdx(atom.GetIdx()) not in inside]
        return leaving[0].GetBondType()

    def _set_geometry(self, mol: Chem.Mol, index: dict[Label, int], n_units: int) -> None:
        """Cis and trans of double bonds inside a part, as in the source."""
        for unit in dict.fromkeys(u for u, _ in index):
            place = {atom: index[unit, t] for t, atom in enumerate(self._part(unit, n_units))}
            for old, refs in self._stereo_bonds:
                begin, end = place.get(old.GetBeginAtomIdx()), place.get(old.GetEndAtomIdx())
                if begin is None or end is None:
                    continue
                outer = [
                    place[ref] if ref in place else _outside(mol, centre, set(place.values()))
                    for ref, centre in zip(refs, (begin, end), strict=True)
                ]
                new = mol.GetBondBetweenAtoms(begin, end)
                if new.GetBeginAtomIdx() != begin:
                    outer.reverse()
                new.SetStereoAtoms(*outer)
                new.SetStereo(old.GetStereo())

    def _set_handedness(self, mol: Chem.Mol, index: dict[Label, int], n_units: int) -> None:
        """Handedness of the centres the text of the repeat unit fixes; that of others is left open."""
        unit_head, unit_tail = self.joints[1:3]
        for centre in self.unit.GetAtoms():
            t = centre.GetIdx()
            if centre.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED:
                continue
            for unit in range(n_units):
                if (unit, t) not in index:
                    continue
                atom = mol.GetAtomWithIdx(index[unit, t])
                inside = {index[unit, k] for k in range(len(self.parts[UNIT]))}
                outside = [n.GetIdx() for n in atom.GetNeighbors() if n.GetIdx() not in inside]
                if unit_head == unit_tail:
                    outside.sort()
                old = []
                for neighbour in centre.GetNeighbors():
                    if neighbour.GetAtomicNum():
                        old.append(index[unit, neighbour.GetIdx()])
                    else:
                        old.append(outside[0 if neighbour.GetIsotope() == 1 else -1])
                new = [bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds()]
                atom.SetChiralTag(centre.GetChiralTag())
                if permutation_sign(old, new) < 0:
                    atom.InvertChirality()


def _outside(mol: Chem.Mol, centre: int, known: set[int]) -> int:
    near: list[int] = [neighbour.GetIdx() for neighbour in mol.GetAtomWithIdx(centre).GetNeighbors()]
    return next(i for i in near if i not in known)
