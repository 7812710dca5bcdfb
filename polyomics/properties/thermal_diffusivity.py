"""Thermal diffusivity."""

from typing import ClassVar

import numpy as np

from polyomics.analysis.statistics import Estimate, estimate_mean
from polyomics.errors import StepFailed
from polyomics.properties._heat_flow import conductivity_of
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.properties.specific_heat_capacity_cp import HeatCapacityCp
from polyomics.records import Measurement
from polyomics.simulation import Simulation

G_CM3_IN_KG_M3 = 1000.0
"""A density of 1 g/cm³ in kg/m³."""


@PROPERTIES.register("thermal_diffusivity")
class ThermalDiffusivity(Property):
    """Thermal diffusivity a = κ / (ρ cp) [m²/s].

    κ is the thermal conductivity, ρ the mean density of the sample, cp the quantum-corrected specific heat capacity at
    constant pressure; their errors are combined as independent. κ stays classical, for which there is no such
    correction. The flags are those of the three.
    """

    name = "thermal_diffusivity"
    unit = "m2/s"
    definition = "Thermal conductivity over density and quantum-corrected specific heat capacity at constant pressure."
    reference = "as thermal_conductivity; heat capacity: Berens et al. 1983, DOI 10.1063/1.446044"
    needs: ClassVar[Ensemble] = "npt"
    also_needs: ClassVar[tuple[str, ...]] = ("heat_flow", "vibrations")
    probe: ClassVar[str | None] = "thermal_conductivity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        refuse_oriented(simulation, self.name)
        conductivity = _without_curves(simulation)
        capacity = next(item for item in HeatCapacityCp().measure(simulation, context) if isinstance(item, Measurement))
        density = estimate_mean(simulation.sample.thermo["density_g_cm3"])
        value = conductivity.mean / (density.mean * G_CM3_IN_KG_M3 * capacity.value)
        parts = (
            (conductivity.mean, conductivity.stderr),
            (density.mean, density.stderr),
            (capacity.value, capacity.stderr),
        )
        relative = [error / abs(mean) for mean, error in parts if error is not None]
        own = tuple(flag for flag in capacity.flags if flag not in context.extra_flags)
        flags = tuple(dict.fromkeys((*conductivity.flags, *density.flags, *own)))
        stderr = float(np.linalg.norm(relative)) * value if len(relative) == len(parts) else None
        n_independent = min(conductivity.n_independent, density.n_independent, capacity.n_independent)
        return [self._measurement(Estimate(value, stderr, n_independent, 1.0, 0, flags), context)]


def _without_curves(simulation: Simulation) -> Estimate:
    """The conductivity; the curves, of a failure too, are those of that property."""
    try:
        return conductivity_of(simulation).value
    except StepFailed as error:
        raise type(error)(str(error)) from error
