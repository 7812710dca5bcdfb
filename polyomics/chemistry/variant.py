"""Stereo variants of a unit: which handedness each open centre has, and the template that goes with it."""

from functools import lru_cache

import numpy as np

from polyomics.chemistry.assembly import NEXT, PREVIOUS, DoubleBond, Piece, PieceAt
from polyomics.chemistry.end_group import EndGroup
from polyomics.chemistry.repeat_unit import RepeatUnit
from polyomics.chemistry.tacticity import tags_for
from polyomics.chemistry.template import Template, feasible_handedness, make_template, mirror_template
from polyomics.errors import ChainNotBuilt

Variant = tuple[int, ...]
"""+1 or -1 for each tactic centre (handedness along the chain), then for each free centre (tag)."""

MAX_FREE_CHOICES = 4
"""Diastereomers of free centres a chain is mixed from, where more are possible."""


def variant_piece(unit: RepeatUnit, variant: Variant) -> Piece:
    """The unit with every open stereo decided."""
    n_tactic = len(unit.tactic_centres)
    signs = tags_for(unit, dict(zip(unit.tactic_centres, variant[:n_tactic], strict=True)))
    signs.update(zip(unit.free_centres, variant[n_tactic:], strict=True))
    return unit.piece.with_handedness(signs).with_double_bonds(_trans_double_bonds(unit))


def _trans_double_bonds(unit: RepeatUnit) -> list[DoubleBond]:
    """Open double bonds outside rings, made trans along the main chain (or between the heaviest groups)."""
    piece = unit.piece
    chain = {*unit.backbone, NEXT, PREVIOUS}

    def reference(atom: int, other: int) -> int:
        sides = [j for j in piece.neighbours[atom] if j != other]
        return min(sides, key=lambda j: (j not in chain, -(piece.atoms[j].GetAtomicNum() if j >= 0 else 0), j))

    return [
        DoubleBond(a, b, reference(a, b), reference(b, a), is_cis=False)
        for a, b in unit.free_double_bonds
        if not unit.mol.GetBondBetweenAtoms(a, b).IsInRing()
    ]


@lru_cache(maxsize=512)
def unit_template(unit: RepeatUnit, variant: Variant) -> Template | None:
    """Template of a unit among its like; None if that stereo cannot exist in 3D."""
    piece = variant_piece(unit, variant)
    if variant and variant[0] < 0 and not unit.fixed_centres:
        image = unit_template(unit, tuple(-sign for sign in variant))
        return None if image is None else mirror_template(image, lambda _: piece)
    return make_template(lambda _: piece, unit.backbone)


@lru_cache(maxsize=512)
def end_template(unit: RepeatUnit, variant: Variant, end: EndGroup, at_head: bool) -> Template | None:
    """Template of an end group beside units of a variant."""
    own, piece = end.piece(at_head=at_head), variant_piece(unit, variant)

    def piece_at(k: int) -> Piece | None:
        if k == 0:
            return own
        return piece if (k > 0) == at_head else None

    return make_template(piece_at, ())


def free_choices(unit: RepeatUnit, count: int, rng: np.random.Generator) -> list[Variant]:
    """Up to `count` ways to decide the free centres that can exist in 3D.

    Raises:
        ChainNotBuilt: None was found.
    """
    if not unit.free_centres:
        return [()]
    first = (1,) * len(unit.tactic_centres)
    seen = _seen_choices(unit)
    found: list[Variant] = []
    for number in rng.permutation(len(seen)):
        if unit_template(unit, first + seen[number]) is not None:
            found.append(seen[number])
        if len(found) == count:
            return found
    if not found:
        raise ChainNotBuilt(
            f"{unit.psmiles}: no geometry was found that decides the {len(unit.free_centres)} stereocentres left open "
            "in rings and side groups; specify them in the SMILES"
        )
    return found


@lru_cache(maxsize=256)
def _seen_choices(unit: RepeatUnit) -> list[Variant]:
    """Ways to decide the free centres that conformers free to choose have taken."""
    undecided = variant_piece(unit, (1,) * len(unit.tactic_centres) + (0,) * len(unit.free_centres))
    return feasible_handedness(lambda _: undecided, unit.free_centres)


def junction_context(before: Piece, after: Piece) -> PieceAt:
    """Sequence in which piece 0 is `before` and piece 1 is `after`, continued by more of the same."""

    def piece_at(k: int) -> Piece | None:
        if k <= 0:
            return before if k == 0 or before.head is not None else None
        return after if k == 1 or after.tail is not None else None

    return piece_at
