"""What is read from a run folder agrees with what the study measured there by its own way."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from polyomics.analysis.statistics import first_relaxed_frame
from polyomics.database import StudyRow
from polyomics.report.recorded import RecordedRun, thinned
from polyomics.spec import StudySpec
from polyomics.trajectory import Trajectory


def test_stages_follow_each_other_for_the_time_of_the_protocol(run: RecordedRun, study: StudyRow) -> None:
    protocol = StudySpec.model_validate(study.spec).protocol
    assert [stage.name for stage in run.stages] == [stage.name for stage in protocol.stages]
    assert [stage.duration_ps for stage in run.stages] == pytest.approx([s.simulated_ps for s in protocol.stages])
    assert [stage.start_ps for stage in run.stages[1:]] == pytest.approx([stage.end_ps for stage in run.stages[:-1]])
    assert run.stages[-1].end_ps == pytest.approx(protocol.duration_ps)
    assert (run.sample, run.melt) == (run.stages[2], run.stages[1])
    assert run.notes == []


def test_means_over_the_part_used_are_the_values_of_the_study(run: RecordedRun) -> None:
    sample = run.sample
    assert sample is not None
    density = sample.thermo["density_g_cm3"]
    used = density[sample.thermo["time_ps"] >= run.first_used_ps(sample)]
    measured = run.measurement("density")
    assert measured is not None
    assert used.mean() == pytest.approx(measured.value, rel=1e-12)
    chains, measured = run.chains(sample), run.measurement("radius_of_gyration")
    assert chains is not None
    assert measured is not None
    squared = chains.squared_rg_nm2[first_relaxed_frame(chains.squared_rg_nm2) :]
    assert np.sqrt(squared.mean()) == pytest.approx(measured.value, rel=1e-9)


def test_internal_distances_end_in_bond_length_and_end_to_end_distance(run: RecordedRun) -> None:
    sample = run.sample
    assert sample is not None
    chains = run.chains(sample)
    assert chains is not None
    trajectory = Trajectory.open(run.cell_folder, sample.folder)
    cell, frames = trajectory.cell, list(trajectory.chunks())
    positions_nm = np.concatenate([part.positions_nm for part in frames])
    used = positions_nm[np.concatenate([part.time_ps for part in frames]) > run.first_used_ps(sample) - 0.01]
    ends = [
        np.flatnonzero((cell.atomic_numbers == 6) & (cell.unit_of_atom == u)) for u in (-1, cell.unit_of_atom.max())
    ]
    squared = ((used[:, ends[0]] - used[:, ends[1]]) ** 2).sum(axis=2)
    assert chains.internal_nm2[:, -1] == pytest.approx(squared.mean(axis=0))
    assert chains.n_bonds[-1] == (cell.atomic_numbers == 6).sum() // 2 - 1
    assert np.sqrt(chains.internal_nm2[:, 0]) == pytest.approx(0.153, abs=0.01)
    assert (chains.last_positions_nm == positions_nm[-1]).all()


def test_what_cannot_be_read_is_left_out_with_a_note(study: StudyRow, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "runs", tmp_path / "runs")
    folder = tmp_path / study.run_folder
    next(iter(sorted((folder / "stages" / "02-melt").glob("thermo.*")))).write_text("time_ps\nnot a number\n")
    for path in (folder / "stages" / "03-sample").glob("frames.*"):
        path.write_bytes(b"broken")
    (folder / "results" / "curves.json").write_text('[{"name": "no curve"}]')
    run = RecordedRun(study, tmp_path)
    assert [stage.name for stage in run.stages] == ["minimise", "sample"]
    assert run.sample is not None
    assert run.chains(run.sample) is None
    assert run.curves == ()
    assert len(run.notes) == 3
    for note, word in zip(run.notes, ("02-melt", "frames of sample", "curves"), strict=True):
        assert word in note


def test_a_thinned_series_keeps_its_ends_and_extremes() -> None:
    rng = np.random.default_rng(4)
    x, y = np.arange(20_000.0), rng.standard_normal(20_000)
    y[12_345], y[77] = 50.0, -60.0
    thin_x, thin_y = thinned(x, y, 200)
    assert len(thin_x) <= 2 * 200 + 2
    assert (np.diff(thin_x) > 0).all()
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])
    assert (thin_y.max(), thin_y.min()) == (50.0, -60.0)
    assert (y[thin_x.astype(int)] == thin_y).all()
    assert thinned(x[:300], y[:300], 200)[0] is not None
    assert len(thinned(x[:300], y[:300], 200)[0]) == 300
