"""Melt far above this polymer's Tg, wait until chains move, cool slowly through Tg, sample until in equilibrium."""

from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.protocols._sampling import sampling, warm_k
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt

ABOVE_GLASS_TRANSITION_K = 300.0
"""How far above the guessed Tg the melt is: the guess misses by 50 K, and Tg at simulated rates is higher."""
COOLEST_MELT_K, HOTTEST_MELT_K = 500.0, 950.0
COOLING_RATE_K_PER_NS = 20.0
"""Rate through the glass transition."""
FAST_RATE_K_PER_NS = 200.0
"""Rate where nothing is at stake: in the mobile melt and deep in the glass."""
SLOW_ABOVE_K, SLOW_BELOW_K = 130.0, 90.0
"""How far above and below the guessed Tg cooling is slow."""


def melt_k(target: Target) -> float:
    """Temperature of the melt [K]: 300 K above the guessed Tg, and above the temperature wanted."""
    wanted = max(target.glass_transition_guess_k + ABOVE_GLASS_TRANSITION_K, target.temperature_k + 150.0)
    return round(min(max(wanted, COOLEST_MELT_K), max(HOTTEST_MELT_K, target.temperature_k + 150.0)))


@PROTOCOLS.register("accurate")
def accurate(target: Target) -> Protocol:
    """Relax chains where they move, then let the glass form as slowly as the budget allows.

    The melt is prolonged, each time 75 K hotter, while repeat units have not moved by their own distance.
    Then nanoseconds go where the glass forms: 200 K/ns from the melt and in the glass, 20 K/ns from 130 K above to
    90 K below the guessed Tg. Sampling is prolonged up to three times until every test of equilibrium is passed.
    """
    hot, pressure_bar = melt_k(target), target.pressure_bar
    stages: list[Stage] = [
        Minimise(name="minimise"),
        Nvt(name="spread", temperature_k=300, duration_ps=20, timestep_fs=1, friction_per_ps=5, segment_ps=20),
        Anneal(name="heat", from_k=300, to_k=hot, from_bar=None, duration_ps=100, timestep_fs=2),
        Compress(name="compress", temperature_k=hot, packing_fraction=0.5, duration_ps=300, timestep_fs=2),
        Npt(name="squeeze", temperature_k=hot, pressure_bar=5000, duration_ps=500, timestep_fs=2),
        Npt(
            name="melt",
            role="melt",
            temperature_k=hot,
            pressure_bar=pressure_bar,
            duration_ps=2000,
            timestep_fs=2,
            frame_ps=10,
            max_extensions=3,
            raise_k=75,
        ),
        *cooling(target, hot),
        *sampling(
            target,
            neighbour_ps=1000,
            cool_ps=200,
            settle_ps=1000,
            sample_ps=5000,
            vibrations_ps=16,
            max_extensions=3,
            control_ps=1,
            segment_ps=250,
            frame_ps=5,
        ),
    ]
    return Protocol(name="accurate", stages=tuple(stages))


def cooling(target: Target, hot_k: float) -> list[Stage]:
    """Cooling in up to three parts, fast, slow, fast; a rubber gets only the first."""
    end_k, guess_k = warm_k(target), target.glass_transition_guess_k
    slow_from, slow_to = min(guess_k + SLOW_ABOVE_K, hot_k), max(guess_k - SLOW_BELOW_K, end_k)
    if slow_from <= end_k:
        parts = [("cool", end_k, FAST_RATE_K_PER_NS)]
    else:
        parts = [("cool_melt", slow_from, FAST_RATE_K_PER_NS), ("cool_slowly", slow_to, COOLING_RATE_K_PER_NS)]
        if slow_to > end_k:
            parts.append(("cool_glass", end_k, FAST_RATE_K_PER_NS))
    stages: list[Stage] = []
    from_k = hot_k
    for name, to_k, rate in parts:
        if to_k < from_k:
            duration_ps = max(50.0, round((from_k - to_k) / rate * 1000.0))
            stages.append(
                Anneal(
                    name=name,
                    to_k=to_k,
                    from_bar=target.pressure_bar,
                    duration_ps=duration_ps,
                    timestep_fs=3 if to_k > 450 else 4,
                    segment_ps=250,
                )
            )
        from_k = min(from_k, to_k)
    return stages
