"""A chain grown unit by unit: relaxed pieces, torsions from their distributions, no overlap, no speared ring.

Each piece (unit or end group) is a relaxed template. Its inner torsions and that of the junction are drawn from
rotational-isomeric distributions (`torsion`); the piece is taken if no atom more than three bonds away is too
close (`contact`), else drawn again; after several failures growth steps back, further each time it fails at the
same place. Units speared by a bond are taken back and grown again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.spatial.distance import cdist

from polyomics.chemistry.chain import Chain, ChainGraph, chain_graph
from polyomics.chemistry.contact import (
    CLOSEST_CONTACT,
    EXCLUDED_BONDS,
    RADIUS_NM,
    RELAXED_CONTACT,
    SQUEEZED_CONTACT,
    WANTED_CONTACT,
    bonds_apart,
    closest_contact,
    radii_nm,
)
from polyomics.chemistry.placement import dihedral_rad, frames, rotation_matrices
from polyomics.chemistry.relief import relieved_nm
from polyomics.chemistry.repeat_unit import RepeatUnit
from polyomics.chemistry.spearing import find_spearings
from polyomics.chemistry.tacticity import draw_diads, handedness_along_chain
from polyomics.chemistry.template import Template, has_stereo_asked_for, junction_distribution
from polyomics.chemistry.torsion import TorsionDistribution
from polyomics.chemistry.variant import (
    MAX_FREE_CHOICES,
    Variant,
    end_template,
    free_choices,
    junction_context,
    unit_template,
)
from polyomics.errors import ChainNotBuilt, InvalidSettings
from polyomics.units import NM_PER_ANGSTROM

Floats = NDArray[np.float64]

_DRAWS = (4, 28)
"""Conformers drawn at once for a piece; the second number only where none of the first has the room wanted."""
_VISITS_PER_PIECE, _VISITS_AT_LEAST = 15, 500
"""How often a piece may be tried, before growth gives up."""
_STALLED_VISITS, _STALLED_STEP = 100, 5
_MAX_REPAIRS = 40
_MAX_SQUEEZES = 3


def build_chain(
    repeat_unit: RepeatUnit,
    n_units: int,
    *,
    tacticity: str = "atactic",
    meso_probability: float = 0.5,
    head_end: str = "*C",
    tail_end: str = "*C",
    seed: int = 0,
) -> Chain:
    """One linear chain in 3D. The same arguments give the same coordinates, bit for bit.

    Args:
        repeat_unit: The unit.
        n_units: Degree of polymerisation.
        tacticity: "isotactic", "syndiotactic" or "atactic"; decides main-chain stereocentres the text leaves
            open. Specified ones are kept.
        meso_probability: Probability of a meso diad in an atactic chain (Bernoulli).
        head_end: SMILES with one `*` of the group before the first unit.
        tail_end: The same after the last unit.
        seed: Of every random choice.

    Raises:
        InvalidSettings, InvalidPolymer: The arguments make no chain.
        ChainNotBuilt: No geometry without overlap, speared ring or wrong stereo was found.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidSettings(f"the seed is {seed!r}; give a whole number of at least 0")
    rng = np.random.default_rng(int(seed))
    graph = chain_graph(repeat_unit, n_units, head_end, tail_end)
    variants, is_meso = _draw_stereo(repeat_unit, graph.n_units, tacticity, meso_probability, rng)
    sequence = _Sequence(graph, variants)
    mol = _grown(sequence, rng)
    return Chain(
        repeat_unit=repeat_unit,
        n_units=graph.n_units,
        mol=mol,
        unit_of_atom=graph.unit_of_atom,
        template_atom=graph.template_atom,
        positions_nm=np.array(mol.GetConformer().GetPositions()) * NM_PER_ANGSTROM,
        is_meso=is_meso,
        seed=int(seed),
    )


def _grown(sequence: "_Sequence", rng: np.random.Generator) -> Chem.Mol:
    """Molecule in 3D, checked; chains too crowded for that are grown tighter and relaxed."""
    mol = sequence.graph.mol([template.piece for template in sequence.templates])
    try:
        _set_positions(mol, _Grower(sequence, rng, CLOSEST_CONTACT).grow())
        problem = _problem(sequence.graph, mol, CLOSEST_CONTACT)
        if problem is None:
            return mol
    except ChainNotBuilt as error:
        problem = str(error)
    for _ in range(_MAX_SQUEEZES):
        try:
            _set_positions(mol, _Grower(sequence, rng, SQUEEZED_CONTACT).grow())
        except ChainNotBuilt as error:
            problem = str(error)
            continue
        for _ in range(2):
            _set_positions(mol, relieved_nm(mol))
            problem = _problem(sequence.graph, mol, RELAXED_CONTACT)
            if problem is None:
                return mol
    raise ChainNotBuilt(f"{problem}, also after {_MAX_SQUEEZES} relaxations; try another seed or a shorter chain")


def _problem(graph: ChainGraph, mol: Chem.Mol, least_contact: float) -> str | None:
    """What is wrong with the coordinates of a chain; None if nothing."""
    positions = np.array(mol.GetConformer().GetPositions()) * NM_PER_ANGSTROM
    name = chain_name(graph)
    contact = closest_contact(mol, positions)
    if contact < least_contact:
        return f"{name}: a contact is {contact:.2f} of the van der Waals distance and should be {least_contact}"
    if find_spearings(positions, chain_rings(graph), graph.bonds()):
        return f"{name}: a bond passes through a ring"
    if not has_stereo_asked_for(mol):
        return f"{name}: the coordinates do not have the stereo asked for"
    return None


def chain_name(graph: ChainGraph) -> str:
    """A chain, for messages."""
    return f"{graph.repeat_unit.psmiles}, chain of {graph.n_units} units"


def _set_positions(mol: Chem.Mol, positions_nm: Floats) -> None:
    mol.RemoveAllConformers()
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions((positions_nm - positions_nm.mean(axis=0)) / NM_PER_ANGSTROM)
    mol.AddConformer(conformer, assignId=True)


def _draw_stereo(
    unit: RepeatUnit, n_units: int, tacticity: str, meso_probability: float, rng: np.random.Generator
) -> tuple[list[Variant], NDArray[np.bool_] | None]:
    """Variant of every unit, and the diads."""
    n_tactic = unit.n_stereocentres
    is_meso = draw_diads(max(0, n_units * n_tactic - 1), tacticity, meso_probability, rng)
    is_random = tacticity == "atactic"
    first = int(rng.choice((1, -1))) if is_random else 1
    signs = handedness_along_chain(is_meso, first)[: n_units * n_tactic].reshape(n_units, n_tactic)
    choices = free_choices(unit, MAX_FREE_CHOICES if is_random else 1, rng)
    picked = rng.integers(len(choices), size=n_units)
    variants = [(*row, *choices[number]) for row, number in zip(signs.tolist(), picked, strict=True)]
    return variants, is_meso if n_tactic else None


class _Model:
    """What growth needs to know of one kind of piece.

    The head of the piece that will follow counts as an atom of the piece here: it is already fixed in space.
    """

    def __init__(self, template: Template, radius_after_nm: float) -> None:
        self.template = template
        piece = template.piece
        rest = template.positions_nm
        apart = bonds_apart(piece)
        self.radii = radii_nm(piece)
        if piece.tail is not None:
            self.radii = np.append(self.radii, radius_after_nm)
            apart = np.pad(apart, (0, 1))
            apart[-1, :-1] = apart[:-1, -1] = apart[piece.tail, :-1] + 1
        self.n_checked = len(self.radii)
        self.to_head = np.full(self.n_checked, np.inf) if piece.head is None else apart[piece.head]
        self.to_tail = np.full(piece.n_atoms, np.inf) if piece.tail is None else apart[piece.tail, :-1]
        self.angles = [dihedral_rad(*(rest[i] for i in turn.quad)) for turn in template.turns]
        self.inner = np.nonzero(np.triu(apart > EXCLUDED_BONDS))
        distance = np.linalg.norm(rest[self.inner[0]] - rest[self.inner[1]], axis=1)
        wanted = self.radii[self.inner[0]] + self.radii[self.inner[1]]
        self.inner_wanted = np.minimum(wanted, 0.98 * distance / WANTED_CONTACT)

    def conformers(self, rng: np.random.Generator, count: int) -> Floats:
        """The piece with its inner torsions drawn [nm], shape (count, rows of the template, 3)."""
        points = np.repeat(self.template.positions_nm[None], count, axis=0)
        for turn, angle in zip(self.template.turns, self.angles, strict=True):
            begin, end = turn.axis
            origin = points[:, end : end + 1].copy()
            change = np.radians(turn.distribution.draw_deg(rng, count)) - angle
            turned = rotation_matrices(origin[:, 0] - points[:, begin], change)
            points[:, turn.moved] = (points[:, turn.moved] - origin) @ turned.transpose(0, 2, 1) + origin
        return points

    def inner_contacts(self, points: Floats) -> Floats:
        """Smallest distance inside the piece in units of the sum of radii, shape (count,)."""
        first, second = self.inner
        if not len(first):
            return np.full(len(points), np.inf)
        step = points[:, first] - points[:, second]
        return np.asarray((np.sqrt((step * step).sum(axis=2)) / self.inner_wanted).min(axis=1))


class _Sequence:
    """Models of all pieces of a chain and the torsion distributions between them."""

    def __init__(self, graph: ChainGraph, variants: Sequence[Variant]) -> None:
        self.graph = graph
        unit = graph.repeat_unit
        self.templates = [
            _found(unit, end_template(unit, variants[0], graph.head_end, True)),
            *[_found(unit, unit_template(unit, variant)) for variant in variants],
            _found(unit, end_template(unit, variants[-1], graph.tail_end, False)),
        ]
        after = RADIUS_NM[unit.piece.atoms[unit.head].GetAtomicNum()]
        models = {id(template): _Model(template, after) for template in self.templates}
        self.models = [models[id(template)] for template in self.templates]
        self._junctions: dict[tuple[int, int], TorsionDistribution] = {}

    def __len__(self) -> int:
        return len(self.models)

    def junction(self, k: int) -> TorsionDistribution:
        """Distribution of the torsion between piece k - 1 and piece k."""
        before, after = self.templates[k - 1], self.templates[k]
        key = id(before), id(after)
        if key not in self._junctions:
            context = junction_context(before.piece, after.piece)
            self._junctions[key] = junction_distribution(context, before, after)
        return self._junctions[key]


def _found(unit: RepeatUnit, template: Template | None) -> Template:
    if template is None:
        raise ChainNotBuilt(
            f"{unit.psmiles}: no geometry with the stereo asked for was found for a unit or an end group; check the "
            "stereocentres in rings"
        )
    return template


@dataclass
class _Placed:
    """Global positions of the junction behind a piece."""

    tail: Floats
    following: Floats
    reference: Floats


class _Grower:
    """State of a growing chain: positions of the pieces so far, and spheres around them."""

    def __init__(
        self,
        sequence: _Sequence,
        rng: np.random.Generator,
        least_contact: float,
        *,
        horizon: int | None = None,
    ) -> None:
        self.sequence = sequence
        self.rng = rng
        self.horizon = len(sequence) if horizon is None else horizon
        self.contacts = (WANTED_CONTACT, 0.5 * (WANTED_CONTACT + least_contact), least_contact)
        self.first = sequence.graph.first_atom
        n_atoms = sequence.graph.n_atoms
        self.positions = np.zeros((n_atoms, 3))
        self.radii = np.concatenate([model.radii[: model.template.piece.n_atoms] for model in sequence.models])
        self.centres = np.zeros((len(sequence), 3))
        self.extents = np.zeros(len(sequence))
        self.junctions: list[_Placed] = []

    def grow(self) -> Floats:
        """Positions of the whole chain [nm], free of overlaps and speared rings."""
        self._extend()
        for _ in range(_MAX_REPAIRS):
            back_to = self._first_speared()
            if back_to is None:
                return self.positions
            del self.junctions[back_to:]
            self._extend()
        raise ChainNotBuilt(
            f"{chain_name(self.sequence.graph)}: bonds still pass through rings after {_MAX_REPAIRS} repairs"
        )

    def _extend(self) -> None:
        """Put piece after piece; where one finds no room, step back, further each time without progress."""
        n = len(self.sequence)
        failures = np.zeros(n, dtype=int)
        furthest, since, stalls = len(self.junctions), 0, 0
        budget = _VISITS_PER_PIECE * n + _VISITS_AT_LEAST
        for _ in range(budget):
            k = len(self.junctions)
            if k == n:
                return
            since += 1
            if self._place(k):
                if k > furthest:
                    furthest, since, stalls = k, 0, 0
                    failures[:] = 0
                continue
            failures[k] += 1
            back = 1 + int(failures[k]) // 3
            if since > _STALLED_VISITS:
                since, stalls, back = 0, stalls + 1, _STALLED_STEP * 2**stalls
                failures[:] = 0
            del self.junctions[max(0, k - back) :]
        raise ChainNotBuilt(
            f"{chain_name(self.sequence.graph)}: {budget} tries found no room beyond unit {furthest - 1} that keeps "
            f"{self.contacts[-1]:.2f} of the van der Waals distances"
        )

    def _place(self, k: int) -> bool:
        """Try to put piece k behind piece k - 1."""
        model = self.sequence.models[k]
        drawn: list[Floats] = []
        contacts: list[float] = []
        for count in _DRAWS:
            points = model.conformers(self.rng, count)
            points = points[model.inner_contacts(points) >= self.contacts[-1]]
            if k and len(points):
                points = self._attached(k, model, points)
            room = np.minimum(model.inner_contacts(points), self._room(k, model, points))
            drawn += list(points)
            contacts += room.tolist()
            if max(contacts, default=0.0) >= WANTED_CONTACT:
                break
        for least in self.contacts:
            number = next((i for i, contact in enumerate(contacts) if contact >= least), None)
            if number is not None:
                self._keep(k, model, drawn[number])
                return True
        return False

    def _attached(self, k: int, model: _Model, points: Floats) -> Floats:
        """Conformers put behind piece k - 1, each with a torsion of the junction drawn."""
        behind = self.junctions[k - 1]
        piece, row = model.template.piece, model.template.head_reference
        head = points[:, piece.head]
        bond = behind.following - behind.tail
        if k > 1:  # an end group knows its bond to a unit, a unit only that to another unit
            own_bond = points[0, piece.head] - points[0, -1]
            bond = bond * math.sqrt(float(own_bond @ own_bond) / float(bond @ bond))
        nowhere = np.full_like(head, np.nan)
        own = frames(points[:, -1], head, nowhere if row is None else points[:, row] - head + points[:, -1])
        there = frames(behind.tail[None], behind.following[None], behind.reference[None])[0]
        angle = np.radians(self.sequence.junction(k).draw_deg(self.rng, len(points)))[:, None]
        second = np.cos(angle) * there[1] + np.sin(angle) * there[2]
        third = np.cos(angle) * there[2] - np.sin(angle) * there[1]
        there = np.stack([np.broadcast_to(there[0], second.shape), second, third], axis=1)
        return np.asarray((points - head[:, None]) @ (own.transpose(0, 2, 1) @ there) + (behind.tail + bond))

    def _room(self, k: int, model: _Model, points: Floats) -> Floats:
        """Smallest distance to the chain so far in units of the sum of radii, shape (count,)."""
        start = max(0, k - self.horizon)
        if k == start or not len(points):
            return np.full(len(points), np.inf)
        count, n = len(points), model.n_checked
        checked = points[:, :n].reshape(-1, 3)
        centre = checked.mean(axis=0)
        extent = math.sqrt(float(((checked - centre) ** 2).sum(axis=1).max()))
        gap = self.centres[start:k] - centre
        reach = self.extents[start:k] + (extent + 2.0 * WANTED_CONTACT * self.radii.max())
        near = (np.nonzero((gap * gap).sum(axis=1) < reach * reach)[0] + start).tolist()
        if not near:
            return np.full(count, np.inf)
        rows = np.concatenate([np.arange(self.first[j], self.first[j + 1]) for j in near])
        wanted = model.radii[:, None] + self.radii[rows]
        self._exclude_bonded(k, model, near, wanted)
        distance = cdist(checked, self.positions[rows]).reshape(count, n, len(rows))
        return np.asarray((distance / wanted).min(axis=(1, 2)))

    def _exclude_bonded(self, k: int, model: _Model, near: Sequence[int], wanted: Floats) -> None:
        """Ask (next to) no distance of pairs that bonds, angles and torsions hold."""
        place = 0
        offsets = {}
        for j in near:
            offsets[j] = place
            place += int(self.first[j + 1] - self.first[j])
        between = 1.0
        for j in range(k - 1, -1, -1):
            if between > EXCLUDED_BONDS:
                return
            other = self.sequence.models[j]
            if j in offsets:
                apart = model.to_head[:, None] + between + other.to_tail
                block = wanted[:, offsets[j] : offsets[j] + len(other.to_tail)]
                block[apart <= EXCLUDED_BONDS] = 1e-9
            head = other.template.piece.head
            between += math.inf if head is None else float(other.to_tail[head]) + 1.0

    def _keep(self, k: int, model: _Model, points: Floats) -> None:
        atoms = points[:-2]
        self.positions[self.first[k] : self.first[k + 1]] = atoms
        self.centres[k] = atoms.mean(axis=0)
        self.extents[k] = math.sqrt(float(((atoms - self.centres[k]) ** 2).sum(axis=1).max()))
        template = model.template
        tail, row = template.piece.tail, template.tail_reference
        nowhere = np.full(3, np.nan)
        self.junctions.append(
            _Placed(
                tail=nowhere if tail is None else points[tail],
                following=points[-2],
                reference=nowhere if row is None else points[row],
            )
        )

    def _first_speared(self) -> int | None:
        """Piece to grow again from because of a speared ring; None if there is none."""
        graph = self.sequence.graph
        rings = chain_rings(graph)
        if not rings:
            return None
        bonds = graph.bonds()
        speared = find_spearings(self.positions, rings, bonds)
        if not speared:
            return None
        unit = graph.unit_of_atom
        later = [max(int(unit[rings[ring][0]]), int(unit[bonds[bond]].max())) + 1 for ring, bond in speared]
        return max(0, min(later) - int(self.rng.integers(0, 4)))


def chain_rings(graph: ChainGraph) -> list[tuple[int, ...]]:
    """Atoms of every ring of a chain, in order around it."""
    rings: list[tuple[int, ...]] = []
    own = {
        0: _rings_of(graph.head_end.mol),
        1: _rings_of(graph.repeat_unit.mol),
        2: _rings_of(graph.tail_end.mol),
    }
    for k, start in enumerate(graph.first_atom[:-1].tolist()):
        kind = 0 if k == 0 else 2 if k == len(graph.pieces) - 1 else 1
        rings += [tuple(start + i for i in ring) for ring in own[kind]]
    return rings


def _rings_of(mol: Chem.Mol) -> list[tuple[int, ...]]:
    return [tuple(ring) for ring in mol.GetRingInfo().AtomRings()]
