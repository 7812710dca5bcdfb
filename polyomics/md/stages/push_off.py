"""Soft push-off: overlapping chains part before they meet the real potential."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import openmm
from pydantic import Field

from polyomics.md.dynamics import Controls, Dynamics
from polyomics.md.stage import STAGES

if TYPE_CHECKING:
    from polyomics.cell.cell import Cell
    from polyomics.md.state import PhaseState

_HEIGHT = "push_off_height"
_SMALLEST_SIGMA_NM = 0.2


@STAGES.register("push_off")
class PushOff(Dynamics):
    """Replace the non-bonded forces by a soft cosine hill that grows while the chains part.

    U(r) = h [1 + cos(pi r / r0)] below r0 = 0.9 x 2^(1/6) sigma, h growing linearly with time, as in the
    push-off of Auhl et al. (DOI 10.1063/1.1628670). Bonds, angles and torsions stay. Since soft chains can
    pass through each other, cells that already are free of overlaps and of speared rings do not need it.
    """

    kind: Literal["push_off"] = "push_off"
    temperature_k: float = Field(gt=0, le=3000)
    """Temperature [K]."""
    from_kj_mol: float = Field(default=1.0, ge=0)
    """Height h at the start [kJ/mol]."""
    to_kj_mol: float = Field(default=200.0, gt=0)
    """Height h at the end [kJ/mol]."""
    timestep_fs: float = Field(default=1.0, gt=0, le=5.0)
    """Integration time step [fs]."""
    friction_per_ps: float = Field(default=20.0, gt=0, le=1000)
    """Langevin friction [1/ps]; high, to carry away the heat of overlaps."""

    def controls_at(self, cell: Cell, start: PhaseState, fraction: float, extension: int = 0) -> Controls:
        """A hill that grows with time."""
        height = self.from_kj_mol + (self.to_kj_mol - self.from_kj_mol) * fraction
        return Controls(self.temperature_k, parameters={_HEIGHT: height})

    def modify_system(self, system: openmm.System, cell: Cell) -> None:
        """Take the NonbondedForce out and put the hill in."""
        index = next(i for i, f in enumerate(system.getForces()) if isinstance(f, openmm.NonbondedForce))
        sigmas_nm = _sigmas_nm(system.getForce(index))
        hill = openmm.CustomNonbondedForce(
            f"{_HEIGHT}*(1+cos({math.pi}*r/reach))*step(reach-r); reach=0.45*2^(1/6)*(sigma1+sigma2)"
        )
        hill.addGlobalParameter(_HEIGHT, self.from_kj_mol)
        hill.addPerParticleParameter("sigma")
        for sigma in sigmas_nm:
            hill.addParticle([sigma])
        hill.createExclusionsFromBonds([(int(a), int(b)) for a, b in cell.bonds], 2)
        hill.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        hill.setCutoffDistance(0.9 * 2.0 ** (1 / 6) * max(sigmas_nm))
        system.removeForce(index)
        system.addForce(hill)


def _sigmas_nm(force: openmm.NonbondedForce) -> list[float]:
    from openmm import unit

    sigmas = [force.getParticleParameters(i)[1] for i in range(force.getNumParticles())]
    return [max(sigma.value_in_unit(unit.nanometer), _SMALLEST_SIGMA_NM) for sigma in sigmas]
