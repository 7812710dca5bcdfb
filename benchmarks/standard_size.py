"""Cells of standard size on a GPU, and what comes beyond equilibrium, beside experiment.

    python benchmarks/standard_size.py HOME [--smiles '*CC*' ...] [--minutes 8] [--chains 10] [--platform CUDA]

For every polymer one process takes a cell of 10 chains of about 1,000 atoms from packing to a glass or melt at 300 K,
then through the transition on cooling, small strains, heat flow and stretching, each a study of its own that shares
the beginning of the first. The schedule is a few nanoseconds, which a card does in minutes; the preset `standard`
takes ten times as long. Processes share the card through NVIDIA MPS where that works. What is not done after
`--minutes` stops at its last checkpoint, and the same command goes on from there. Charges are AM1-BCC unless
`--charges` says otherwise.

Prints, per polymer and property, value ± error, experiment, flags, or why there is none, and the speed of every stage.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from polyomics.chemistry.glass_transition import glass_transition_guess_k
from polyomics.chemistry.repeat_unit import parse_repeat_unit
from polyomics.database import open_database
from polyomics.errors import StudyNotFound
from polyomics.md.engine import Hardware
from polyomics.md.progress import Interrupted, Progress
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import Target
from polyomics.md.protocols.accurate import melt_k
from polyomics.md.stage import Stage
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.cool_stepwise import CoolStepwise
from polyomics.md.stages.heat_flow import HeatFlow
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.md.stages.strain import Strain
from polyomics.md.stages.stretch import Stretch
from polyomics.records import Measurement
from polyomics.reference.comparison import experiment_of
from polyomics.request import make_spec
from polyomics.spec import StudySpec
from polyomics.study import run_study
from polyomics.work.gpus import find_gpus
from polyomics.work.mps import places

POLYMERS = ("*CC(*)c1ccccc1", "*CC(*)(C)C(=O)OC", "*CC*")
TEMPERATURE_K = 300.0
COOLING_K_PER_NS = 500.0
PROPERTIES = {
    "equilibrium": ("density",),
    "cooling": (
        "glass_transition_temperature",
        "glass_transition_temperature_enthalpy",
        "glass_transition_temperature_segmental",
        "volume_expansion_glass",
        "volume_expansion_rubber",
    ),
    "strain": ("youngs_modulus", "bulk_modulus_finite_strain", "shear_modulus", "poissons_ratio", "elastic_anisotropy"),
    "heat": ("thermal_conductivity",),
    "stretch": ("tensile_modulus", "tensile_poissons_ratio", "yield_stress", "yield_strain"),
    "faster": (
        "glass_transition_temperature",
        "glass_transition_temperature_extrapolated",
        "volume_expansion_glass",
        "volume_expansion_rubber",
    ),
}


def beginning(hot_k: float) -> tuple[Stage, ...]:
    """From the packed cell to 300 K: about 1.5 ns."""
    return (
        Minimise(name="minimise"),
        Nvt(name="spread", temperature_k=hot_k, duration_ps=6, timestep_fs=2, friction_per_ps=5, segment_ps=6),
        Compress(
            name="compress",
            temperature_k=hot_k,
            packing_fraction=0.5,
            duration_ps=60,
            timestep_fs=2,
            friction_per_ps=5,
            segment_ps=60,
        ),
        Npt(name="squeeze", temperature_k=hot_k, pressure_bar=3000, duration_ps=100, timestep_fs=2.5),
        Npt(
            name="melt", role="melt", temperature_k=hot_k, duration_ps=300, timestep_fs=2.5, frame_ps=10, control_ps=0.5
        ),
        Anneal(
            name="cool",
            to_k=TEMPERATURE_K,
            duration_ps=round((hot_k - TEMPERATURE_K) / COOLING_K_PER_NS * 10.0) * 100.0,
            timestep_fs=3,
            control_ps=0.5,
        ),
        Npt(name="settle", temperature_k=TEMPERATURE_K, duration_ps=100, control_ps=1),
        Npt(
            name="sample",
            role="sample",
            temperature_k=TEMPERATURE_K,
            duration_ps=300,
            report_ps=1,
            frame_ps=10,
            control_ps=1,
        ),
    )


def cooling(hold_ps: float) -> Stage:
    """20 K a step, from the melt."""
    return CoolStepwise(
        name=f"cool_{20_000.0 / hold_ps:.0f}_k_per_ns",
        after="melt",
        step_k=20,
        hold_ps=hold_ps,
        duration_ps=4 * hold_ps,
        segment_ps=hold_ps,
        report_ps=max(0.5, hold_ps / 125),
        frame_ps=hold_ps / 50,
        control_ps=0.5,
        max_extensions=12,
    )


def further() -> dict[str, tuple[Stage, ...]]:
    """What follows the beginning, in a study each."""
    heat = {"after": "sample", "temperature_k": TEMPERATURE_K, "n_copies": 3, "n_slabs": 20, "pressure_bar": 1.01325}
    heat |= {"settle_ps": 20.0, "timestep_fs": 2.0, "segment_ps": 100.0}
    stretch = {"after": "sample", "temperature_k": TEMPERATURE_K, "pressure_bar": 1.01325, "strain_rate_per_ns": 2.5}
    stretch |= {"duration_ps": 60.0, "control_ps": 0.1, "stress_ps": 0.4, "report_ps": 2.0, "segment_ps": 60.0}
    return {
        "cooling": (cooling(125.0),),
        "strain": (
            Strain(
                name="strain",
                after="sample",
                temperature_k=TEMPERATURE_K,
                strain=0.02,
                settle_ps=30,
                duration_ps=75,
                relax_ps=25,
                stress_ps=1,
                control_ps=1,
            ),
        ),
        "heat": (
            HeatFlow(name="heat_flow", temperature_difference_k=0.3 * TEMPERATURE_K, duration_ps=200, **heat),
            HeatFlow(name="heat_flow_gentle", temperature_difference_k=0.15 * TEMPERATURE_K, duration_ps=100, **heat),
        ),
        "stretch": tuple(Stretch(name=f"stretch_{axis}_2.5e09", axis=axis, **stretch) for axis in "xyz"),
        "faster": (cooling(125.0), cooling(50.0), cooling(20.0)),
    }


def scaled(stage: Stage, scale: float) -> Stage:
    """The same in a part of the time, every interval with it."""
    if scale == 1.0:
        return stage
    times = {name: value * scale for name, value in stage if name.endswith("_ps") and isinstance(value, float)}
    return stage.model_copy(update={name: value for name, value in times.items() if name != "coupling_ps"})


def specs(smiles: str, asked: argparse.Namespace) -> dict[str, StudySpec]:
    """The studies of one polymer, in the order they are run."""
    guess_k = glass_transition_guess_k(parse_repeat_unit(smiles))
    start = beginning(melt_k(Target(temperature_k=TEMPERATURE_K, glass_transition_guess_k=guess_k)))
    every = {"equilibrium": (), **further()}
    return {
        name: make_spec(
            smiles,
            preset="standard",
            n_chains=asked.chains,
            atoms_per_chain=asked.atoms,
            charges=asked.charges,
            protocol=Protocol(
                name=f"standard_size+{name}", stages=tuple(scaled(one, asked.scale) for one in (*start, *stages))
            ),
            properties=PROPERTIES[name],
            seed=asked.seed,
        )
        for name, stages in every.items()
    }


def run_one(smiles: str, asked: argparse.Namespace) -> None:
    """All studies of one polymer, until the time is over."""
    until = time.monotonic() + 60.0 * asked.minutes
    last = [0.0]

    def tell(progress: Progress) -> None:
        if time.monotonic() - last[0] > 10.0:
            last[0] = time.monotonic()
            print(
                f"{smiles} {progress.step} {progress.done_ps:.0f} ps {progress.ns_per_day or 0:.0f} ns/day", flush=True
            )

    for name, spec in specs(smiles, asked).items():
        begun = time.monotonic()
        try:
            result = run_study(
                spec,
                home=asked.home,
                database_url=f"sqlite:///{asked.home.absolute() / 'polyomics.db'}",
                hardware=Hardware(platform=asked.platform, threads=asked.threads),
                report=tell,
                should_stop=lambda: time.monotonic() > until,
            )
        except Interrupted:
            print(f"{smiles} {name}: stopped", flush=True)
            return
        took_s = time.monotonic() - begun
        print(f"{smiles} {name}: {result.status} after {took_s:.0f} s", flush=True)
        for value in result.measurements:
            print(f"  {value.name} {value.value:.4g} ± {value.stderr or float('nan'):.2g} {value.unit} {value.flags}")
        for failure in result.failures:
            print(f"  {failure.stage}: {failure.kind}: {failure.message}", flush=True)


def report(asked: argparse.Namespace) -> None:
    """The tables."""
    print("\n| polymer | property | found | experiment | flags or reason |\n|---|---|---|---|---|")
    speeds = ["\n| polymer | stage | atoms | ns | ns/day | wall s |\n|---|---|---|---|---|---|"]
    with open_database(f"sqlite:///{asked.home.absolute() / 'polyomics.db'}") as store:
        for smiles in asked.smiles:
            told: set[str] = set()
            for name, spec in specs(smiles, asked).items():
                try:
                    study = store.study(spec.key)
                except StudyNotFound as error:
                    print(f"| {smiles} | {name} | - | - | {error} |")
                    continue
                lines = [
                    f"| {smiles} | {row.name} | {_value(row)} | {_measured(smiles, row)} | {', '.join(row.flags)} |"
                    for row in study.measurements
                ]
                lines += [f"| {smiles} | {row.stage} | none | | {row.kind}: {row.message} |" for row in study.failures]
                print("\n".join(lines or [f"| {smiles} | {name} | {study.status} | | |"]))
                speeds += _speeds(asked.home / study.run_folder, smiles, spec, told)
    print("\n".join(speeds))


def _value(row: Measurement) -> str:
    return f"{row.value:.4g} ± {row.stderr or float('nan'):.2g} {row.unit}"


def _measured(smiles: str, found: Measurement) -> str:
    row = experiment_of(parse_repeat_unit(smiles).key, found)
    return f"{row.value:g}" if row else ""


def _speeds(folder: Path, smiles: str, spec: StudySpec, told: set[str]) -> list[str]:
    lines = []
    for path in sorted((folder / "stages").glob("*/manifest.json")):
        manifest = json.loads(path.read_text())
        stage = next(one for one in spec.protocol.stages if path.parent.name.endswith(f"-{one.name}"))
        if stage.name in told:
            continue
        told.add(stage.name)
        wall_s = sum(segment.get("wall_s", 0.0) for segment in manifest["segments"])
        n_ps = sum(segment["n_steps"] * segment["timestep_fs"] * 1e-3 for segment in manifest["segments"])
        if wall_s:
            speed = n_ps * 1e-3 / (wall_s / 86400.0)
            lines.append(
                f"| {smiles} | {stage.name} | {stage.n_cells} cells | {n_ps * 1e-3:.2f} | {speed:.0f} | {wall_s:.0f} |"
            )
    return lines


def main() -> None:
    """Read the command line; one process a polymer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--smiles", nargs="+", default=POLYMERS)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--atoms", type=int, default=1000, help="atoms a chain, about")
    parser.add_argument("--charges", default="am1bcc")
    parser.add_argument("--platform")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="part of all times, to try the script")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--report-only", action="store_true")
    asked = parser.parse_args()
    asked.home.mkdir(parents=True, exist_ok=True)
    if asked.one:
        run_one(asked.one, asked)
        return
    if not asked.report_only:
        gpus = find_gpus()[:1] or [None]
        with places(gpus * len(asked.smiles)) as found:
            begun = [
                subprocess.Popen(
                    [sys.executable, *sys.argv, "--one", one],
                    env={**os.environ, **place.environment},
                )
                for one, place in zip(asked.smiles, found, strict=True)
            ]
            for process in begun:
                process.wait()
    report(asked)


if __name__ == "__main__":
    main()
