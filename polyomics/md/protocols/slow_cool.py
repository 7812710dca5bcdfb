"""Melt far above Tg, compress, cool slowly through Tg, sample."""

from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt

MELT_K = 700.0
COOLING_RATE_K_PER_NS = 20.0


@PROTOCOLS.register("slow_cool")
def slow_cool(temperature_k: float, pressure_bar: float) -> Protocol:
    """Relax chains where they move, then let the glass form as slowly as the budget allows.

    Glasses made by a fast quench are several per cent too dilute; the density a simulated glass ends at
    rises with the logarithm of the time spent around Tg, so the time goes there: 4 ns in the melt, then
    20 K/ns down to the target.
    """
    hot = max(MELT_K, temperature_k + 200.0)
    return Protocol(
        name="slow_cool",
        stages=(
            Minimise(name="minimise"),
            Nvt(name="spread", temperature_k=300, duration_ps=20, timestep_fs=1, friction_per_ps=5, segment_ps=20),
            Anneal(name="heat", from_k=300, to_k=hot, from_bar=None, duration_ps=100, timestep_fs=2),
            Compress(name="compress", temperature_k=hot, packing_fraction=0.5, duration_ps=500, timestep_fs=2),
            Npt(name="squeeze", temperature_k=hot, pressure_bar=5000, duration_ps=1000, timestep_fs=2),
            Npt(name="melt", temperature_k=hot, pressure_bar=pressure_bar, duration_ps=3000, timestep_fs=2),
            Anneal(
                name="cool",
                from_k=hot,
                to_k=temperature_k,
                from_bar=pressure_bar,
                duration_ps=max(100.0, (hot - temperature_k) / COOLING_RATE_K_PER_NS * 1000.0),
                timestep_fs=3,
                segment_ps=250,
            ),
            Npt(name="settle", temperature_k=temperature_k, pressure_bar=pressure_bar, duration_ps=2000),
            Npt(
                name="sample",
                temperature_k=temperature_k,
                pressure_bar=pressure_bar,
                duration_ps=5000,
                control_ps=1,
                segment_ps=250,
                frame_ps=5,
            ),
        ),
    )
