"""There is no hole in the cell."""

from typing import ClassVar

import numpy as np

from polyomics.analysis.radii import van_der_waals_radii_nm
from polyomics.analysis.voids import HardSpheres
from polyomics.cell.cell import Cell
from polyomics.equilibrium._chains import sample_chains
from polyomics.equilibrium.criterion import CRITERIA, EquilibriumTest, State
from polyomics.records import Criterion
from polyomics.simulation import Simulation

LARGEST_VOID_NM = 0.9
"""Diameter of the largest hole in a cell that is packed as glassy polymers are, with 65 % of its volume in atoms.
Positron annihilation finds mean diameters of 0.5 to 0.7 nm in common ones."""
USUAL_PACKING = 0.65
_GRID_NM = 0.1


@CRITERIA.register("no_voids")
class NoVoids(EquilibriumTest):
    """Diameter of the largest empty sphere between atoms of Bondi's radii, mean over a few frames, in nm.

    Packing starts at low density, and compression can leave a hole that never closes. What is usual depends on how
    dense the cell is: the diameter of pores is four times their volume over their surface, which goes as
    (1 - φ)/φ with φ the part of the volume that is in atoms. The limit is 0.9 nm at φ = 0.65 and scales so; that allows
    hot melts and polymers of high free volume their larger holes: 1.1 nm at 0.6, 1.7 nm at 0.5. Ref.: free volume
    in glassy polymers: Consolati et al. 2023, DOI 10.3390/polym15143128.
    """

    name: ClassVar[str] = "no_voids"
    unit: ClassVar[str] = "nm"
    definition: ClassVar[str] = "Diameter of the largest empty sphere against what is usual at this packing."
    reference: ClassVar[str] = "Consolati et al. 2023, DOI 10.3390/polym15143128"

    def _judge(self, simulation: Simulation, state: State) -> Criterion:
        cell, snapshots = simulation.cell, sample_chains(simulation).snapshots
        radii_nm = van_der_waals_radii_nm(cell.atomic_numbers)
        holes = []
        for frames in snapshots:
            spheres = HardSpheres(frames.positions_nm[0], radii_nm, frames.box_nm[0])
            holes.append(2.0 * spheres.largest_sphere(spheres.grid(_GRID_NM)).radius_nm)
        found = float(np.mean(holes))
        packing = _packing(cell, float(np.mean([np.prod(frames.box_nm[0]) for frames in snapshots])))
        limit = largest_usual_void_nm(packing)
        message = (
            f"the largest hole is {found:.2f} nm across (mean of {len(holes)} frames, from {min(holes):.2f} to "
            f"{max(holes):.2f}); up to {limit:.2f} nm is usual where atoms fill {100 * packing:.0f} % of the volume"
        )
        return self._criterion("pass" if found <= limit else "fail", found, limit, message)


def largest_usual_void_nm(packing: float) -> float:
    """Largest diameter of a hole that is usual where this part of the volume is in atoms [nm]."""
    usual = (1.0 - USUAL_PACKING) / USUAL_PACKING
    return LARGEST_VOID_NM * (1.0 - packing) / packing / usual


def _packing(cell: Cell, volume_nm3: float) -> float:
    return min(cell.vdw_volume_nm3 / volume_nm3, 0.99)
