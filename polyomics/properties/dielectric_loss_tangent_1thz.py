"""The dielectric loss tangent at 1 THz."""

from typing import ClassVar

from polyomics.properties._dielectric_relaxation import LossTangent
from polyomics.properties.property import PROPERTIES


@PROPERTIES.register("dielectric_loss_tangent_1thz")
class DielectricLossTangent1Thz(LossTangent):
    """Loss tangent at 1 THz, tan δ = ε''/ε' with ε = ε' - iε'' [1].

    Short runs reach it, and glasses have it: it is that of dipoles that rattle. The run must be 18 ps long.
    ε' holds the squared refractive index for the electrons (`additive_refraction`), or 1 where that is
    not known (`without_electrons`). A loss that is not two standard errors from zero is a failure that says below what
    it is. `few_samples`: the run has six blocks of three periods, so that the error is itself uncertain by a third.
    """

    name = "dielectric_loss_tangent_1thz"
    definition = "Loss over permittivity at 1 THz, from the fluctuations of the dipole of the cell."
    frequency_ghz: ClassVar[float] = 1000.0
