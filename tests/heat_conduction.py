"""A row of slabs that conduct heat, with thermal noise: a heat flow whose conductivity is known."""

import numpy as np

from polyomics.analysis.heat_flow import KJ_MOL_PS_NM_K_IN_W_M_K, HeatFlow
from polyomics.units import GAS_CONSTANT_KJ_MOL_K

INTERVAL_PS = 0.2


def heat_flows(
    *,
    conductivity_w_m_k: float = 0.2,
    length_nm: float = 6.0,
    area_nm2: float = 6.0,
    n_slabs: int = 16,
    duration_ps: float = 400.0,
    temperature_k: float = 300.0,
    difference_k: float = 60.0,
    degrees: float = 150.0,
    rise: float = 0.0,
    weak_link: float = 1.0,
    drift_kj_mol_ps: float = 0.0,
    n: int = 1,
    seed: int = 1,
) -> list[HeatFlow]:
    """Independent heat flows through a ring of slabs, from a uniform temperature on.

    Heat crosses a border as conductance times the difference of temperature, and at random as fluctuation and
    dissipation go together: <q²> = 2 G k T² Δt. Kinetic energies scatter as canonical ones do.

    Args:
        conductivity_w_m_k: What is to be found.
        length_nm: Edge of the box along the flow.
        area_nm2: Cross-section.
        n_slabs: Number of slabs.
        duration_ps: Length of the run.
        temperature_k: Mean temperature.
        difference_k: Between the hot and the cold slab.
        degrees: Degrees of freedom of a slab; its heat capacity is this times k.
        rise: Conductivity rises with temperature by this part from cold to hot.
        weak_link: Factor on the conductance of one border in the first half.
        drift_kj_mol_ps: Energy that errors of integration make.
        n: Number of runs.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    half = n_slabs // 2
    conductance = conductivity_w_m_k / KJ_MOL_PS_NM_K_IN_W_M_K * area_nm2 / (length_nm / n_slabs)
    links = np.ones(n_slabs)
    links[half // 2] = weak_link
    capacity = degrees * GAS_CONSTANT_KJ_MOL_K
    wanted = temperature_k + 0.5 * difference_k * np.array([1.0, -1.0])
    n_samples = round(duration_ps / INTERVAL_PS)
    n_inner = max(1, int(np.ceil(INTERVAL_PS * conductance * links.max() / capacity / 0.2)))
    step_ps = INTERVAL_PS / n_inner
    temperature = np.full((n, n_slabs), temperature_k)
    kinetic, given = np.empty((n_samples, n, n_slabs)), np.empty((n_samples, n, 2))
    for sample in range(n_samples):
        for _ in range(n_inner):
            beyond = np.roll(temperature, -1, axis=1)
            local = 0.5 * (temperature + beyond)
            g = conductance * links * (1.0 + rise * (local - temperature_k) / max(difference_k, 1.0))
            noise = np.sqrt(2.0 * GAS_CONSTANT_KJ_MOL_K * np.maximum(g, 0.0) * local**2 * step_ps)
            heat = g * (temperature - beyond) * step_ps + noise * rng.standard_normal(local.shape)
            gained = np.roll(heat, 1, axis=1) - heat + drift_kj_mol_ps * step_ps / n_slabs
            temperature = temperature + gained / capacity
        scatter = 1.0 + rng.standard_normal(temperature.shape) * np.sqrt(1.0 / degrees)
        kinetic[sample] = 0.5 * degrees * GAS_CONSTANT_KJ_MOL_K * temperature * scatter
        ends = kinetic[sample][:, [0, half]]
        given[sample] = 0.6 * (0.5 * degrees * GAS_CONSTANT_KJ_MOL_K * wanted - ends)
        temperature[:, [0, half]] += given[sample] / capacity
    time_ps = INTERVAL_PS * np.arange(1, n_samples + 1)
    edge = np.sqrt(area_nm2)
    rows = slice(4, None, 5)
    return [
        HeatFlow(
            time_ps=time_ps,
            kinetic_kj_mol=kinetic[:, run],
            degrees=np.full((n_samples, n_slabs), degrees),
            hot_kj_mol=given[:, run, 0],
            cold_kj_mol=given[:, run, 1],
            box_nm=np.array([edge, edge, length_nm]),
            energy_time_ps=time_ps[rows],
            energy_kj_mol=(np.cumsum(given[:, run].sum(axis=1)) + drift_kj_mol_ps * time_ps)[rows],
        )
        for run in range(n)
    ]
