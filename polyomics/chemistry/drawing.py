"""A repeat unit as a picture: its 2D structure as SVG, with a wavy line where the chain goes on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from polyomics.errors import InvalidPolymer, InvalidSettings

LONGEST = 1000
"""Characters of a SMILES that is drawn."""
MOST_ATOMS = 250
"""Atoms that are drawn; more cannot be told apart, and take seconds to lay out."""
SMALLEST, LARGEST = 40, 1200
"""Edges of a picture [pixels]."""
SHOWN = 80
"""Characters of a SMILES that an error repeats."""
_KEPT = 5000


@lru_cache(maxsize=_KEPT)
def structure_svg(psmiles: str, *, width: int = 240, height: int = 160, dark: bool = False) -> str:
    """The 2D structure of a repeat unit, or of any other SMILES, as an SVG without a background.

    Args:
        psmiles: What to draw; `*` is where the chain goes on.
        width: Width [pixels].
        height: Height [pixels].
        dark: For a dark background.

    Raises:
        InvalidPolymer: RDKit does not read it, or it is too large to be drawn.
        InvalidSettings: The picture would be too small or too large.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise InvalidSettings(
            f"a picture of {width} x {height} pixels was asked for; its edges may have {SMALLEST} to {LARGEST}"
        )
    if len(psmiles) > LONGEST:
        raise InvalidPolymer(f"the SMILES has {len(psmiles)} characters; up to {LONGEST} are drawn")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(psmiles)
    if molecule is None or not molecule.GetNumAtoms():
        shown = psmiles if len(psmiles) <= SHOWN else psmiles[:SHOWN] + "..."
        raise InvalidPolymer(f"{shown!r} is not a SMILES; write for example *CC(*)c1ccccc1")
    if molecule.GetNumAtoms() > MOST_ATOMS:
        raise InvalidPolymer(f"the molecule has {molecule.GetNumAtoms()} heavy atoms; up to {MOST_ATOMS} are drawn")
    rdDepictor.Compute2DCoords(molecule)
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.dummiesAreAttachments = True
    options.padding = 0.06
    options.bondLineWidth = 1.5
    options.fixedBondLength = 0.2 * min(width, height)
    options.includeMetadata = False
    if dark:
        rdMolDraw2D.SetDarkMode(options)
        options.clearBackground = False
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
    drawer.FinishDrawing()
    return str(drawer.GetDrawingText()).replace("iso-8859-1", "utf-8", 1)
