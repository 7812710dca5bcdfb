"""Demo densities of common polymers beside experiment: `python benchmarks/demo_densities.py [OUT.md]`.

Runs (or reuses) the demo preset in POLYOMICS_HOME and writes a table.
"""

import sys
import time
from pathlib import Path

from polyomics.reference.experiment import experimental_value
from polyomics.request import make_spec
from polyomics.study import run_study

POLYMERS = {
    "PE": "*CC*",
    "PS": "*CC(*)c1ccccc1",
    "PMMA": "*CC(*)(C)C(=O)OC",
    "PEO": "*CCO*",
    "PET": "*CCOC(=O)c1ccc(C(=O)O*)cc1",
}


def main() -> None:
    lines = [
        "| polymer | atoms | density g/cm³ | experiment | deviation | Rg nm | wall min |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, psmiles in POLYMERS.items():
        spec = make_spec(psmiles, preset="demo")
        started = time.perf_counter()
        result = run_study(spec)
        minutes = (time.perf_counter() - started) / 60
        print(f"{name}: {result.status} after {minutes:.1f} min", flush=True)
        if result.status == "failed":
            lines.append(f"| {name} | failed: {result.failures[0].message} | | | | | |")
            continue
        density, gyration = result["density"], result["radius_of_gyration"]
        known = experimental_value(spec.polymer.psmiles, "density")
        atoms = _n_atoms(result.folder)
        experiment = f"{known.value:.3f}" if known else "-"
        deviation = f"{(density.value / known.value - 1) * 100:+.1f} %" if known else "-"
        wall = f"{minutes:.1f}" if result.status == "done" else "(stored)"
        lines.append(
            f"| {name} | {atoms} | {density.value:.3f} ± {density.stderr or float('nan'):.3f} | {experiment} | "
            f"{deviation} | {gyration.value:.2f} ± {gyration.stderr or float('nan'):.2f} | {wall} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")


def _n_atoms(folder: Path) -> int:
    from polyomics.cell.cell import Cell

    return Cell.load(folder / "cell").n_atoms


if __name__ == "__main__":
    main()
