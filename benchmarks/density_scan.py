"""Where the density bias comes from: one thing of a short protocol changed at a time, beside experiment.

    python benchmarks/density_scan.py RUN_FOLDER --only PMMA --variant base --variant slow [--threads 1]
    python benchmarks/density_scan.py RUN_FOLDER --table

Variants of glasses, of a protocol like the demo's: base (3 chains of 310 atoms, 650 K, 200 ps of cooling), hotter
(900 K), slow (1,000 ps), long (one chain of 930 atoms), short (6 chains of 155), double (6 of 310), ljpme, cutoff
(1.05 nm), gasteiger, syndio (P_m 0.2), ambient (no pressure while cooling), gaff (the first generation). `melt500`
(and `melt500long`, `melt500gaff`, ...) samples the melt at 500 K, where it relaxes, beside Tait's equation. Liquids of
the size of a repeat unit relax at once: what they miss is the force field's own error.
"""

import argparse
import json
from pathlib import Path

from polyomics import make_spec, run_study
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Nonbonded, Protocol
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.compress import Compress
from polyomics.md.stages.minimise import Minimise
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt

ATM = 1.01325
POLYMERS = {  # psmiles, experiment at 298 K g/cm3 (Polymer Data Handbook), at 500 K (Tait, 10.1063/1.3253017 form)
    "PMMA": ("*CC(*)(C)C(=O)OC", 1.180, 1.075),
    "PS": ("*CC(*)c1ccccc1", 1.050, 0.958),
    "PE": ("*CC*", 0.855, 0.742),
    "PVAc": ("*CC(*)OC(C)=O", 1.190, None),
}
LIQUIDS = {  # psmiles, units; ends are hydrogen; density at 298 K g/cm3 (CRC Handbook)
    "ethylbenzene (PS)": ("*CC(*)c1ccccc1", 1, 0.8626),
    "methyl isobutyrate (PMMA)": ("*CC(*)(C)C(=O)OC", 1, 0.8840),
    "methyl propionate (PMA)": ("*CC(*)C(=O)OC", 1, 0.9090),
    "ethyl acetate (PVAc)": ("*CC(*)OC(C)=O", 1, 0.8946),
    "propionitrile (PAN)": ("*CC(*)C#N", 1, 0.7768),
    "N-ethylpyrrolidone (PVP)": ("*CC(*)N1CCCC1=O", 1, 0.9920),
    "decane (PE)": ("*CC*", 5, 0.7264),
    # No density of these is at hand; held against v = v(polymer liquid, Tait) + A / M through the monomer, which
    # describes homologous series (A is the volume of a pair of chain ends).
    "MMA dimer": ("*CC(*)(C)C(=O)OC", 2, 1.017),
    "MMA tetramer": ("*CC(*)(C)C(=O)OC", 4, 1.101),
    "styrene dimer": ("*CC(*)c1ccccc1", 2, 0.951),
    "styrene tetramer": ("*CC(*)c1ccccc1", 4, 1.004),
}


def cooled(
    *, hot_k: float = 650.0, cool_ps: float = 200.0, bar: float = 3000.0, end_k: float = 300.0, **change
) -> Protocol:
    """Melt, squeeze, cool under pressure, release, sample at 300 K: 0.46 ns unless changed."""
    state = {"temperature_k": end_k, "pressure_bar": ATM}
    to_bar = bar / 3 if bar > ATM else ATM
    return Protocol(
        name="cooled",
        nonbonded=change.get("nonbonded", Nonbonded()),
        stages=(
            *melted(hot_k, bar),
            Anneal(name="cool", from_k=hot_k, to_k=end_k, from_bar=bar, to_bar=to_bar, duration_ps=cool_ps),
            Npt(name="release", **state, duration_ps=60, segment_ps=20),
            Npt(name="sample", **state, duration_ps=120, segment_ps=20, report_ps=0.4, frame_ps=2),
        ),
    )


def melted(hot_k: float = 650.0, bar: float = 3000.0) -> tuple:
    """A squeezed melt."""
    slow = {"timestep_fs": 2, "friction_per_ps": 5}
    return (
        Minimise(name="minimise"),
        Nvt(name="spread", temperature_k=hot_k, duration_ps=4, segment_ps=2, **slow),
        Compress(name="compress", temperature_k=hot_k, packing_fraction=0.5, duration_ps=20, segment_ps=5, **slow),
        Npt(name="squeeze", temperature_k=hot_k, pressure_bar=bar, duration_ps=60, timestep_fs=3, segment_ps=12),
    )


def melt(temperature_k: float, *, nonbonded: Nonbonded | None = None) -> Protocol:
    """A melt that relaxes at 650 K and is sampled at `temperature_k`."""
    cool = Anneal(name="cool", from_k=650, to_k=temperature_k, from_bar=ATM, duration_ps=60, timestep_fs=3)
    sample = Npt(name="sample", temperature_k=temperature_k, pressure_bar=ATM, duration_ps=240, report_ps=0.4,
                 frame_ps=2, timestep_fs=3, segment_ps=40)  # fmt: skip
    relax = Npt(name="relax", temperature_k=650, pressure_bar=ATM, duration_ps=60, timestep_fs=3, segment_ps=20)
    return Protocol(name="melt_scan", nonbonded=nonbonded or Nonbonded(), stages=(*melted(), relax, cool, sample))


def liquid() -> Protocol:
    """A small-molecule liquid at 298.15 K."""
    state = {"temperature_k": 298.15, "pressure_bar": ATM}
    return Protocol(
        name="liquid",
        stages=(
            Minimise(name="minimise"),
            Nvt(name="spread", temperature_k=400, duration_ps=4, timestep_fs=2, friction_per_ps=5, segment_ps=2),
            Compress(name="compress", temperature_k=350, packing_fraction=0.5, duration_ps=10, timestep_fs=2),
            Npt(name="relax", **state, duration_ps=60, segment_ps=20),
            Npt(name="sample", **state, duration_ps=200, segment_ps=40, report_ps=0.4, frame_ps=2),
        ),
    )


VARIANTS = {
    "base": ({}, {}),
    "hotter": ({"hot_k": 900.0}, {}),
    "slow": ({"cool_ps": 1000.0}, {}),
    "ambient": ({"bar": ATM}, {}),
    "long": ({}, {"n_chains": 1, "atoms_per_chain": 930}),
    "short": ({}, {"n_chains": 6, "atoms_per_chain": 155}),
    "double": ({}, {"n_chains": 6}),
    "ljpme": ({"nonbonded": Nonbonded(lj_pme=True)}, {}),
    "cutoff": ({"nonbonded": Nonbonded(cutoff_nm=1.05)}, {}),
    "gasteiger": ({}, {"charges": "gasteiger"}),
    "syndio": ({}, {"meso_probability": 0.2}),
    "gaff": ({}, {"family": "gaff"}),
}


def run(folder: Path, label: str, variant: str, threads: int, seed: int) -> dict:
    if label in LIQUIDS:
        psmiles, units, experiment = LIQUIDS[label]
        protocol = liquid() if units == 1 else cooled(end_k=298.15)
        spec = make_spec(psmiles, protocol=protocol, n_units=units, head_end="*[H]", tail_end="*[H]", total_atoms=900,
                         temperature_k=298.15, start_density_g_cm3=0.25, seed=seed)  # fmt: skip
    elif variant.startswith("melt500"):
        psmiles, _, experiment = POLYMERS[label]
        forces, more = VARIANTS[variant.removeprefix("melt500") or "base"]
        spec = make_spec(psmiles, protocol=melt(500.0, **forces), temperature_k=500.0, seed=seed, **more)
    else:
        psmiles, experiment, _ = POLYMERS[label]
        protocol, options = VARIANTS[variant]
        spec = make_spec(psmiles, protocol=cooled(**protocol), seed=seed, **options)
    result = run_study(spec, home=folder, database_url=f"sqlite:///{folder}/scan.db", hardware=Hardware("CPU", threads))
    row = {"polymer": label, "variant": variant, "seed": seed, "experiment": experiment, "key": spec.key}
    if result.status == "failed":
        return row | {"error": result.failures[0].message}
    density = result["density"]
    return row | {"density": density.value, "stderr": density.stderr, "flags": list(density.flags)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append")
    parser.add_argument("--variant", action="append")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    lines = asked.folder / "scan.jsonl"
    if asked.table:
        print("| system | variant | density g/cm³ | experiment | deviation |\n|---|---|---|---|---|")
        for row in map(json.loads, lines.read_text().splitlines()):
            if "density" in row:
                off = f"{100 * (row['density'] / row['experiment'] - 1):+.1f} %" if row["experiment"] else ""
                print(f"| {row['polymer']} | {row['variant']} | {row['density']:.4f} ± {row['stderr'] or 0:.4f} "
                      f"| {row['experiment'] or ''} | {off} |")  # fmt: skip
        return
    for label in asked.only or [*POLYMERS, *LIQUIDS]:
        for variant in ["liquid"] if label in LIQUIDS else asked.variant or list(VARIANTS):
            row = run(asked.folder, label, variant, asked.threads, asked.seed)
            print(json.dumps(row), flush=True)
            with lines.open("a") as stream:
                stream.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
