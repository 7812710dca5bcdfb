"""The dielectric loss tangent at 10 GHz."""

from typing import ClassVar

from polyomics.properties._dielectric_relaxation import LossTangent
from polyomics.properties.property import PROPERTIES


@PROPERTIES.register("dielectric_loss_tangent_10ghz")
class DielectricLossTangent10Ghz(LossTangent):
    """Loss tangent at 10 GHz, tan δ = ε''/ε' with ε = ε' - iε'' [1].

    This is what is quoted for the materials of antennas and circuit boards. The run must be 1.8 ns long.
    ε' holds the squared refractive index for the electrons (`additive_refraction`), or 1 where that is
    not known (`without_electrons`). A loss that is not two standard errors from zero is a failure that says below what
    it is. `few_samples`: the run has six blocks of three periods, so that the error is itself uncertain by a third.
    """

    name = "dielectric_loss_tangent_10ghz"
    definition = "Loss over permittivity at 10 GHz, from the fluctuations of the dipole of the cell."
    frequency_ghz: ClassVar[float] = 10.0
