"""Young's modulus from the stress of strained cells."""

from typing import ClassVar

from polyomics.properties._elasticity import at_stage, modulus
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.simulation import Simulation


@PROPERTIES.register("youngs_modulus")
class YoungsModulus(Property):
    """Young's modulus E = 9 K G / (3 K + G), isothermal, from Hill's averages of the full stiffness [GPa].

    The stiffness comes from runs strained in six ways and both directions, once the stress has relaxed for `relax_ps`.
    The failure says so where the cell has a direction, does not resist (a melt), or still relaxes by more than half
    while it is averaged. Flags: `still_relaxing`: the shear modulus falls by more than a tenth from the first to the
    second half of what is averaged; `relaxation_not_shown`: noise would hide a fall by half; `outside_linear_response`:
    strains of either sign, or of two sizes, give moduli that differ by more than a fifth, or by three errors;
    `runs_disagree`: C_ij and C_ji differ by more than their errors, which are scaled up; `anisotropic`: so small a
    cell answers differently in different directions; `methods_disagree`: fluctuations of the edges give another value,
    by more than three combined errors. A relaxation over picoseconds to nanoseconds is not that of an experiment
    over seconds: E of a glass is an upper bound.
    """

    name = "youngs_modulus"
    unit = "GPa"
    definition = "Ratio of stress to strain under tension along one axis, sides free, from strained cells."
    reference = "Hill 1952, DOI 10.1088/0370-1298/65/5/307; error bars: Chodera et al. 2007, DOI 10.1021/ct0502864"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("strain",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        estimate, curves = modulus(
            simulation,
            self.name,
            "Young's modulus [GPa]",
            lambda moduli: moduli.youngs,
            lambda edges: edges.youngs_gpa(),
        )
        return [self._measurement(estimate, at_stage(context, simulation, "strain")), *curves]
