"""Volume accessible to a probe."""

from typing import ClassVar

from polyomics.analysis.peaks import block_errors
from polyomics.analysis.statistics import estimate_mean
from polyomics.properties._voids import PROBE_RADII_NM, voids
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation


@PROPERTIES.register("accessible_volume_fraction")
class AccessibleVolumeFraction(Property):
    """Fraction of the box where the centre of a spherical probe of radius 0.11 nm fits between the atoms.

    Atoms are hard spheres with Bondi's radii. The probe is about as large as positronium, whose lifetime measures free
    volume. Points of a grid of 0.05 nm (coarser where pores are large) are tested in at most 50 frames; a point counts
    whether or not the probe could get there from outside. The curve has other probes, from points to 0.3 nm. Errors
    are those of the mean over frames; in a glass the spread between cells comes on top.
    """

    name = "accessible_volume_fraction"
    unit = "1"
    definition = "Fraction of the volume where a sphere of radius 0.11 nm can be centred and overlap no atom."
    reference = "radii: Bondi 1964, DOI 10.1021/j100785a001; accessible volume: Connolly 1985, DOI 10.1021/ja00291a006"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = voids(simulation)
        errors = block_errors(found.accessible)
        curve = Curve(
            name="accessible_volume",
            property=self.name,
            x_name="probe radius [nm]",
            y_name="accessible fraction of the volume [1]",
            x=tuple(PROBE_RADII_NM.tolist()),
            y=tuple(found.accessible.mean(axis=0).tolist()),
            y_stderr=None if errors is None else tuple(errors.tolist()),
        )
        return [self._measurement(estimate_mean(found.accessible_to_probe), context), curve]
