"""Glass transitions: what the fit makes of curves whose answer is known, and of real polymers cooled at three rates.

    python benchmarks/glass_transition.py coverage [--curves 200] > table.md
    python benchmarks/glass_transition.py segments [--coolings 200] >> table.md
    python benchmarks/glass_transition.py polymers HOME '*CC*' '*C/C(C)=C\\C*' '*CC(*)c1ccccc1' [--preset demo]

`coverage` makes volumes over temperature with a given transition, or none, and AR(1) noise in every hold, fits
each, and prints how far the mean of the fits is from the truth, how wide they spread, what error they state, and how
often the truth lies within 1.96 stated errors; and of curves without a transition how many are given one.

`segments` does the same for the transition of segments: directions diffuse on a sphere with relaxation times that
follow a known law, or none that shows a transition.

    python benchmarks/glass_transition.py melt HOME '*CC*' --from-k 460
    python benchmarks/glass_transition.py melt HOME '*CC(*)c1ccccc1' --from-k 720

`melt` cools the melt of a `demo` cell by seven holds of 480 ps, 20 K apart, and prints the relaxation times of segments
and where they say the transition is at 42 and at 133 K/ns.

`polymers` equilibrates a small cell of each and runs the probe `glass_transition`, with results below HOME; it goes on
where it was interrupted. For each it prints Tg with its error at every rate and what the properties give, and
writes a picture of all rates, `HOME/glass_transition_N.png`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from polyomics.analysis.glass_transition import (
    GlassTransition,
    NoTransition,
    glass_transition,
    points_of_holds,
    sees_enough_glass,
)
from polyomics.analysis.segmental import LOG_ATTEMPT_PS, SegmentalTransition, correlations, segmental_transition
from polyomics.analysis.statistics import Estimate
from polyomics.errors import NotIdentifiable
from polyomics.simulation import Simulation

PROPERTIES = (
    "glass_transition_temperature",
    "glass_transition_temperature_enthalpy",
    "glass_transition_temperature_extrapolated",
    "glass_transition_temperature_segmental",
    "volume_expansion_glass",
    "volume_expansion_rubber",
)
GLASS_PER_K, MELT_PER_K = 2e-4, 6e-4
PIECE = 4
"""Holds after which a cooling asks whether it may end."""


@dataclass(frozen=True)
class Case:
    """Curves to fit: ln v over temperature, and how the frames of a hold fluctuate about it."""

    name: str
    curve: Callable[[np.ndarray], np.ndarray]
    tg_k: float | None
    frame_noise: float
    """Relative fluctuation of the volume, at all temperatures, or, with `noise_per_k`, at none."""
    noise_per_k: float = 0.0
    """What it grows by with the temperature."""
    rows: int = 100
    correlation_rows: float = 4.0
    highest_k: float = 560.0
    lowest_k: float = 100.0
    step_k: float = 20.0
    frozen_noise: float = 0.0
    """Error of whole holds, which their frames do not show."""
    stops: bool = False
    """Whether the cooling ends as the stage does: it asks after every four holds whether it has seen enough glass."""

    def fit(self, seed: int, n_bootstrap: int) -> GlassTransition | NoTransition:
        rng = np.random.default_rng(seed)
        temperature_k = np.arange(self.highest_k, self.lowest_k - 1e-6, -self.step_k)
        values = self.curve(temperature_k) + self.frozen_noise * rng.standard_normal(len(temperature_k))
        noise = self.frame_noise + self.noise_per_k * temperature_k
        holds = [
            value + size * _fluctuating(self.rows, self.correlation_rows, rng)
            for value, size in zip(values, noise, strict=True)
        ]
        points = points_of_holds(temperature_k, holds)
        for n_holds in range(PIECE, len(holds) + 1, PIECE) if self.stops else ():
            points = points_of_holds(temperature_k[:n_holds], holds[:n_holds])
            if sees_enough_glass(points):
                break
        try:
            return glass_transition(points, seed=seed, n_bootstrap=n_bootstrap)
        except NoTransition as none:
            return none


def _fluctuating(n: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    decay = np.exp(-1.0 / correlation)
    noise = rng.standard_normal(n) * np.sqrt(1.0 - decay**2)
    noise[0] /= np.sqrt(1.0 - decay**2)
    return np.asarray(lfilter([1.0], [1.0, -decay], noise))


def bent(tg_k: float, width_k: float = 12.0) -> Callable[[np.ndarray], np.ndarray]:
    """A hyperbola between the expansions of a glass and of a melt."""

    def curve(temperature_k: np.ndarray) -> np.ndarray:
        x = temperature_k - tg_k
        return GLASS_PER_K * x + (MELT_PER_K - GLASS_PER_K) * (0.5 * x + np.sqrt(0.25 * x**2 + width_k**2))

    return curve


def log_of_bent_volume(tg_k: float) -> Callable[[np.ndarray], np.ndarray]:
    """ln v where v, not ln v, is a hyperbola."""
    return lambda temperature_k: np.log1p(bent(tg_k)(temperature_k))


def smooth(per_k: float, per_k2: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """A line, or a gentle parabola."""
    return lambda temperature_k: per_k * (temperature_k - 330.0) + per_k2 * (temperature_k - 330.0) ** 2


LARGE, SMALL = 0.0045, 0.013
"""Relative fluctuations of the volume of 10,000 and of 1,000 atoms."""
DEMO: dict[str, Any] = {"frame_noise": 0.0, "noise_per_k": 5e-5, "rows": 187}
"""A real cell of 930 atoms cooled at 133 K/ns: the volume fluctuates by 0.6 % at 120 K and by 2.5 % at 500 K."""

CASES = (
    Case("10,000 atoms, 400 rows a hold", bent(330), 330, LARGE, rows=400),
    Case("10,000 atoms, 100 rows", bent(330), 330, LARGE),
    Case("10,000 atoms, 50 rows", bent(330), 330, LARGE, rows=50),
    Case("the same, steps of 10 K", bent(330), 330, LARGE, rows=50, step_k=10),
    Case("10,000 atoms, 100 rows, Tg near the cold end", bent(230), 230, LARGE),
    Case("10,000 atoms, 100 rows, Tg near the hot end", bent(440), 440, LARGE),
    Case("10,000 atoms, 100 rows, wide (w = 25 K)", bent(330, 25), 330, LARGE),
    Case("10,000 atoms, 100 rows, sharp (w = 1 K)", bent(330, 1), 330, LARGE),
    Case("10,000 atoms, 100 rows, frozen-in 0.15 %", bent(330), 330, LARGE, frozen_noise=0.0015),
    Case("10,000 atoms, 400 rows, v bends, not ln v", log_of_bent_volume(330), 330, LARGE, rows=400),
    Case("1,000 atoms, 400 rows", bent(330), 330, SMALL, rows=400),
    Case("1,000 atoms, 100 rows", bent(330), 330, SMALL),
    Case("1,000 atoms, 50 rows", bent(330), 330, SMALL, rows=50),
    Case("demo, Tg 280 K, 500 to 120 K", bent(280), 280, **DEMO, highest_k=500, lowest_k=120),
    Case("demo, Tg 280 K, 500 to 20 K", bent(280), 280, **DEMO, highest_k=500, lowest_k=20),
    Case(
        "demo, Tg 280 K, the same, may end",
        bent(280),
        280,
        **DEMO,
        highest_k=500,
        lowest_k=20,
        stops=True,
    ),
    Case("demo, Tg 410 K, 690 to 20 K, may end", bent(410), 410, **DEMO, highest_k=690, lowest_k=20, stops=True),
)

WITHOUT = (
    Case("line, 10,000 atoms, 100 rows", smooth(5e-4), None, LARGE),
    Case("line, 1,000 atoms, 50 rows", smooth(5e-4), None, SMALL, rows=50),
    Case("line, frozen-in 0.15 %", smooth(5e-4), None, LARGE, frozen_noise=0.0015),
    Case("gentle parabola, 10,000 atoms, 100 rows", smooth(5e-4, 3e-7), None, LARGE),
    Case("gentle parabola, 10,000 atoms, 400 rows", smooth(5e-4, 3e-7), None, LARGE, rows=400),
    Case("gentle parabola, 1,000 atoms, 50 rows", smooth(5e-4, 3e-7), None, SMALL, rows=50),
    Case("line, demo to 20 K, may end", smooth(5e-4), None, **DEMO, lowest_k=20, stops=True),
    Case("gentle parabola, demo to 20 K, may end", smooth(5e-4, 3e-7), None, **DEMO, lowest_k=20, stops=True),
    Case("strong parabola, demo to 20 K, may end", smooth(5e-4, 6e-7), None, **DEMO, lowest_k=20, stops=True),
    Case("only melt, 560 to 360 K of Tg 330 K", bent(330), None, LARGE, rows=400, lowest_k=360, step_k=10),
    Case(
        "only glass, 280 to 80 K of Tg 330 K", bent(330), None, LARGE, rows=400, highest_k=280, lowest_k=80, step_k=10
    ),
)


def coverage(n_curves: int, n_bootstrap: int, only: str) -> None:
    """Print the two tables, of the cases with `only` in their name."""
    head = (
        "case",
        "found",
        "bias [K]",
        "spread [K]",
        "stated [K]",
        "95 % holds",
        "lines: bias [K]",
        "lines: 95 % holds",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for case in (one for one in CASES if only in one.name):
        fits = [case.fit(seed, n_bootstrap) for seed in range(n_curves)]
        found = [fit for fit in fits if isinstance(fit, GlassTransition)]
        print(
            f"| {case.name} | {len(found)} of {n_curves} | {' | '.join(_scores(found, case.tg_k or 0.0))} |", flush=True
        )
    print("\n| without a transition | given one | refused as |\n|---|---|---|")
    for case in (one for one in WITHOUT if only in one.name):
        fits = [case.fit(seed, n_bootstrap) for seed in range(n_curves)]
        troubles = [fit.trouble for fit in fits if isinstance(fit, NoTransition)]
        named = ", ".join(f"{one} {troubles.count(one)}" for one in sorted(set(troubles)))
        print(f"| {case.name} | {n_curves - len(troubles)} of {n_curves} | {named} |", flush=True)


def _scores(found: list[GlassTransition], tg_k: float) -> list[str]:
    if len(found) < 2:
        return ["-"] * 6
    values, errors, lines, of_lines = np.array(
        [(one.hyperbola_k.mean, one.hyperbola_k.stderr, one.lines_k.mean, one.lines_k.stderr) for one in found],
        dtype=np.float64,
    ).T
    holds, lines_hold = (np.abs(v - tg_k) < 1.96 * e for v, e in ((values, errors), (lines, of_lines)))
    return [
        f"{values.mean() - tg_k:+.2f} ± {values.std(ddof=1) / np.sqrt(len(found)):.2f}",
        f"{values.std(ddof=1):.2f}",
        f"{np.sqrt(np.mean(errors**2)):.2f}",
        f"{holds.mean():.1%}",
        f"{lines.mean() - tg_k:+.2f}",
        f"{lines_hold.mean():.1%}",
    ]


@dataclass(frozen=True)
class Segments:
    """Directions that turn, cooled from 500 to 320 K in steps of 20 K, 53 frames of 2 ps a hold."""

    name: str
    log_time: Callable[[float], float]
    """ln τ [ps] over temperature [K]."""
    has_transition: bool = True
    n: int = 240
    shared: int = 1
    """Neighbours that turn as one."""
    own_times: float = 0.0
    """Standard deviation of ln τ between segments."""
    hold_noise: float = 0.0
    """Standard deviation of ln τ between holds, common to all segments."""

    def fit(self, seed: int) -> SegmentalTransition | NotIdentifiable:
        rng = np.random.default_rng(seed)
        own = np.exp(self.own_times * rng.standard_normal(self.n // self.shared))
        holds = []
        for temperature_k in np.arange(500.0, 319.0, -20.0):
            common = np.exp(self.log_time(temperature_k) + self.hold_noise * rng.standard_normal())
            directions = np.repeat(_turning(rng, common * own), self.shared, axis=1)[:, None]
            holds.append(correlations(temperature_k, directions, FRAME_PS))
        try:
            return segmental_transition(holds, SEGMENTS_K_PER_NS, seed=seed)
        except NotIdentifiable as none:
            return none

    def truth_k(self) -> float:
        """Where τ, at which the correlation of all segments has fallen to 1/e, is what 100 s are at 10 K/min."""
        own = np.exp(self.own_times * np.random.default_rng(0).standard_normal(5000))
        times = np.geomspace(0.1, 10.0, 400)
        factor = times[np.exp(-times[:, None] / own).mean(axis=1) < np.exp(-1.0)][0]
        grid = np.arange(250.0, 600.0, 0.01)
        tau = factor * np.exp(np.vectorize(self.log_time)(grid))
        return float(grid[tau < 1e5 / 6.0 / SEGMENTS_K_PER_NS][0])


def _turning(rng: np.random.Generator, relaxation_ps: np.ndarray, n_frames: int = 53, sub_steps: int = 8) -> np.ndarray:
    spread = np.sqrt(FRAME_PS / sub_steps / relaxation_ps / 3.0)[:, None]
    now = rng.standard_normal((len(relaxation_ps), 3))
    frames = []
    for number in range(n_frames * sub_steps):
        now /= np.linalg.norm(now, axis=1, keepdims=True)
        if number % sub_steps == 0:
            frames.append(now.copy())
        step = spread * rng.standard_normal(now.shape)
        now = now + step - (step * now).sum(axis=1, keepdims=True) * now
    return np.array(frames)


FRAME_PS, SEGMENTS_K_PER_NS = 2.0, 133.0


def _law(earlier: float = 0.0) -> Callable[[float], float]:
    """The law with the usual attempt time, or one that is earlier by so much in its logarithm; the same τ at 400 K."""
    return lambda t: LOG_ATTEMPT_PS - earlier + (1500.0 + 220.0 * earlier) / (t - 180.0)


SEGMENT_CASES = (
    Segments("240 segments", _law()),
    Segments("80 of three segments that turn as one", _law(), shared=3),
    Segments("each its own time, spread over a factor of e", _law(), own_times=1.0),
    Segments("attempt time 1.5 decades later", _law(-1.5 * np.log(10.0))),
    Segments("attempt time half a decade earlier", _law(0.5 * np.log(10.0))),
    Segments("whole holds off by 30 %", _law(), own_times=1.0, hold_noise=0.3),
    Segments("no dependence on temperature", lambda t: 3.0, has_transition=False),
    Segments("the wrong way round", lambda t: _law()(820.0 - t), has_transition=False),
    Segments("glass", lambda t: 12.0, has_transition=False),
    Segments("melt, thirty times as fast", lambda t: _law()(t) - np.log(30.0), has_transition=False),
)


def segments(n_coolings: int) -> None:
    """Print the table of the transition of segments."""
    print("| directions | found | bias [K] | spread [K] | stated [K] | 95 % holds |\n|---|---|---|---|---|---|")
    for case in SEGMENT_CASES:
        fits = [case.fit(seed) for seed in range(n_coolings)]
        found = [
            (fit.estimate.mean, fit.estimate.stderr or 0.0) for fit in fits if isinstance(fit, SegmentalTransition)
        ]
        cells = ["-"] * 4
        if case.has_transition and len(found) > 1:
            values, errors = np.array(found).T
            off = values - case.truth_k()
            cells = [f"{off.mean():+.1f}", f"{off.std(ddof=1):.1f}", f"{np.sqrt((errors**2).mean()):.1f}"]
            cells.append(f"{(np.abs(off) < 1.96 * errors).mean():.1%}")
        print(f"| {case.name} | {len(found)} of {n_coolings} | {' | '.join(cells)} |", flush=True)


def polymers(home: Path, smiles: list[str], preset: str, seed: int, threads: int | None) -> None:
    """Run the probe for each, print what it gives, draw it."""
    from polyomics.md.engine import Hardware
    from polyomics.request import make_spec
    from polyomics.study import run_study

    home.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(smiles, start=1):
        spec = make_spec(one, preset=preset, properties=("density", *PROPERTIES), seed=seed)
        result = run_study(
            spec, home=home, database_url=f"sqlite:///{home / 'polyomics.db'}", hardware=Hardware(threads=threads)
        )
        print(f"\n## {one}, preset {preset}, study {result.key[:12]}\n")
        for value in result.measurements:
            error = "no error" if value.stderr is None else f"{value.stderr:.3g}"
            print(f"- {value.name}: {value.value:.4g} ± {error} {value.unit} ({', '.join(value.flags)})")
        for failure in result.failures:
            print(f"- {failure.stage}: {failure.kind}: {failure.message}")
        stages = sorted(path for path in (result.folder / "stages").iterdir() if path.is_dir())
        simulation = Simulation.open(result.folder / "cell", stages, spec.protocol.sample_index)
        _report_rates(simulation, home / f"glass_transition_{number}.png", one)


def melt(home: Path, smiles: str, from_k: float, seed: int, threads: int | None) -> None:
    """How segments turn in a melt that is held for half a nanosecond at every temperature."""
    from polyomics.md.engine import Hardware
    from polyomics.md.protocol import Protocol
    from polyomics.md.stages.cool_stepwise import CoolStepwise
    from polyomics.properties._glass_transition import cooling_runs
    from polyomics.properties.glass_transition_temperature_segmental import holds_of_segments
    from polyomics.request import make_spec
    from polyomics.study import run_study

    home.mkdir(parents=True, exist_ok=True)
    asked = ("density", "glass_transition_temperature")
    whole = make_spec(smiles, preset="demo", properties=asked, seed=seed).protocol
    cool = CoolStepwise(
        name="cool_42_k_per_ns",
        after="glass_transition_melt",
        step_k=20,
        from_k=from_k,
        hold_ps=480,
        duration_ps=7 * 480,
        segment_ps=20,
        report_ps=1.0,
        frame_ps=4.0,
        lowest_k=100,
    )
    stages = (*(one for one in whole.stages if not one.name.startswith("cool_133")), cool)
    protocol = Protocol(name="demo+slow", nonbonded=whole.nonbonded, stages=stages)
    names = ["glass_transition_temperature_segmental"]
    spec = make_spec(smiles, preset="demo", seed=seed, protocol=protocol, properties=names)
    url = f"sqlite:///{home / 'polyomics.db'}"
    result = run_study(spec, home=home, database_url=url, hardware=Hardware(threads=threads))
    folders = sorted(path for path in (result.folder / "stages").iterdir() if path.is_dir())
    simulation = Simulation.open(result.folder / "cell", folders, spec.protocol.sample_index)
    holds = holds_of_segments(simulation.cell, cooling_runs(simulation)[0])
    for rate in (cool.rate_k_per_ns, SEGMENTS_K_PER_NS):
        try:
            found = segmental_transition(holds, rate)
        except NotIdentifiable as none:
            print(f"{smiles} at {rate:.0f} K/ns: {none}")
            continue
        times = ", ".join(
            f"{t:.0f} K: {tau:.3g}" for t, tau in zip(found.temperature_k, found.relaxation_ps, strict=True)
        )
        flags = ", ".join(found.estimate.flags)
        print(f"{smiles} at {rate:.0f} K/ns, {found.arrest_ps:.0f} ps: {_text(found.estimate)} K ({flags}); {times} ps")


def _report_rates(simulation: Simulation, path: Path, title: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from polyomics.properties._glass_transition import cooling_runs, enthalpy_transition, volume_transition

    figure = Figure(figsize=(7, 5))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    print("\n| rate [K/ns] | from - to [K] | v at 1/4 of it: error [%] | Tg, v [K] | lines [K] | w [K] | Tg, H [K] |")
    print("|---|---|---|---|---|---|---|")
    for shift, run in enumerate(cooling_runs(simulation)):
        points, found = run.log_volumes(), volume_transition(simulation, run)
        x = points.temperature_k
        error = 100.0 * points.stderr[len(x) // 4]
        cells = [f"{run.rate_k_per_ns:.0f}", f"{x[-1]:.0f} - {x[0]:.0f}", f"{error:.2f}"]
        volume = np.exp(points.mean) + 0.04 * shift
        label = f"{run.rate_k_per_ns:.0f} K/ns (+{0.04 * shift:g})"
        axes.errorbar(x, volume, volume * points.stderr, fmt="o", ms=3, label=label, color=f"C{shift}")
        if isinstance(found, GlassTransition):
            cells += [_text(found.hyperbola_k), _text(found.lines_k), f"{found.fit.width_k:.0f}"]
            dense = np.linspace(*found.window.temperature_k[[0, -1]], 300)
            axes.plot(dense, np.exp(found.fit.at(dense)) + 0.04 * shift, color=f"C{shift}")
            axes.axvline(found.hyperbola_k.mean, color=f"C{shift}", lw=0.8, ls=":")
        else:
            cells += [str(found), "-", "-"]
        heat = enthalpy_transition(simulation, run)
        cells.append(_text(heat.hyperbola_k) if isinstance(heat, GlassTransition) else "not identifiable")
        print(f"| {' | '.join(cells)} |")
    axes.set_xlabel("temperature [K]")
    axes.set_ylabel("specific volume [cm3/g]")
    axes.set_title(title.replace("$", r"\$"))
    axes.legend()
    figure.savefig(path, dpi=150, bbox_inches="tight")
    print(f"\nDrawn in {path}.")


def _text(estimate: Estimate) -> str:
    return f"{estimate.mean:.1f} ± {estimate.stderr or float('nan'):.1f}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    synthetic = commands.add_parser("coverage", help="curves whose answer is known")
    synthetic.add_argument("--curves", type=int, default=200)
    synthetic.add_argument("--bootstrap", type=int, default=400)
    synthetic.add_argument("--only", default="", help="part of the names of the cases wanted")
    turning = commands.add_parser("segments", help="directions whose relaxation times are known")
    turning.add_argument("--coolings", type=int, default=200)
    slow = commands.add_parser("melt", help="how segments of real melts turn")
    slow.add_argument("home", type=Path)
    slow.add_argument("smiles")
    slow.add_argument("--from-k", type=float, required=True)
    slow.add_argument("--seed", type=int, default=1)
    slow.add_argument("--threads", type=int)
    real = commands.add_parser("polymers", help="cells that are cooled")
    real.add_argument("home", type=Path)
    real.add_argument("smiles", nargs="+")
    real.add_argument("--preset", default="demo")
    real.add_argument("--seed", type=int, default=1)
    real.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.command == "coverage":
        coverage(arguments.curves, arguments.bootstrap, arguments.only)
    elif arguments.command == "segments":
        segments(arguments.coolings)
    elif arguments.command == "melt":
        melt(arguments.home, arguments.smiles, arguments.from_k, arguments.seed, arguments.threads)
    else:
        polymers(arguments.home, arguments.smiles, arguments.preset, arguments.seed, arguments.threads)


if __name__ == "__main__":
    main()
