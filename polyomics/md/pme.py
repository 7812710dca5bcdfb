"""Electrostatics at a stated force error for the least work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openmm

if TYPE_CHECKING:
    from polyomics.md.protocol import Nonbonded


def set_pme(force: openmm.NonbondedForce, nonbonded: Nonbonded, platform: str) -> None:
    """Give `force` the cut-off, tail correction and Ewald parameters of `nonbonded`."""
    force.setNonbondedMethod(openmm.NonbondedForce.LJPME if nonbonded.lj_pme else openmm.NonbondedForce.PME)
    force.setCutoffDistance(nonbonded.cutoff_nm)
    force.setUseDispersionCorrection(True)
    force.setEwaldErrorTolerance(nonbonded.pme_force_error)
