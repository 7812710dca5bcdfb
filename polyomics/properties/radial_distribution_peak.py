"""Where the neighbours in other chains are."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.pair_distribution import PairDistribution, intermolecular_pair_distribution
from polyomics.analysis.peaks import block_errors, peak_position
from polyomics.properties._frames import spread_frames
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

BIN_NM = 0.01
"""Width of the bins of g(r) [nm]."""
FARTHEST_NM = 0.9
"""Where the first neighbours end [nm]."""
_SMOOTH_NM = 0.02
_HALF_WIDTH_NM = 0.06


@PROPERTIES.register("radial_distribution_peak")
class RadialDistributionPeak(Property):
    """Distance of the first maximum of the intermolecular pair distribution g(r) of all atoms but hydrogen [nm].

    g(r) counts pairs in different molecules, in at most 50 frames, over those that the same molecules would have as an
    ideal gas; it goes to 1 from below, since other chains are kept out of the room that the own chain takes. The
    maximum is that of a parabola through the points within 0.06 nm, and its error that of the mean over frames. Bulky
    side groups and few long chains make of it a shoulder; a g(r) without a maximum below 0.9 nm that stands out from
    its noise gives no value. The curve reaches half the smallest edge of the box.
    """

    name = "radial_distribution_peak"
    unit = "nm"
    definition = "Position of the first maximum of the pair distribution of non-hydrogen atoms of different molecules."
    reference = "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2"
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        heavy = simulation.cell.atomic_numbers > 1
        molecule = simulation.cell.molecule_of_atom[heavy]
        edges_nm: Array = np.empty(0)
        found: list[PairDistribution] = []
        for positions_nm, box_nm in spread_frames(simulation.sample):
            if not found:
                edges_nm = BIN_NM * np.arange(int(box_nm.min() / 2.0 / BIN_NM + 1e-9) + 1.0)
            found.append(intermolecular_pair_distribution(positions_nm[heavy], box_nm, molecule, edges_nm))
        curves = np.array([one.g for one in found])
        whole = np.isfinite(curves).all(axis=0)
        curves, distances_nm = curves[:, whole], (edges_nm[:-1] + BIN_NM / 2.0)[whole]
        expected = np.mean([one.expected_pairs[whole] for one in found], axis=0)
        estimate = peak_position(
            distances_nm,
            curves,
            np.sqrt(curves.mean(axis=0) / expected),
            which="first",
            between=(0.0, FARTHEST_NM),
            smooth=_SMOOTH_NM,
            half_width=_HALF_WIDTH_NM,
        )
        errors = block_errors(curves)
        curve = Curve(
            name="radial_distribution",
            property=self.name,
            x_name="distance [nm]",
            y_name="intermolecular pair distribution [1]",
            x=tuple(np.round(distances_nm, 9).tolist()),
            y=tuple(curves.mean(axis=0).tolist()),
            y_stderr=None if errors is None else tuple(errors.tolist()),
        )
        return [self._measurement(estimate, context), curve]
