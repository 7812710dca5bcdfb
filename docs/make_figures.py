"""Draw the README's figure from a run: `python docs/make_figures.py STUDY_KEY` (needs matplotlib)."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from polyomics.config import database_url, run_folder
from polyomics.database import Store
from polyomics.reference.experiment import experimental_value

OUT = Path(__file__).parent / "images" / "demo.png"


def main() -> None:
    with Store.open(database_url(), read_only=True) as store:
        study = store.study(sys.argv[1])
    figure, density_axis = plt.subplots(figsize=(7.5, 3.4), constrained_layout=True)
    temperature_axis = density_axis.twinx()
    start = 0.0
    for folder in sorted((run_folder(study.key) / "stages").iterdir()):
        tables = [np.genfromtxt(path, delimiter=",", names=True) for path in sorted(folder.glob("thermo.*"))]
        if not tables:
            continue
        rows = np.concatenate([np.atleast_1d(table) for table in tables])
        time_ps = start + rows["time_ps"]
        density_axis.plot(time_ps, rows["density_g_cm3"], color="#1f5fa8", lw=1.1)
        temperature_axis.plot(time_ps, rows["temperature_k"], color="#d9822b", lw=0.6, alpha=0.7)
        density_axis.axvline(start, color="0.85", lw=0.8, zorder=0)
        density_axis.text(start + 3, 0.03, folder.name[3:], fontsize=7, color="0.4", rotation=90, va="bottom")
        start += float(rows["time_ps"][-1])
    value = next(m for m in study.measurements if m.name == "density")
    known = experimental_value(study.polymer.psmiles, "density")
    if known:
        density_axis.axhline(known.value, color="#2a7d46", lw=1, ls="--")
        density_axis.text(5, known.value + 0.01, f"experiment {known.value:g}", fontsize=8, color="#2a7d46")
    density_axis.set(
        xlabel="time [ps]",
        ylabel="density [g/cm³]",
        ylim=(0, 1.25),
        xlim=(0, start),
        title=f"{study.polymer.psmiles}, preset {study.preset}: {value.value:.3f} ± {value.stderr or 0:.3f} g/cm³",
    )
    density_axis.title.set_fontsize(10)
    temperature_axis.set(ylabel="temperature [K]", ylim=(0, 900))
    temperature_axis.yaxis.label.set_color("#d9822b")
    density_axis.yaxis.label.set_color("#1f5fa8")
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
