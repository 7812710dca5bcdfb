"""In which unit the numbers of a column are: told by the numbers, since documents contradict files.

PolyOmics' paper gives the mean squared end-to-end distance in Å², the file has nm²; RadonPy describes energies in
hartree, a file of it has kJ/mol. Each test divides what the column says by what physics expects of the same row
(an end-to-end distance from a radius of gyration, a radius from the mass and density of a chain, ...) and asks in which
unit the median of the ratio is near one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from polyomics.interchange.columns import BY_NAME
from polyomics.units import AMU_PER_NM3_IN_G_CM3

Numbers = Mapping[str, float]
"""Numbers of one row, by column, in the unit decided so far."""

MOST = 4000
"""Rows kept, evenly over a file, however long it is."""
HARTREE_KJ_MOL = 2625.4996
HARTREE_EV = 27.211386
HARTREE_KCAL_MOL = 627.5095
KCAL_PER_KJ = 4.184


@dataclass(frozen=True)
class Trap:
    """A column that is found in several units."""

    columns: tuple[str, ...]
    """The column looked at, and those that have its unit too."""
    units: Mapping[str, float]
    """Unit -> factor to the unit it is stored in; the documented one among them."""
    expected: Callable[[Numbers], float | None]
    """What the number should be about, in the unit it is stored in; None where the row does not tell."""
    low: float
    """The ratio is not below."""
    high: float
    """The ratio is not above."""
    what: str
    """What the ratio is, in words."""


@dataclass(frozen=True)
class UnitFound:
    """In which unit a column is, and why."""

    column: str
    """The column."""
    unit: str
    """Its unit."""
    documented: str
    """The unit it is documented in."""
    factor: float
    """What its numbers are multiplied with to be in the unit they are stored in."""
    is_told: bool
    """Whether the numbers tell; else the documented unit is taken."""
    reason: str
    """The numbers behind it."""

    @property
    def is_trap(self) -> bool:
        """Whether the file contradicts its documentation."""
        return self.unit != self.documented


def _constant(value: float) -> Callable[[Numbers], float]:
    return lambda row: value


def _sphere_radius_of_gyration_nm(row: Numbers) -> float | None:
    """Radius of gyration of a chain's mass as a dense ball, √(3/5) R: no chain in the melt is smaller [nm]."""
    mass, density = row.get("Mn"), row.get("density")
    if not mass or not density or mass <= 0 or density <= 0:
        return None
    volume_nm3 = mass / density * AMU_PER_NM3_IN_G_CM3
    return float(math.sqrt(0.6) * (3.0 * volume_nm3 / (4.0 * math.pi)) ** (1.0 / 3.0))


def _six_rg2_nm2(row: Numbers) -> float | None:
    radius = row.get("Rg")
    return 6.0 * radius**2 if radius and radius > 0 else None


def _cell_volume_a3(row: Numbers) -> float | None:
    mass, n_mol, density = row.get("Mn"), row.get("n_mol"), row.get("density")
    if not mass or not n_mol or not density or min(mass, n_mol, density) <= 0:
        return None
    return n_mol * mass / density * AMU_PER_NM3_IN_G_CM3 * 1e3


def _energy_hartree(row: Numbers) -> float | None:
    mass, chain, degree = row.get("mol_weight_monomer1"), row.get("Mn"), row.get("DP")
    if not mass and chain and degree:
        mass = chain / degree
    return -3.0 * mass if mass and mass > 0 else None


_PRESSURES = {"Pa": 1e-9, "MPa": 1e-3, "GPa": 1.0}
_INVERSE_PRESSURES = {"1/Pa": 1e9, "1/MPa": 1e3, "1/GPa": 1.0}
_HEAT_CAPACITIES = {"J/(kg K)": 1.0, "J/(g K)": 1e3, "cal/(g K)": 4184.0}
_EXPANSIONS = {"1/K": 1.0, "ppm/K": 1e-6}

TRAPS: tuple[Trap, ...] = (
    Trap(("density",), {"g/cm3": 1.0, "kg/m3": 1e-3}, _constant(1.1), 0.3, 3.0, "its size over 1.1 g/cm3"),
    Trap(
        ("Rg",), {"A": 0.1, "nm": 1.0}, _sphere_radius_of_gyration_nm, 0.9, 6.0,
        "its size over that of the chain as a dense ball",
    ),
    Trap(("r2",), {"A2": 0.01, "nm2": 1.0}, _six_rg2_nm2, 0.15, 5.0, "r2 over 6 Rg²"),
    Trap(("Cp", "Cv"), _HEAT_CAPACITIES, _constant(2900.0), 0.45, 1.85, "its size over 2900 J/(kg K)"),
    Trap(
        ("compressibility", "isentropic_compressibility"), _INVERSE_PRESSURES, _constant(0.35), 0.03, 30.0,
        "its size over 0.35 1/GPa",
    ),
    Trap(
        ("bulk_modulus", "isentropic_bulk_modulus"), _PRESSURES, _constant(3.0), 0.03, 30.0, "its size over 3 GPa"
    ),
    Trap(("volume_expansion",), _EXPANSIONS, _constant(3e-4), 0.03, 30.0, "its size over 3e-4 1/K"),
    Trap(("linear_expansion",), _EXPANSIONS, _constant(1e-4), 0.03, 30.0, "its size over 1e-4 1/K"),
    Trap(("self-diffusion",), {"m2/s": 1.0, "cm2/s": 1e-4}, _constant(5e-13), 1e-2, 99.0, "its size over 5e-13 m2/s"),
    Trap(
        ("cell_volume", "free_volume", "vdw_volume_bulk"), {"A3": 1.0, "nm3": 1e3}, _cell_volume_a3, 0.7, 1.4,
        "its size over mass by density of the cell",
    ),
    Trap(("sp_ced",), {"J/cm3": 1.0, "cal/cm3": KCAL_PER_KJ}, _constant(300.0), 0.45, 1.85, "its size over 300 MPa"),
    Trap(
        ("qm_total_energy_monomer1",),
        {
            "hartree": 1.0, "eV": 1.0 / HARTREE_EV, "kJ/mol": 1.0 / HARTREE_KJ_MOL,
            "kcal/mol": 1.0 / HARTREE_KCAL_MOL,
        },
        _energy_hartree, 0.5, 2.0, "its size over 3 hartree by g/mol",
    ),
)  # fmt: skip
"""Columns found in several units, in the order they are decided: later ones use earlier ones."""

NEEDED = ("Mn", "DP", "n_mol", "mol_weight_monomer1", *(trap.columns[0] for trap in TRAPS))
"""Columns that evidence is taken from."""


def as_written(columns: Iterable[str]) -> dict[str, UnitFound]:
    """The units of a file that polyomics wrote.

    Args:
        columns: Columns the file has.
    """
    there = set(columns)
    return {
        name: UnitFound(
            name,
            BY_NAME[name].written_unit(),
            BY_NAME[name].written_unit(),
            BY_NAME[name].written_factor(),
            True,
            "polyomics wrote the file",
        )
        for trap in TRAPS
        for name in trap.columns
        if name in there
    }


@dataclass
class Evidence:
    """Numbers of the rows of a file that units are told by."""

    rows: list[Sequence[float | None]] = field(default_factory=list)
    """Of each row, what it has of `NEEDED`."""

    n_rows: int = 0
    """Rows seen."""
    _every: int = 1

    def wants_next(self) -> bool:
        """Whether the next row is looked at; else it only counts. To be asked once a row."""
        self.n_rows += 1
        return (self.n_rows - 1) % self._every == 0

    def add(self, numbers: Sequence[float | None]) -> None:
        """Take a row: numbers of `NEEDED`, in that order."""
        self.rows.append(numbers)
        if len(self.rows) >= MOST:
            self.rows = self.rows[::2]
            self._every *= 2

    def units(self, present: Iterable[str]) -> dict[str, UnitFound]:
        """The unit of each column that may be in several.

        Args:
            present: Columns the file has.
        """
        there = set(present)
        found: dict[str, UnitFound] = {}
        factors: dict[str, float] = {}
        for trap in TRAPS:
            if there.isdisjoint(trap.columns) or not self._has(trap.columns[0]):
                continue
            first = self._unit(trap, factors)
            for column in trap.columns:
                if column in there:
                    found[column] = UnitFound(
                        column, first.unit, BY_NAME[column].their_unit, first.factor, first.is_told, first.reason
                    )
            factors[trap.columns[0]] = first.factor
        return found

    def _has(self, column: str) -> bool:
        place = NEEDED.index(column)
        return any(numbers[place] is not None for numbers in self.rows)

    def _unit(self, trap: Trap, factors: Mapping[str, float]) -> UnitFound:
        column = trap.columns[0]
        documented, usual = BY_NAME[column].their_unit, BY_NAME[column].written_unit()
        ratios = list(self._ratios(trap, factors))
        fallback = trap.units[usual]
        if not ratios:
            return UnitFound(column, usual, documented, fallback, False, f"no row tells {trap.what}")
        median = statistics.median(ratios)
        fits = {unit: factor for unit, factor in trap.units.items() if trap.low <= factor * median <= trap.high}
        if len(fits) == 1:
            ((unit, factor),) = fits.items()
            reason = f"{trap.what} is {factor * median:.3g} in the median of {len(ratios)} rows"
            return UnitFound(column, unit, documented, factor, True, reason)
        reason = f"{trap.what} is {fallback * median:.3g} in the median of {len(ratios)} rows, which "
        reason += "fits several units" if fits else "fits none of " + ", ".join(trap.units)
        return UnitFound(column, usual, documented, fallback, False, reason)

    def _ratios(self, trap: Trap, factors: Mapping[str, float]) -> Iterable[float]:
        place = NEEDED.index(trap.columns[0])
        for numbers in self.rows:
            number = numbers[place]
            if number is None or number == 0.0:
                continue
            row = {
                name: value * factors.get(name, 1.0)
                for name, value in zip(NEEDED, numbers, strict=True)
                if value is not None
            }
            expected = trap.expected(row)
            if expected:
                yield number / expected
