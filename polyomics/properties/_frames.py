"""Which frames the expensive analyses look at."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import NotEnoughData
from polyomics.trajectory import Trajectory

Array = NDArray[np.float64]

MOST_FRAMES = 50
"""Frames of a cell of up to 10,000 atoms; larger ones show more in one frame, and get fewer."""
FEWEST_FRAMES = 20
"""Frames of the largest cells."""
_ATOM_FRAMES = 500_000


def spread_frames(trajectory: Trajectory, most: int | None = None) -> Iterator[tuple[Array, Array]]:
    """Positions [nm], shape=(n_atoms, 3), and box [nm], shape=(3,), of frames that are evenly spread over the stage.

    Args:
        trajectory: The stage; its frames are streamed, one is held at a time beside those read with it.
        most: How many; by default 20 to 50, fewer for larger cells.

    Raises:
        NotEnoughData: A position in any frame is not finite, or there are no frames.
    """
    if most is None:
        most = int(np.clip(_ATOM_FRAMES // trajectory.cell.n_atoms, FEWEST_FRAMES, MOST_FRAMES))
    n_frames = trajectory.n_frames
    wanted = set(np.linspace(0, n_frames - 1, min(most, max(n_frames, 1))).round().astype(int).tolist())
    number = 0
    for frames in trajectory.chunks():
        for positions_nm, box_nm in zip(frames.positions_nm, frames.box_nm, strict=True):
            if not (np.isfinite(positions_nm).all() and np.isfinite(box_nm).all()):
                raise NotEnoughData(
                    f"frame {number} holds a value that is not finite; the stage is damaged: delete its folder and run "
                    "the study again"
                )
            if number in wanted:
                yield positions_nm, box_nm
            number += 1
