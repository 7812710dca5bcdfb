"""Young's modulus from uniaxial stretching."""

from dataclasses import replace
from typing import ClassVar

from polyomics.analysis.statistics import Estimate
from polyomics.analysis.stress_strain import refuse_flow
from polyomics.properties._stress_strain import MPA_IN_GPA, PROBE, ROLE, AtRate, answer, stress_curves, stretched
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("tensile_modulus")
class TensileModulus(Property):
    """Young's modulus E at the slowest strain rate there is, mean over the axes that were stretched [GPa].

    The slope of engineering stress over strain up to 0.5 to 4 %, whichever has the smallest error by noise and by
    curvature together. The error holds correlated noise or the spread between axes, whichever is larger, and what
    curvature is seen; a curve that bends as tanh(ε/ε_y) loses 0.3 (window/ε_y)² of its slope at zero. Refused: a slope
    within three errors of zero, and one that goes with the rate to a power above 0.5 (a liquid). Rates are 1e8 to
    1e10 per second, those of experiments 1e-3: the curve over rates shows the trend, and no value is extrapolated.

    Flags: `one_rate`: a liquid could not be told from a solid by its rates; `rate_dependent`: the value goes with the
    rate beyond its noise; `noisy`: the error is above a quarter of the value; `one_axis`: the error does not hold
    what differs between axes; `fast`: the strain exceeds 1 % while sound crosses the cell; `heated`: it was more than
    2 % warmer than asked for; `sides_off_pressure`: the lateral stress misses the pressure; `cut_short`: a stretch
    ended where the sides came to twice the cut-off.
    """

    name = "tensile_modulus"
    unit = "GPa"
    definition = "Slope of engineering stress over engineering strain at small strain, the sides at constant pressure."
    reference = "toe compensation: ASTM D638; in MD: Brown & Clarke 1991, DOI 10.1021/ma00008a056"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = (ROLE,)
    probe: ClassVar[str | None] = PROBE

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = stretched(simulation, context, self.name)
        value, curves = answer(found, self.name, lambda: stress_curves(found, self.name, fit=True), _in_gpa)
        return [self._measurement(value, context), *curves]


def _in_gpa(one: AtRate) -> Estimate:
    refuse_flow(one.elastic)
    modulus = one.elastic.modulus_mpa
    stderr = None if modulus.stderr is None else modulus.stderr * MPA_IN_GPA
    return replace(modulus, mean=modulus.mean * MPA_IN_GPA, stderr=stderr)
