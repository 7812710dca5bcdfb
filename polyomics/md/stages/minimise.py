"""Energy minimisation."""

from __future__ import annotations

from typing import Literal

import openmm
from openmm import unit
from pydantic import Field

from polyomics.md.stage import STAGES, SegmentRequest, SegmentResult, Stage, Unstable
from polyomics.md.state import PhaseState


@STAGES.register("minimise")
class Minimise(Stage):
    """Go downhill to the next energy minimum (L-BFGS), box fixed."""

    kind: Literal["minimise"] = "minimise"
    max_iterations: int = Field(default=2000, ge=0)
    """Bound on the number of iterations; 0 for none."""
    tolerance_kj_mol_nm: float = Field(default=50.0, gt=0)
    """Root-mean-square force to stop at [kJ/mol/nm]."""

    @property
    def simulated_ps(self) -> float:
        """No dynamics, no time."""
        return 0.0

    @property
    def n_steps(self) -> int:
        """No integration steps."""
        return 0

    @property
    def n_segments(self) -> int:
        """One."""
        return 1

    def run_segment(self, request: SegmentRequest) -> SegmentResult:
        """Minimise from the start state."""
        integrator = openmm.VerletIntegrator(0.001)
        context = request.engine.context(request.engine.system(), integrator, request.start.box_nm)
        context.setPositions(request.start.positions_nm)
        before = _energy_kj_mol(context)
        openmm.LocalEnergyMinimizer.minimize(context, self.tolerance_kj_mol_nm, self.max_iterations)
        after = _energy_kj_mol(context)
        if not after <= before and not before != before:
            raise Unstable(f"minimisation went from {before:g} to {after:g} kJ/mol")
        positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        details = {"energy_before_kj_mol": before, "energy_after_kj_mol": after}
        return SegmentResult(PhaseState(positions, None, request.start.box_nm), 0, 0.0, (), details)


def _energy_kj_mol(context: openmm.Context) -> float:
    energy: float = context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return energy
