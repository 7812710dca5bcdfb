"""Relative handedness of the main-chain stereocentres: asked for, and measured from coordinates.

The handedness of a centre is taken along the chain: neighbours before, after, heavier side group, lighter side
group. Two centres that follow each other form a meso diad if their handedness is the same and a racemo diad if
not; this is the isotactic and syndiotactic of vinyl polymers (IUPAC, Pure Appl. Chem. 53 (1981) 733,
doi:10.1351/pac198153030733).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from polyomics.chemistry.assembly import NEXT, PREVIOUS, Piece, permutation_sign
from polyomics.chemistry.repeat_unit import RepeatUnit
from polyomics.errors import InvalidSettings

TACTICITIES = ("isotactic", "syndiotactic", "atactic")


def draw_diads(n_diads: int, tacticity: str, meso_probability: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which diads are meso, shape (n_diads,); atactic is Bernoulli with `meso_probability`.

    Raises:
        InvalidSettings: The tacticity is not known or the probability is outside 0 to 1.
    """
    if tacticity not in TACTICITIES:
        raise InvalidSettings(f"the tacticity is {tacticity!r}; give one of {', '.join(TACTICITIES)}")
    if not 0.0 <= meso_probability <= 1.0:
        raise InvalidSettings(f"the meso probability is {meso_probability!r}; give a number from 0 to 1")
    if tacticity == "atactic":
        return np.asarray(rng.random(n_diads) < meso_probability)
    return np.full(n_diads, tacticity == "isotactic")


def handedness_along_chain(is_meso: NDArray[np.bool_], first: int) -> NDArray[np.int64]:
    """+1 or -1 of every centre, shape (n_diads + 1,), from the first one and the diads."""
    return first * np.cumprod(np.concatenate([[1], np.where(is_meso, 1, -1)])).astype(np.int64)


def chain_order(unit: RepeatUnit, centre: int) -> tuple[int, ...]:
    """Neighbours of a main-chain centre: before, after, then side groups, heaviest first."""
    place = unit.backbone.index(centre)
    before = unit.backbone[place - 1] if place > 0 else PREVIOUS
    after = unit.backbone[place + 1] if place + 1 < len(unit.backbone) else NEXT
    piece = unit.piece
    sides = [j for j in piece.neighbours[centre] if j not in (before, after)]
    sides.sort(key=lambda j: (-piece.atoms[j].GetAtomicNum(), -_branch_mass(piece, centre, j), j))
    return (before, after, *sides)


def _branch_mass(piece: Piece, root: int, first: int) -> float:
    seen, edge = {root, first}, [first]
    mass = 0.0
    while edge:
        atom = edge.pop()
        mass += float(piece.atoms[atom].GetMass())
        new = [j for j in piece.neighbours[atom] if j >= 0 and j not in seen]
        seen.update(new)
        edge += new
    return mass


def tags_for(unit: RepeatUnit, handedness: Mapping[int, int]) -> dict[int, int]:
    """Signs for `Piece.with_handedness` that give main-chain centres a handedness along the chain."""
    near = unit.piece.neighbours
    return {
        centre: sign * permutation_sign(near[centre], chain_order(unit, centre)) for centre, sign in handedness.items()
    }


def signed_volumes_nm3(
    positions_nm: NDArray[np.float64], centres: Sequence[int], neighbours: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Signed volume of the first three neighbours around each centre [nm³], shape (n_centres,).

    Positive if, seen from the first neighbour, the others go counter-clockwise.
    """
    arms = positions_nm[neighbours[:, :3]] - positions_nm[np.asarray(centres, dtype=np.int64)][:, None, :]
    return np.asarray(np.einsum("ij,ij->i", arms[:, 0], np.cross(arms[:, 1], arms[:, 2])))
