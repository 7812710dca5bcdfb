"""Gas molecules in the equilibrated cell: diffusion, and with it solubility and permeability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyomics.md.probes import PROBES, Effort
from polyomics.md.protocols import Target
from polyomics.md.stage import Stage
from polyomics.md.stages.guest_diffusion import GuestDiffusion

SMALL, LARGE = ("he", "h2"), ("o2", "n2", "co2", "ch4", "h2o")
"""Gases that jump within picoseconds, and those that wait longer."""

LIGHT = ("he", "h2", "h2o")
"""Gases with light atoms, which take a smaller time step."""

DURATIONS_PS: dict[Effort, dict[str, float]] = {
    "smoke": {"he": 4.0, "ch4": 4.0},
    "demo": {"he": 150.0, "h2": 150.0, "o2": 300.0},
    "standard": dict.fromkeys(SMALL, 5_000.0) | dict.fromkeys(LARGE, 20_000.0),
    "accurate": dict.fromkeys(SMALL, 20_000.0) | dict.fromkeys(LARGE, 100_000.0),
}
"""Time of every gas [ps]."""

SETTINGS: dict[Effort, dict[str, Any]] = {
    "smoke": {
        "n_guests": 3,
        "relax_ps": 1.0,
        "segment_ps": 2.0,
        "control_ps": 0.04,
        "report_ps": 0.2,
        "record_ps": 0.04,
    },
    "demo": {"n_guests": 6, "relax_ps": 10.0, "segment_ps": 50.0},
    "standard": {"n_guests": 20, "relax_ps": 100.0, "segment_ps": 500.0, "report_ps": 5.0, "record_ps": 1.0},
    "accurate": {"n_guests": 20, "relax_ps": 200.0, "segment_ps": 1000.0, "report_ps": 10.0, "record_ps": 2.0},
}
"""What the stages of an effort have in common."""


@PROBES.register("gas_transport")
def gas_transport(target: Target, effort: Effort) -> Sequence[Stage]:
    """Put gas molecules into the cell and follow them, one stage for every gas.

    | effort   | gases                          | ns in all |
    |----------|--------------------------------|-----------|
    | smoke    | He, CH4                        | 0.01      |
    | demo     | He, H2, O2                     | 0.6       |
    | standard | He, H2, O2, N2, CO2, CH4, H2O  | 110       |
    | accurate | the same                       | 540       |

    Solubility is measured on the frames of the sample and costs no dynamics.
    """
    return tuple(
        GuestDiffusion(
            name=f"guests_{gas}",
            after="sample",
            gas=gas,
            temperature_k=target.temperature_k,
            pressure_bar=target.pressure_bar,
            duration_ps=duration_ps,
            timestep_fs=2.0 if gas in LIGHT else 4.0,
            **SETTINGS[effort],
        )
        for gas, duration_ps in DURATIONS_PS[effort].items()
    )
