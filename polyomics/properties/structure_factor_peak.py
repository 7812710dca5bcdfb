"""X-ray scattering and the position of the amorphous halo."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyomics.analysis.peaks import block_errors, peak_position
from polyomics.analysis.scattering import Scattering, scattering_vectors, xray_scattering
from polyomics.errors import NotEnoughData
from polyomics.properties._frames import spread_frames
from polyomics.properties.property import PROPERTIES, Ensemble, MeasurementContext, Property, Result
from polyomics.records import Curve
from polyomics.simulation import Simulation

Array = NDArray[np.float64]

LARGEST_Q_PER_NM = 40.0
"""Longest scattering vector [1/nm], a scattering angle of 59° with copper radiation."""
SHELL_PER_NM = 0.4
"""Thickness of the shells [1/nm]."""
SEARCH_PER_NM = (3.0, 27.0)
"""Where the halo is looked for [1/nm]; above are the distances within a chain."""
_VECTORS_PER_SHELL = 100
_SMOOTH_PER_NM = 1.0
_HALF_WIDTH_PER_NM = 2.0


@PROPERTIES.register("structure_factor_peak")
class StructureFactorPeak(Property):
    """Position of the main maximum (amorphous halo) of the X-ray structure factor S(q) [1/nm].

    S(q) = |Σ f_j(q) exp(i q·r_j)|² / Σ f_j(q)², all atoms with the form factors of free atoms and bonded hydrogen, at
    scattering vectors that the box allows, averaged over shells of 0.4 1/nm and at most 50 frames; atoms without
    correlation give 1. The main maximum is the one that stands out most between 3 and 27 1/nm; its position is that
    of a parabola through the points within 2 1/nm, its error that of the mean over frames. The intensity itself falls
    with q as f² does, which moves its maximum to slightly smaller q. Curves: S(q), and the coherent intensity an atom
    in electrons², without Compton scattering.
    """

    name = "structure_factor_peak"
    unit = "1/nm"
    definition = "Position of the main maximum of the X-ray intensity over that of uncorrelated atoms."
    reference = (
        "Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2; form factors: International "
        "Tables for Crystallography C, DOI 10.1107/97809553602060000600"
    )
    needs: ClassVar[Ensemble] = "any"
    sees_images: ClassVar[bool] = True

    def _measure(self, simulation: Simulation, context: MeasurementContext) -> list[Result]:
        found = _scattering(simulation)
        filled = np.all([one.n_vectors > 0 for one in found], axis=0)
        if filled.sum() < 10:
            raise NotEnoughData(
                f"the box allows scattering vectors in {int(filled.sum())} shells below {LARGEST_Q_PER_NM:g} 1/nm; a "
                "structure factor takes 10: use a larger cell"
            )
        q_per_nm = np.mean([one.q_per_nm[filled] for one in found], axis=0)
        factors = np.array([one.structure_factor[filled] for one in found])
        n_vectors = np.mean([one.n_vectors[filled] for one in found], axis=0)
        estimate = peak_position(
            q_per_nm,
            factors,
            factors.mean(axis=0) / np.sqrt(n_vectors),
            which="highest",
            between=SEARCH_PER_NM,
            smooth=_SMOOTH_PER_NM,
            half_width=_HALF_WIDTH_PER_NM,
        )
        intensities = np.array([one.intensity[filled] for one in found])
        return [
            self._measurement(estimate, context),
            self._curve("structure_factor", "structure factor [1]", q_per_nm, factors),
            self._curve("scattering_intensity", "intensity an atom [electrons²]", q_per_nm, intensities),
        ]

    def _curve(self, name: str, y_name: str, q_per_nm: Array, curves: Array) -> Curve:
        errors = block_errors(curves)
        return Curve(
            name=name,
            property=self.name,
            x_name="scattering vector [1/nm]",
            y_name=y_name,
            x=tuple(q_per_nm.tolist()),
            y=tuple(curves.mean(axis=0).tolist()),
            y_stderr=None if errors is None else tuple(errors.tolist()),
        )


def _scattering(simulation: Simulation) -> list[Scattering]:
    """Scattering of the frames looked at, all with the vectors that suit the box of the first."""
    edges_per_nm = np.arange(0.0, LARGEST_Q_PER_NM + SHELL_PER_NM / 2.0, SHELL_PER_NM)
    numbers = simulation.cell.atomic_numbers
    vectors = np.empty((0, 3), dtype=np.int64)
    found = []
    for positions_nm, box_nm in spread_frames(simulation.sample):
        if not len(vectors):
            vectors = scattering_vectors(box_nm, LARGEST_Q_PER_NM, SHELL_PER_NM, _VECTORS_PER_SHELL)
        found.append(xray_scattering(positions_nm, box_nm, numbers, vectors, edges_per_nm))
    return found
