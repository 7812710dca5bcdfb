"""Constants and conversions. Every name says its unit; values are CODATA 2018 (exact where SI defines them)."""

AVOGADRO_PER_MOL = 6.02214076e23
BOLTZMANN_J_K = 1.380649e-23
PLANCK_J_S = 6.62607015e-34
LIGHT_SPEED_CM_PER_PS = 2.99792458e-2
ELEMENTARY_CHARGE_C = 1.602176634e-19
VACUUM_PERMITTIVITY_F_M = 8.8541878128e-12
GAS_CONSTANT_J_MOL_K = AVOGADRO_PER_MOL * BOLTZMANN_J_K
GAS_CONSTANT_KJ_MOL_K = GAS_CONSTANT_J_MOL_K / 1000.0

KJ_PER_KCAL = 4.184
BAR_PER_ATM = 1.01325
NM_PER_ANGSTROM = 0.1

AMU_PER_NM3_IN_G_CM3 = 1.0e21 / AVOGADRO_PER_MOL
"""A density of 1 amu/nm³ in g/cm³ (1 amu = 1/N_A g, 1 nm³ = 1e-21 cm³)."""

KJ_MOL_NM3_IN_BAR = 1.0e3 / AVOGADRO_PER_MOL / 1.0e-27 / 1.0e5
"""A pressure of 1 kJ/mol/nm³ in bar."""


BAR_NM3_IN_KJ_MOL = 1.0 / KJ_MOL_NM3_IN_BAR
"""A work of 1 bar nm³ in kJ/mol."""


def density_g_cm3(mass_amu: float, volume_nm3: float) -> float:
    """Mass density [g/cm³] of `mass_amu` in `volume_nm3`."""
    return mass_amu / volume_nm3 * AMU_PER_NM3_IN_G_CM3


def box_edge_nm(mass_amu: float, density: float) -> float:
    """Edge [nm] of the cube in which `mass_amu` has `density` [g/cm³]."""
    return float((mass_amu / density * AMU_PER_NM3_IN_G_CM3) ** (1.0 / 3.0))
