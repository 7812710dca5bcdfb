"""Young's modulus from fluctuations of the edges of the cell."""

from typing import ClassVar

import numpy as np

from polyomics.properties._elasticity import at_stage, edges, edges_nm
from polyomics.properties._isotropy import refuse_oriented
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("youngs_modulus_fluctuation")
class YoungsModulusFluctuation(Property):
    """Young's modulus E = k_B T / (V <e²>), e being the strain of one edge at constant pressure on every face [GPa].

    Averaged over the three edges, which move independently. No strain is applied, so none can be too large; but the
    edges of a glass move slowly, and a run shorter than they take leaves E too high. Flags: `drifting`: an edge
    still grows or shrinks; `few_samples`: fewer than ten independent lengths of the edges.
    """

    name = "youngs_modulus_fluctuation"
    unit = "GPa"
    definition = "Thermal energy over the volume and the mean squared strain of one edge at constant pressure."
    reference = "Parrinello & Rahman 1982, DOI 10.1063/1.443248"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("breathe",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        refuse_oriented(simulation, self.name)
        estimate = edges(simulation).youngs_gpa()
        output = simulation.outputs("breathe")[-1]
        lengths, time_ps = edges_nm(output), output.thermo["time_ps"]
        curves = [
            Curve(
                name=f"edge_{axis}" if axis != "x" else "edge",
                property=self.name,
                x_name="time [ps]",
                y_name="strain of an edge",
                x=tuple(time_ps.tolist()),
                y=tuple((length / np.mean(length) - 1.0).tolist()),
            )
            for axis, length in zip("xyz", lengths.T, strict=True)
        ]
        return [self._measurement(estimate, at_stage(context, simulation, "breathe")), *curves]
