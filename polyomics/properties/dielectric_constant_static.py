"""The static dielectric constant."""

import math
from typing import ClassVar

from polyomics.analysis.statistics import Estimate
from polyomics.properties._dielectric import dipolar, refraction
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("dielectric_constant_static")
class DielectricConstantStatic(Property):
    """Static dielectric constant: that of the permanent dipoles, plus n² - 1 for the electrons.

    Vibrations of the nuclei are in the dipolar part. It carries the flags of both parts: `additive_refraction` for an
    error of about 2 % in the polarisability, `dipoles_not_relaxed` where dipoles turn too slowly for the run.
    """

    name = "dielectric_constant_static"
    unit = "1"
    definition = "Dielectric constant of the permanent dipoles, less one, plus the square of the refractive index."
    reference = (
        "Neumann 1983, DOI 10.1080/00268978300102721; molar refraction: Wildman & Crippen 1999, DOI 10.1021/ci990307l"
    )
    needs: ClassVar[Ensemble] = "npt"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        return [self._measurement(_sum(dipolar(simulation, context), refraction(simulation)), context)]


def _sum(dipoles: Estimate, index: Estimate) -> Estimate:
    """ε - 1 + n², errors of both in quadrature."""
    errors = (dipoles.stderr, None if index.stderr is None else 2.0 * index.mean * index.stderr)
    known = [error for error in errors if error is not None]
    return Estimate(
        dipoles.mean - 1.0 + index.mean**2,
        math.hypot(*known) if len(known) == len(errors) else None,
        min(dipoles.n_independent, index.n_independent),
        max(dipoles.statistical_inefficiency, index.statistical_inefficiency),
        max(dipoles.first_used, index.first_used),
        tuple(dict.fromkeys(dipoles.flags + index.flags)),
    )
