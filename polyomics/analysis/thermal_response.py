"""What the fluctuations of a cell at constant pressure say about how it answers to heat and pressure.

With the configurational enthalpy H = U + PV (the kinetic energy does not correlate with it and adds exactly
f k_B / 2 to both heat capacities; f: degrees of freedom that the constraints left):

    α   = Cov(V, H) / (<V> k_B T²)          β_T = Var(V) / (<V> k_B T)
    C_p = Var(H) / (k_B T²) + f k_B / 2     C_v = C_p - T <V> α² / β_T
    β_S = β_T C_v / C_p = β_T - T <V> α² / C_p      c = (β_S ρ)^(-1/2)

(Allen & Tildesley 2017, DOI 10.1093/oso/9780198803195.001.0001, chapter 2.)
"""

from dataclasses import dataclass

from polyomics.analysis.fluctuations import Moments
from polyomics.units import GAS_CONSTANT_KJ_MOL_K, KJ_MOL_NM3_IN_BAR, density_g_cm3

KJ_MOL_NM3_IN_GPA = KJ_MOL_NM3_IN_BAR * 1e-4
"""A pressure of 1 kJ/mol/nm³ in GPa."""
KJ_MOL_K_AMU_IN_J_KG_K = 1e6
"""A heat capacity of 1 kJ/(mol K) of a cell, over its mass of 1 amu = 1 g/mol, in J/(kg K)."""


@dataclass(frozen=True)
class ThermalResponse:
    """First answers of a classical cell to changes of temperature and pressure."""

    moments: Moments
    """Moments of the volume and of the configurational enthalpy U + PV."""
    temperature_k: float
    """Temperature [K]."""
    n_degrees: int
    """Degrees of freedom with kinetic energy: three an atom less the constraints."""
    mass_amu: float
    """Mass of the cell [amu]."""

    @property
    def volume_expansion_per_k(self) -> float:
        """Thermal expansion of the volume α = (∂ ln V / ∂T)_P [1/K]."""
        return self.moments.covariance_nm3_kj_mol / (self.moments.volume_nm3 * self._kt * self.temperature_k)

    @property
    def isothermal_compressibility_per_gpa(self) -> float:
        """β_T = -(∂ ln V / ∂P)_T [1/GPa]."""
        return self.moments.volume_variance_nm6 / (self.moments.volume_nm3 * self._kt) / KJ_MOL_NM3_IN_GPA

    @property
    def isothermal_bulk_modulus_gpa(self) -> float:
        """1 / β_T [GPa]."""
        return 1.0 / self.isothermal_compressibility_per_gpa

    @property
    def heat_capacity_p_j_kg_k(self) -> float:
        """Classical specific heat capacity at constant pressure [J/(kg K)]."""
        configurational = self.moments.enthalpy_variance_kj2_mol2 / (self._kt * self.temperature_k)
        return (configurational + self._kinetic) / self.mass_amu * KJ_MOL_K_AMU_IN_J_KG_K

    @property
    def heat_capacity_difference_j_kg_k(self) -> float:
        """C_p - C_v = T v α² / β_T, with v the specific volume [J/(kg K)]."""
        of_cell = self.moments.covariance_nm3_kj_mol**2 / self.moments.volume_variance_nm6
        return of_cell / (self._kt * self.temperature_k) / self.mass_amu * KJ_MOL_K_AMU_IN_J_KG_K

    @property
    def heat_capacity_v_j_kg_k(self) -> float:
        """Classical specific heat capacity at constant volume [J/(kg K)]."""
        return self.heat_capacity_p_j_kg_k - self.heat_capacity_difference_j_kg_k

    @property
    def adiabatic_compressibility_per_gpa(self) -> float:
        """β_S = -(∂ ln V / ∂P)_S [1/GPa]."""
        ratio = self.heat_capacity_v_j_kg_k / self.heat_capacity_p_j_kg_k
        return self.isothermal_compressibility_per_gpa * ratio

    @property
    def adiabatic_bulk_modulus_gpa(self) -> float:
        """1 / β_S [GPa]."""
        return 1.0 / self.adiabatic_compressibility_per_gpa

    @property
    def speed_of_sound_m_s(self) -> float:
        """Speed of a pressure wave in a medium without shear stiffness [m/s]."""
        density = density_g_cm3(self.mass_amu, self.moments.volume_nm3)
        return 1e3 * float((self.adiabatic_bulk_modulus_gpa / density) ** 0.5)

    @property
    def _kt(self) -> float:
        """k_B T [kJ/mol]."""
        return GAS_CONSTANT_KJ_MOL_K * self.temperature_k

    @property
    def _kinetic(self) -> float:
        """Kinetic part of the heat capacity of the cell [kJ/(mol K)]."""
        return 0.5 * self.n_degrees * GAS_CONSTANT_KJ_MOL_K
