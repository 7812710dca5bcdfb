"""From the charges of one unit and two ends to those of a chain: symmetry, neutrality, and a cache on disk."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import CorruptFile
from polyomics.files import read_json, write_json
from polyomics.forcefield.charges import CHARGE_MODELS, ChargeModel, UnitCharges

if TYPE_CHECKING:
    from polyomics.chemistry.chain import Chain
    from polyomics.forcefield.oligomer import PolymerGraph

CACHE_FORMAT = 1
"""Raised when symmetrising or the file layout change."""

_UNITS_IN_RING = 4
_UNITS_IN_LINE = 3


def chain_charges_e(
    chain: "Chain", model: str, cache_folder: Path | None = None
) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Charge of every atom of a chain [e], shape (n_atoms,), and how it was obtained.

    Every unit has the same charges, which sum to its formal charge, as those of the end groups do.

    Raises:
        UnknownName: No such charge model.
        ChargesNotConverged: The model failed.
    """
    from polyomics.forcefield.oligomer import PolymerGraph

    charges = polymer_charges(PolymerGraph.of(chain), model, cache_folder)
    unit, template = np.asarray(chain.unit_of_atom), np.asarray(chain.template_atom)
    values = np.empty(len(unit))
    for part, chosen in (
        (charges.head, unit < 0),
        (charges.unit, (unit >= 0) & (unit < chain.n_units)),
        (charges.tail, unit == chain.n_units),
    ):
        values[chosen] = part[template[chosen]]
    return values, {"charges": model, **dict(charges.notes)}


def polymer_charges(graph: "PolymerGraph", model: str, cache_folder: Path | None = None) -> UnitCharges:
    """Charges of the parts of a polymer: from the cache, else computed, made symmetric and neutral, and kept.

    A cache file that cannot be used is replaced. Processes may share the folder: files are renamed into place.

    Raises:
        UnknownName: No such charge model.
        ChargesNotConverged: The model failed.
    """
    chosen = CHARGE_MODELS[model]
    path = None if cache_folder is None else cache_folder / _cache_name(graph, model, chosen)
    if path is not None and (cached := _read_cache(path, graph)) is not None:
        return cached
    charges = idealised(graph, chosen.compute(graph))
    if path is not None:
        write_json(path, _to_json(charges))
    return charges


def idealised(graph: "PolymerGraph", charges: UnitCharges) -> UnitCharges:
    """Equal charges for equivalent atoms, and exact totals: a residue is spread evenly over the part."""
    unit_classes = unit_equivalence(graph)
    head_classes, tail_classes = end_equivalence(graph)
    parts = (charges.head, charges.unit, charges.tail)
    classes = (head_classes, unit_classes, tail_classes)
    head, unit, tail = (
        _exact(_averaged(values, equal), total)
        for values, equal, total in zip(parts, classes, graph.formal_charges(), strict=True)
    )
    return UnitCharges(head=head, unit=unit, tail=tail, notes=charges.notes)


def unit_equivalence(graph: "PolymerGraph") -> NDArray[np.int64]:
    """Class of every atom of the unit, shape (n_unit_atoms,): equal for atoms the endless chain cannot tell apart.

    Found in a ring of units, whose symmetry is that of the endless chain (reversal included). Handedness and
    cis/trans position do not count.
    """
    ring = graph.ring(_UNITS_IN_RING)
    ranks = _ranks(ring.mol)
    return ranks[ring.atoms_of(0)]


def end_equivalence(graph: "PolymerGraph") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class of every atom of the head end and of the tail end."""
    line = graph.oligomer(_UNITS_IN_LINE)
    ranks = _ranks(line.mol)
    return ranks[line.atoms_of(-1)], ranks[line.atoms_of(_UNITS_IN_LINE)]


def _ranks(mol: Any) -> NDArray[np.int64]:
    from rdkit import Chem

    return np.array(Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False))


def _averaged(values: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    _, index = np.unique(classes, return_inverse=True)
    means = np.bincount(index, weights=values) / np.bincount(index)
    return np.asarray(means[index], dtype=float)


def _exact(values: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    return np.asarray(values - (values.sum() - total) / max(len(values), 1), dtype=float)


def _cache_name(graph: "PolymerGraph", model: str, chosen: ChargeModel) -> str:
    return f"{graph.key}-{model}-{chosen.version}-{CACHE_FORMAT}.json"


def _to_json(charges: UnitCharges) -> dict[str, Any]:
    return {
        "head": charges.head.tolist(),
        "unit": charges.unit.tolist(),
        "tail": charges.tail.tolist(),
        "notes": dict(charges.notes),
    }


def _read_cache(path: Path, graph: "PolymerGraph") -> UnitCharges | None:
    try:
        content = read_json(path)
        head, unit, tail = (np.array(content[name], dtype=float) for name in ("head", "unit", "tail"))
        notes = tuple(sorted((str(key), str(value)) for key, value in content["notes"].items()))
    except (CorruptFile, KeyError, TypeError, ValueError, AttributeError, json.JSONDecodeError):
        return None
    for values, part, total in zip((head, unit, tail), graph.parts, graph.formal_charges(), strict=True):
        if values.shape != (len(part),) or not np.isfinite(values).all() or abs(values.sum() - total) > 1e-9:
            return None
    return UnitCharges(head=head, unit=unit, tail=tail, notes=notes)
