"""How many studies at a time suit a GPU, or a CPU: `python benchmarks/slots.py [--slots 1,2,4,8] [--chains 40]`.

Processes side by side run MD of one cell (polyethylene melt, constant pressure, 4 fs, energies every 0.2 ps), as the
slots of a worker do: on the first GPU with NVIDIA MPS where there is one, else on the cores, shared evenly. For every
number of slots: ns/day of each process, in sum, over that of one alone, and, for cells of the size of the preset
`standard` (--chains 40), how many of its studies a day has by the estimate of their cost at this speed. Only MD counts:
charges, packing and analysis run on the CPU beside it.
"""

import argparse
import platform
import tempfile
from pathlib import Path

from polyomics.cell.cell import ARRAYS_FILE
from polyomics.estimate import available_cores, estimate_cost
from polyomics.request import make_spec
from polyomics.work.gpus import Gpu, find_gpus
from polyomics.work.mps import places
from polyomics.work.speed import Lane, Speed, build_beside, measure_beside, modelled_ns_per_day

UNIT = "*CC(*)c1ccccc1"
STANDARD_ATOMS, LEAST_ATOMS = 10_000, 8_000
"""Size of the cells of `standard`; speeds of much smaller ones say nothing of it."""


def lanes(gpu: Gpu | None, found: list, n_slots: int) -> list[Lane]:
    hardware = {} if gpu else {"platform": "CPU", "threads": max(1, available_cores() // n_slots)}
    return [Lane(hardware, place.environment, needs_gpu=gpu is not None) for place in found]


def measured(gpu: Gpu | None, n_slots: int, folder: Path, seconds: float, rounds: int, *, mps: bool) -> list[Speed]:
    """The round with the largest sum: what disturbs a machine only slows it."""
    with places([gpu] * n_slots, with_mps=mps) as found:
        tried = [measure_beside(lanes(gpu, found, n_slots), folder, seconds) for _ in range(rounds)]
    return max(tried, key=total)


def total(speeds: list[Speed]) -> float:
    return sum(speed.ns_per_day for speed in speeds)


def polymers_per_day(ns_per_day: float, n_atoms: int) -> str:
    """Studies of the preset `standard` in a day, all slots together, scaled from the GPU of the estimate of cost."""
    if n_atoms < LEAST_ATOMS:
        return "–"
    cost = estimate_cost(STANDARD_ATOMS, make_spec(UNIT, preset="standard").protocol)
    return f"{86400.0 / cost.gpu_wall_s * ns_per_day / modelled_ns_per_day(n_atoms):.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", default="1,2,3,4,6,8", help="numbers of processes to try")
    parser.add_argument("--chains", type=int, help="size of the cell, 248 atoms each; 40 on a GPU, 4 on a CPU")
    parser.add_argument("--seconds", type=float, default=10.0, help="time of one measurement")
    parser.add_argument("--rounds", type=int, default=2, help="measurements of each, of which the best counts")
    parser.add_argument("--devices", help="GPU, by number or UUID")
    parser.add_argument("--cell", type=Path, help="folder of a cell built before: kept, and used again")
    parser.add_argument("--no-mps", action="store_true", help="let the processes take turns on the GPU")
    asked = parser.parse_args()
    gpu = next(iter(find_gpus(asked.devices)), None)
    n_chains = asked.chains or (40 if gpu else 4)
    numbers = sorted({1, *map(int, asked.slots.split(","))})
    with tempfile.TemporaryDirectory(prefix="slots-") as name:
        folder = asked.cell or Path(name)
        if not (folder / ARRAYS_FILE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            with places([gpu]) as found:
                build_beside(lanes(gpu, found, 1)[0], folder, n_chains)
        results = {
            number: measured(gpu, number, folder, asked.seconds, asked.rounds, mps=not asked.no_mps)
            for number in numbers
        }
    alone = total(results[1])
    first = results[1][0]
    where = first.device or f"{available_cores()} cores of {platform.machine()}"
    print(f"{first.n_atoms:,} atoms on {where} ({first.platform}{', without MPS' if asked.no_mps else ''})\n")
    print("| slots | ns/day each | ns/day in sum | over one slot | polymers a day, `standard` |")
    print("|---|---|---|---|---|")
    for number, speeds in results.items():
        each = ", ".join(f"{speed.ns_per_day:.3g}" for speed in speeds)
        per_day = polymers_per_day(total(speeds), first.n_atoms)
        print(f"| {number} | {each} | {total(speeds):.4g} | {total(speeds) / alone:.2f} | {per_day} |")
    best = max(results, key=lambda number: total(results[number]))
    print(f"\nbest: {best} slots, {total(results[best]) / alone:.2f} times one")


if __name__ == "__main__":
    main()
