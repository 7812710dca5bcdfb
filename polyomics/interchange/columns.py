"""What the columns of PolyOmics and RadonPy hold: our name, their unit and ours, and what can be physical.

Names and units are those of RadonPy's description of its output, of the PolyOmics paper (arXiv 2511.11626) and data
card. Where the numbers of the published files contradict them, `units` decides by the numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

State = Literal["temperature and pressure", "temperature", "none"]
Fit = Literal["", "heat flow", "glass transition"]

INFINITE = math.inf
HIGHEST_TG_K, LOWEST_TG_K = 900.0, 100.0
"""Glass transition temperatures outside are fits that failed: the published ones go up to 1e6 K."""
LARGEST_TG_RESIDUAL = 0.1
"""Sum of squared residuals of the density, (g/cm3)^2, above which a fit of Tg has failed. The published ones have a
median of 0.029 and a 95th percentile of 0.099."""

DEFINITION_DIFFERS = "definition_differs"
"""Flag: the source defines the property otherwise than we do."""
EXACT = "exact"
"""Flag: follows from the molecules, without sampling."""


@dataclass(frozen=True)
class Column:
    """One column with numbers."""

    name: str
    """Its name in PolyOmics."""
    property: str
    """Name under which the value is stored."""
    their_unit: str
    """Unit in which the column is documented."""
    unit: str
    """Unit in which the value is stored."""
    factor: float = 1.0
    """What a number in `their_unit` is multiplied with to be in `unit`."""
    low: float = -INFINITE
    """No physical value is below, in `unit`."""
    high: float = INFINITE
    """No physical value is above, in `unit`."""
    state: State = "temperature and pressure"
    """What the value depends on."""
    flags: tuple[str, ...] = ()
    """Flags of every value."""
    fit: Fit = ""
    """The fit it comes from; all values of a fit fail together."""
    is_ours: bool = True
    """Whether polyomics itself has the property."""
    unit_in_files: str = ""
    """Unit that their published files have, where that is not the documented one: `unit`."""

    def written_unit(self) -> str:
        """The unit their files have, and ours are written in."""
        return self.unit_in_files or self.their_unit

    def written_factor(self) -> float:
        """What a number in `written_unit` is multiplied with to be in `unit`."""
        return 1.0 if self.unit_in_files else self.factor


def _theirs(
    name: str,
    unit: str,
    low: float = -INFINITE,
    high: float = INFINITE,
    *,
    state: State = "temperature and pressure",
    flags: tuple[str, ...] = (),
    fit: Fit = "",
) -> Column:
    """A property that polyomics lacks keeps its name, written so that it can be used in a condition."""
    plain = re.sub(r"\W+", "_", name).strip("_")
    return Column(name, plain, unit, unit, 1.0, low, high, state, flags, fit, is_ours=False)


def _quantum(name: str, unit: str, low: float = -INFINITE, high: float = INFINITE) -> Column:
    """Of single molecules; follows from them without sampling."""
    return _theirs(name, unit, low, high, state="none", flags=(EXACT,))


def _of_tg_fit(name: str, unit: str, low: float = -INFINITE, high: float = INFINITE) -> Column:
    return _theirs(name, unit, low, high, state="none", fit="glass transition")


_OTHER = (DEFINITION_DIFFERS,)

COLUMNS: tuple[Column, ...] = (
    Column("density", "density", "g/cm3", "g/cm3", 1.0, 0.2, 5.0),
    Column("Rg", "radius_of_gyration", "A", "nm", 0.1, 0.1, 100.0, flags=_OTHER),
    _theirs("Scaled Rg", "A (mol/g)^0.6", 0.0),
    Column("self-diffusion", "self_diffusion", "m2/s", "m2/s", 1.0, 1e-20, 1e-6),
    Column("Cp", "specific_heat_capacity_cp_classical", "J/(kg K)", "J/(kg K)", 1.0, 200.0, 20_000.0),
    Column("Cv", "specific_heat_capacity_cv_classical", "J/(kg K)", "J/(kg K)", 1.0, 200.0, 20_000.0),
    Column("compressibility", "compressibility_isothermal", "1/Pa", "1/GPa", 1e9, 1e-3, 50.0),
    Column("isentropic_compressibility", "compressibility_adiabatic", "1/Pa", "1/GPa", 1e9, 1e-3, 50.0),
    Column("bulk_modulus", "bulk_modulus_isothermal", "Pa", "GPa", 1e-9, 0.02, 1000.0),
    Column("isentropic_bulk_modulus", "bulk_modulus_adiabatic", "Pa", "GPa", 1e-9, 0.02, 1000.0),
    Column("volume_expansion", "volume_expansion", "1/K", "1/K", 1.0, -1e-3, 1e-2),
    Column("linear_expansion", "linear_expansion", "1/K", "1/K", 1.0, -1e-3 / 3.0, 1e-2 / 3.0),
    Column("r2", "mean_squared_end_to_end_distance", "A2", "nm2", 0.01, 1e-2, 1e5, flags=_OTHER, unit_in_files="nm2"),
    Column("static_dielectric_const", "dielectric_constant_dipolar", "1", "1", 1.0, 1.0, 100.0),
    Column("dielectric_const_dc", "dielectric_constant_static", "1", "1", 1.0, 1.0, 100.0),
    Column("nematic_order_parameter", "nematic_order", "1", "1", 1.0, 0.0, 1.0, flags=_OTHER),
    Column("refractive_index", "refractive_index", "1", "1", 1.0, 1.0, 4.0),
    _theirs("cell_volume", "A3", 0.0),
    replace(_theirs("free_volume", "A3"), property="cell_free_volume"),
    Column("fractional_free_volume", "fractional_free_volume", "1", "1", 1.0, -0.2, 0.9),
    _quantum("vdw_volume_bulk", "A3", 0.0),
    Column(
        "thermal_conductivity",
        "thermal_conductivity",
        "W/(m K)",
        "W/(m K)",
        1.0,
        0.01,
        2.0,
        state="temperature",
        fit="heat flow",
    ),
    Column(
        "thermal_diffusivity",
        "thermal_diffusivity",
        "m2/s",
        "m2/s",
        1.0,
        1e-9,
        2e-6,
        state="temperature",
        fit="heat flow",
    ),
    *(
        _theirs(f"TC_{part}", "W/(m K)", state="temperature", fit="heat flow")
        for part in ("ke", "pe", "pair", "bond", "angle", "dihed", "improper", "kspace", "fix")
    ),
    Column(
        "tg",
        "glass_transition_temperature",
        "K",
        "K",
        1.0,
        LOWEST_TG_K,
        HIGHEST_TG_K,
        state="none",
        flags=("fast_cooling",),
        fit="glass transition",
    ),
    _of_tg_fit("tg_rmse", "(g/cm3)^2", 0.0, LARGEST_TG_RESIDUAL),
    _of_tg_fit("tg_thermal_expansion_coef_upper_tg", "g/(cm3 K)"),
    _of_tg_fit("tg_thermal_expansion_intercept_upper_tg", "g/cm3"),
    _of_tg_fit("tg_thermal_expansion_coef_below_tg", "g/(cm3 K)"),
    _of_tg_fit("tg_thermal_expansion_intercept_below_tg", "g/cm3"),
    Column("sp_ced", "cohesive_energy_density", "J/cm3", "MPa", 1.0, 1.0, 5000.0),
    Column("sp_total", "solubility_parameter", "MPa^0.5", "MPa^0.5", 1.0, 1.0, 75.0),
    Column("sp_vdw", "solubility_parameter_dispersion", "MPa^0.5", "MPa^0.5", 1.0, 0.0, 75.0),
    Column("sp_ele", "solubility_parameter_electrostatic", "MPa^0.5", "MPa^0.5", 1.0, 0.0, 75.0),
    _theirs("sp_ele_short", "MPa^0.5"),
    _theirs("sp_ele_long", "MPa^0.5"),
    _theirs("refractive_index_sos", "1", 1.0, 4.0),
    *(_theirs(f"refractive_index_sos_{nm}", "1", 1.0, 4.0) for nm in (486, 589, 656)),
    _theirs("abbe_number_sos", "1", 1.0, 200.0),
    _theirs("efdp_permittivity_real", "1", 1.0, 100.0),
    _theirs("efdp_permittivity_imaginary", "1", 0.0, 100.0),
    _theirs("efdp_dielectric_loss_tan", "1", 0.0, 10.0),
    _quantum("vdw_volume_monomer1", "A3", 0.0),
    _quantum("qm_total_energy_monomer1", "hartree", -2e4, 0.0),
    _quantum("qm_homo_monomer1", "eV", -30.0, 5.0),
    _quantum("qm_lumo_monomer1", "eV", -15.0, 20.0),
    _quantum("qm_dipole_monomer1", "debye", 0.0, 200.0),
    *(_quantum(f"qm_dipole_{axis}_monomer1", "debye", -200.0, 200.0) for axis in "xyz"),
    _quantum("qm_polarizability_monomer1", "A3", 0.0, 1e4),
    *(_quantum(f"qm_polarizability_{part}_monomer1", "A3", -1e4, 1e4) for part in ("xx", "yy", "zz", "xy", "xz", "yz")),
    *(
        _quantum(f"qm_polarizability_sos_{nm}{part}_monomer1", "A3", -1e4, 1e4)
        for nm in (486, 589, 656)
        for part in ("", "_xx", "_yy", "_zz", "_xy", "_xz", "_yz")
    ),
)
"""Every column with a value; in the order in which they are written."""

BY_NAME: Mapping[str, Column] = {column.name: column for column in COLUMNS}
BY_PROPERTY: Mapping[str, Column] = {column.property: column for column in COLUMNS}

OF_A_MEAN = ("_std", "_min", "_max", "_count")
"""What follows the name of a column in columns that say how its mean was formed."""
OF_OURS = ("_stderr", "_n_independent")
"""What follows it in a file that polyomics wrote."""

SETTINGS = (
    "qm_method", "input_natom", "input_nchain", "ini_density", "input_tacticity", "DP", "ter_ID_1", "ter_ID_2",
    "smiles_ter_1", "smiles_ter_2", "tg_cooling_rate", "tg_interval_temp",
)  # fmt: skip
"""Columns kept as part of the request of a study: two rows that agree in all of them are replicates."""
IDENTITY = ("UUID", "DBID", "monomer_ID", "monomer_ID_1")
"""Columns that say which record it is."""
VERSIONS = (
    "Python_ver", "RadonPy_ver", "RDKit_ver", "Psi4_ver", "LAMMPS_ver", "preset_eq_ver", "preset_tc_ver",
    "preset_tg_ver", "preset_sp_ver", "preset_efdp_ver",
)  # fmt: skip
"""Columns that say what made the values."""
NOTES = (
    "remarks", "polymer_class", "check_eq", "check_tc", "do_TC", "Mn", "Mw", "Mw/Mn", "n_atom_mean", "n_atom_var",
    "tg_max_temp", "tg_min_temp", "tg_next_temp", "tg_init_density", "tg_init_density_check",
)  # fmt: skip
"""Columns kept as they are, beside the values."""
USED = ("forcefield", "charge", "temp", "press", "tacticity", "n_mol", "mol_weight_monomer1", "smiles_list", "smiles_1")
"""Columns that become parts of the request."""
LEFT_OUT = re.compile(
    r"class_\w+|smiles_search|smiles_[234]|copoly_\w+|monomer_ID_[234]|monomer_dir|n_atom|mol_weight|atomic_weight_mean"
    r"|\w+_monomer[234]|(remarks|charge|qm_method|\w+_ver)_monomer1|polyomics_\w+|Unnamed: 0|"
)
"""Columns that are known and not taken over: other ways to write what is there, and monomers of copolymers."""

_SPELLINGS = {
    "smiles": "smiles_list",
    "Scaled_Rg": "Scaled Rg",
    "dielectric_loss_tan": "efdp_dielectric_loss_tan",
    "mol_weight_monomer": "mol_weight_monomer1",
}


@cache
def plain_name(header: str) -> str:
    """PolyOmics' name of a column, however a file of theirs spells it."""
    name = header.strip().lstrip("\ufeff")
    name = re.sub(r"^(tg_thermal_expansion_(?:coef|intercept))\((\w+)\)$", r"\1_\2", name)
    name = _SPELLINGS.get(name, name)
    return re.sub(r"^((?:qm|vdw)_\w+_monomer)$", r"\g<1>1", name)


@cache
def own_columns() -> Mapping[str, Column]:
    """Properties of ours that PolyOmics has no column for, by the name of the column we give them."""
    from polyomics.properties import PROPERTIES

    found = {}
    for name, item in PROPERTIES.items():
        if name in BY_PROPERTY:
            continue
        header = f"polyomics_{name}" if name in BY_NAME else name
        found[header] = Column(header, name, item.unit, item.unit)
    return found


def column_of(name: str) -> Column | None:
    """The column of a name, theirs or ours."""
    return BY_NAME.get(name) or own_columns().get(name)


def is_understood(name: str, names: Sequence[str]) -> bool:
    """Whether something is made of a column, or it is known to be left out.

    Args:
        name: Plain name of the column.
        names: Plain names of all columns of the file.
    """
    if column_of(name) is not None or name in {*SETTINGS, *IDENTITY, *VERSIONS, *NOTES, *USED}:
        return True
    for end in (*OF_A_MEAN, *OF_OURS):
        base = name.removesuffix(end)
        if base != name and base in names and column_of(base) is not None:
            return True
    return LEFT_OUT.fullmatch(name) is not None
