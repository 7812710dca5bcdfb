"""Stretch one polymer as a glass and as a melt: the glass must be stiff and yield, the melt must flow.

A study at the lower temperature brings a cell to equilibrium and stretches it; the same cell is then heated at constant
pressure and stretched again. Both mean curves go into one picture, and every property is printed with its error and
flags, or with the sentence that says why there is none.

    python benchmarks/stress_strain.py HOME [--smiles '*CC(*)c1ccccc1'] [--preset demo] [--effort demo]
        [--low 300] [--high 600] [--melt-ps 200] [--threads 2]

A run that was stopped goes on where it was.
"""

import argparse
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from polyomics.chemistry.glass_transition import glass_transition_guess_k
from polyomics.chemistry.repeat_unit import parse_repeat_unit
from polyomics.errors import StepFailed
from polyomics.md.engine import Hardware
from polyomics.md.probes import EFFORTS, PROBES
from polyomics.md.progress import Progress
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.stages.npt import Npt
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES, MeasurementContext
from polyomics.properties._stress_strain import AtRate, stretched
from polyomics.records import Measurement
from polyomics.request import make_spec
from polyomics.simulation import Simulation
from polyomics.study import Study, run_study

NAMES = ("tensile_modulus", "tensile_poissons_ratio", "yield_stress", "yield_strain")
COLOURS = ("#0072b2", "#d55e00")


def two_temperatures(
    protocol: str, effort: str, low_k: float, high_k: float, melt_ps: float, guess_k: float
) -> Protocol:
    """The protocol at the lower temperature, stretches there, the same cell heated, and stretches there."""
    cold, hot = (
        Target(temperature_k=temperature_k, glass_transition_guess_k=guess_k) for temperature_k in (low_k, high_k)
    )
    base = PROTOCOLS[protocol](cold)
    heated = Npt(name="heated", after="sample", temperature_k=high_k, duration_ps=melt_ps, timestep_fs=3)
    again = [
        stage.model_copy(update={"name": f"hot_{stage.name}", "after": "heated"})
        for stage in PROBES["stress_strain"](hot, effort)
    ]
    stages = (*base.stages, *PROBES["stress_strain"](cold, effort), heated, *again)
    return Protocol(name=f"{base.name}+stretched_twice", nonbonded=base.nonbonded, stages=stages)


def report(simulation: Simulation, temperature_k: float) -> list[AtRate]:
    """Print every property at one temperature; the stretches, fastest first."""
    context = MeasurementContext(temperature_k=temperature_k, pressure_bar=1.01325)
    for name in NAMES:
        try:
            found = PROPERTIES[name]().measure(simulation, context)
        except StepFailed as error:
            print(f"{temperature_k:g} K {name}: {error.kind}: {error}")
            continue
        value = next(one for one in found if isinstance(one, Measurement))
        print(
            f"{temperature_k:g} K {name} = {value.value:.4g} ± {value.stderr or float('nan'):.2g} {value.unit} "
            f"({', '.join(value.flags) or 'no flags'})"
        )
    try:
        return list(stretched(simulation, context, NAMES[0]).rates)
    except StepFailed as error:
        print(f"{temperature_k:g} K: {error}")
        return []


def draw(by_temperature: dict[float, list[AtRate]], title: str, path: Path) -> None:
    """Smoothed curves with their errors, dashed where the rate is not the slowest."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for colour, (temperature_k, rates) in zip(COLOURS, by_temperature.items(), strict=False):
        for one in rates:
            made = one.smooth()
            style = "-" if one is rates[-1] else "--"
            axes.plot(
                made.strain, made.stress_mpa, style, color=colour, label=f"{temperature_k:g} K, {one.rate_per_s:.1e}/s"
            )
            low, high = made.stress_mpa - made.stderr_mpa, made.stress_mpa + made.stderr_mpa
            axes.fill_between(made.strain, low, high, color=colour, alpha=0.15)
        if rates:
            made = rates[-1].smooth()
            axes.plot(made.strain, made.mean_mpa, ".", color=colour, markersize=3)
    axes.axhline(0.0, color="#666d78", linewidth=0.8)
    axes.set(xlabel="engineering strain", ylabel="engineering stress [MPa]", title=title)
    axes.legend()
    figure.savefig(path, dpi=150)
    print(path)


def say(progress: Progress) -> None:
    if progress.message:
        print(f"{progress.step}: {progress.message}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--smiles", default="*CC(*)c1ccccc1")
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--effort", default="demo", choices=EFFORTS)
    parser.add_argument("--low", type=float, default=300.0)
    parser.add_argument("--high", type=float, default=600.0)
    parser.add_argument("--melt-ps", type=float, default=200.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--platform", default=None)
    parser.add_argument("--out", type=Path, default=None, help="picture; by default stress_strain.png in HOME")
    asked = parser.parse_args()
    asked.home.mkdir(parents=True, exist_ok=True)
    guess_k = glass_transition_guess_k(parse_repeat_unit(asked.smiles))
    protocol = two_temperatures(
        PRESETS[asked.preset].protocol, asked.effort, asked.low, asked.high, asked.melt_ps, guess_k
    )
    spec = make_spec(
        asked.smiles, preset=asked.preset, protocol=protocol, temperature_k=asked.low, properties=("density",)
    )
    hardware = Hardware(platform=asked.platform, threads=asked.threads)
    url = f"sqlite:///{asked.home / 'polyomics.db'}"
    result = run_study(spec, home=asked.home, database_url=url, hardware=hardware, report=say)
    if result.status == "failed":
        raise SystemExit("; ".join(failure.message for failure in result.failures))
    simulation = Study(spec, asked.home).simulation()
    curves = {temperature_k: report(simulation, temperature_k) for temperature_k in (asked.low, asked.high)}
    draw(curves, asked.smiles, asked.out or asked.home / "stress_strain.png")


if __name__ == "__main__":
    main()
