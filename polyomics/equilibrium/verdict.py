"""All tests of equilibrium, and what they say together."""

from collections.abc import Sequence

from polyomics.equilibrium.criterion import CRITERIA, State
from polyomics.records import Criterion, Verdict
from polyomics.simulation import Simulation

OVERALL = "equilibrium"
"""Name of the criterion that sums the others up."""


def judge(simulation: Simulation, temperature_k: float, pressure_bar: float) -> list[Criterion]:
    """Every test, in order of name, and the overall verdict last.

    It fails if any test fails. It is unknown if none fails and one without which nothing can be said is unknown; that
    a short melt does not show its chains turn around does not stand in the way.

    Args:
        simulation: The stages of a study up to the sampling one; later stages are not looked at.
        temperature_k: Temperature that was asked for [K].
        pressure_bar: Pressure that was asked for [bar].
    """
    state = State(temperature_k=temperature_k, pressure_bar=pressure_bar)
    criteria = [test().judge(simulation, state) for _, test in CRITERIA.items()]
    return [*criteria, overall(criteria)]


def overall(criteria: Sequence[Criterion]) -> Criterion:
    """What tests say together; its value is the number of those that failed."""
    named = {verdict: [c.name for c in criteria if c.verdict == verdict] for verdict in ("pass", "fail", "unknown")}
    missing = [name for name in named["unknown"] if CRITERIA[name].is_essential]
    verdict: Verdict = "fail" if named["fail"] else "unknown" if missing else "pass"
    parts = [f"{len(named['pass'])} of {len(criteria)} tests passed"]
    parts += [f"{word}: {', '.join(named[v])}" for v, word in (("fail", "failed"), ("unknown", "unknown")) if named[v]]
    return Criterion(
        name=OVERALL,
        verdict=verdict,
        value=float(len(named["fail"])),
        threshold=0.0,
        unit="1",
        message="; ".join(parts),
    )


def more_sampling_helps(criteria: Sequence[Criterion]) -> bool:
    """Whether a longer sampling stage could turn a verdict for the better that stands in the way of equilibrium."""
    return any(
        CRITERIA[item.name].sampling_helps
        for item in criteria
        if item.name != OVERALL
        if item.verdict == "fail" or (item.verdict == "unknown" and CRITERIA[item.name].is_essential)
    )
