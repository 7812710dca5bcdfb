"""The largest hole between the atoms, and the sizes of all holes."""

from typing import ClassVar

import numpy as np

from polyomics.analysis.peaks import block_errors
from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._voids import DIAMETER_BIN_NM, Voids, voids
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("largest_pore_diameter")
class LargestPoreDiameter(Property):
    """Diameter of the largest sphere that fits between the atoms of a frame, averaged over frames [nm].

    Atoms are hard spheres with Bondi's radii. It is an extreme value, so it grows slowly with the size of the cell:
    compare cells of one size. The curve is the distribution of pore sizes: for every point, the diameter of the
    largest empty sphere that contains it, as a density over the volume that spheres of radius 0.11 nm and larger can
    fill. Its bins have the error of the mean over at most 50 frames.
    """

    name = "largest_pore_diameter"
    unit = "nm"
    definition = "Diameter of the largest sphere that overlaps no atom of van der Waals radius, averaged over frames."
    reference = "Gelb & Gubbins 1999, DOI 10.1021/la981422v; radii: Bondi 1964, DOI 10.1021/j100785a001"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = voids(simulation)
        return [self._measurement(estimate_mean(found.largest_diameter_nm), context), *self._sizes(found)]

    def _sizes(self, found: Voids) -> list[Curve]:
        """The distribution of pore sizes; nothing where the probe fits nowhere."""
        total = float(found.pore_fractions.sum(axis=1).mean())
        if total == 0.0:
            return []
        density = found.pore_fractions / (total * DIAMETER_BIN_NM)
        errors = block_errors(density)
        centres = (found.pore_edges_nm[:-1] + found.pore_edges_nm[1:]) / 2.0
        return [
            Curve(
                name="pore_size_distribution",
                property=self.name,
                x_name="pore diameter [nm]",
                y_name="density over the pore volume [1/nm]",
                x=tuple(np.round(centres, 9).tolist()),
                y=tuple(density.mean(axis=0).tolist()),
                y_stderr=None if errors is None else tuple(errors.tolist()),
                kind="bars",
            )
        ]
