"""Universal elastic anisotropy: a check of the stiffness."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from polyomics.analysis.elasticity import N_COMPONENTS
from polyomics.errors import NotIdentifiable
from polyomics.properties._elasticity import at_stage, elasticity
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("elastic_anisotropy")
class ElasticAnisotropy(Property):
    """Universal elastic anisotropy A = 5 G_V/G_R + K_V/K_R - 6 of the stiffness, 0 in isotropic matter.

    A check rather than a property of a glass: how far so small a cell is from the bulk, beyond what noise adds; in
    noise alone it is 0. All 21 elements of the stiffness are kept as a curve, in the order 11, 12, ..., 16, 22, ...,
    66 of the components xx, yy, zz, xy, xz, yz. Flags: `anisotropic`: noise alone would do it one time in a hundred.
    """

    name = "elastic_anisotropy"
    unit = "1"
    definition = "Five times the ratio of the shear moduli of Voigt and Reuss plus that of the bulk moduli, less six."
    reference = "Ranganathan & Ostoja-Starzewski 2008, DOI 10.1103/PhysRevLett.101.055504"
    needs: ClassVar[Ensemble] = "any"
    also_needs: ClassVar[tuple[str, ...]] = ("strain",)
    probe: ClassVar[str | None] = "elasticity"

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = elasticity(simulation).stiffness
        above = np.triu_indices(N_COMPONENTS)
        elements = Curve(
            name="stiffness",
            property=self.name,
            x_name="element (11, 12, ..., 66)",
            y_name="stiffness [GPa]",
            x=tuple(np.arange(1.0, len(above[0]) + 1.0).tolist()),
            y=tuple(found.matrix_gpa[above].tolist()),
            y_stderr=tuple(found.stderr_gpa[above].tolist()),
            kind="points",
        )
        if found.softest_gpa <= 0.0:
            raise NotIdentifiable(
                f"{self.name} takes a stiffness that resists every strain; its smallest eigenvalue is "
                f"{found.softest_gpa:.2f} GPa: the cell flows, or the runs are too short for their noise",
                [elements],
            )
        estimate, is_real = found.anisotropy()
        if is_real:
            estimate = replace(estimate, flags=(*estimate.flags, "anisotropic"))
        return [self._measurement(estimate, at_stage(context, simulation, "strain")), elements]
