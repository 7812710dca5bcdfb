"""Charge models, one file each.

A charge model gives the charges of one polymer: of an inner unit and of both end groups. A chain of any
length is then put together by template number, so that a polymer is computed once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyomics.registry import Registry

if TYPE_CHECKING:
    from polyomics.forcefield.oligomer import PolymerGraph


@dataclass(frozen=True, eq=False)
class UnitCharges:
    """Charges of the parts of a chain [e], each in template order. Every part sums to its formal charge."""

    head: NDArray[np.float64]
    """Head end group, shape (n_head_atoms,)."""
    unit: NDArray[np.float64]
    """Inner unit, shape (n_unit_atoms,)."""
    tail: NDArray[np.float64]
    """Tail end group, shape (n_tail_atoms,)."""
    notes: tuple[tuple[str, str], ...] = ()
    """How the numbers were obtained, for provenance."""


@dataclass(frozen=True)
class ChargeModel:
    """A way to get charges. `version` is raised when the same polymer would get other numbers."""

    compute: "Callable[[PolymerGraph], UnitCharges]"
    """Raises ChargesNotConverged where the model fails. Need not be exactly neutral nor symmetric: the
    caller makes equivalent atoms equal and every part's sum its formal charge."""
    version: int


CHARGE_MODELS: Registry[ChargeModel] = Registry("charge model", __name__)
"""Every charge model by name."""
