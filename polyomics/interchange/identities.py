"""Columns of a row held against each other: where two that follow from one another do not, one of them is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Values = Mapping[str, float]
"""Values of one study, by our name, in our units; and `mass_g_mol`, the molar mass of its chains."""

INCONSISTENT = "inconsistent"
"""Flag: the value does not follow from those it should follow from."""
TOLERANCE = 0.02
"""How far a value may be from what it should be, relatively."""


@dataclass(frozen=True)
class Identity:
    """A value that follows from others."""

    name: str
    """The identity, spelled."""
    property: str
    """The value that follows."""
    needs: tuple[str, ...]
    """What it follows from."""
    expected: Callable[[Values], float]
    """What it should be."""
    holds_for_means: bool = True
    """Whether it also holds between means of replicates, as it does where it is linear or the spread is small."""


IDENTITIES: tuple[Identity, ...] = (
    Identity(
        "dielectric_const_dc = static_dielectric_const - 1 + refractive_index²",
        "dielectric_constant_static",
        ("dielectric_constant_dipolar", "refractive_index"),
        lambda v: v["dielectric_constant_dipolar"] - 1.0 + v["refractive_index"] ** 2,
    ),
    Identity(
        "3 linear_expansion = volume_expansion",
        "linear_expansion",
        ("volume_expansion",),
        lambda v: v["volume_expansion"] / 3.0,
    ),
    Identity(
        "bulk_modulus = 1 / compressibility",
        "bulk_modulus_isothermal",
        ("compressibility_isothermal",),
        lambda v: 1.0 / v["compressibility_isothermal"],
        holds_for_means=False,
    ),
    Identity(
        "isentropic_bulk_modulus = 1 / isentropic_compressibility",
        "bulk_modulus_adiabatic",
        ("compressibility_adiabatic",),
        lambda v: 1.0 / v["compressibility_adiabatic"],
        holds_for_means=False,
    ),
    Identity(
        "thermal_diffusivity = thermal_conductivity / (density Cp)",
        "thermal_diffusivity",
        ("thermal_conductivity", "density", "specific_heat_capacity_cp_classical"),
        lambda v: v["thermal_conductivity"] / (1e3 * v["density"] * v["specific_heat_capacity_cp_classical"]),
        holds_for_means=False,
    ),
    Identity(
        "sp_total² = sp_ced",
        "solubility_parameter",
        ("cohesive_energy_density",),
        lambda v: math.sqrt(v["cohesive_energy_density"]),
    ),
    Identity(
        "fractional_free_volume = (cell_volume - 1.3 vdw_volume_bulk) / cell_volume",
        "fractional_free_volume",
        ("cell_volume", "vdw_volume_bulk"),
        lambda v: 1.0 - 1.3 * v["vdw_volume_bulk"] / v["cell_volume"],
    ),
    Identity(
        "Scaled Rg = Rg / Mw^0.6",
        "Scaled_Rg",
        ("radius_of_gyration", "mass_g_mol"),
        lambda v: 10.0 * v["radius_of_gyration"] / v["mass_g_mol"] ** 0.6,
        holds_for_means=False,
    ),
)


def broken(identity: Identity, values: Values, *, is_mean: bool) -> bool | None:
    """Whether an identity is broken; None where the values do not tell.

    Args:
        identity: The identity.
        values: Values of one study.
        is_mean: Whether they are means over several runs.
    """
    if is_mean and not identity.holds_for_means:
        return None
    if identity.property not in values or any(name not in values for name in identity.needs):
        return None
    expected = identity.expected(values)
    return abs(values[identity.property] - expected) > TOLERANCE * max(abs(expected), 1e-9)
