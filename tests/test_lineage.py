"""Studies that begin alike: the second takes over what the first has, and ends as if it had done all itself."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from polyomics.lineage import lineage_of
from polyomics.md.engine import Hardware
from polyomics.md.progress import Progress
from polyomics.md.protocol import Protocol
from polyomics.md.stages.npt import Npt
from polyomics.request import make_spec
from polyomics.spec import StudySpec
from polyomics.study import StudyResult, run_study

BASE = """
name: base
nonbonded: {cutoff_nm: 0.5, pme_force_error: 5.0e-3}
stages:
- {kind: minimise, name: minimise, max_iterations: 100}
- {kind: npt, name: sample, role: sample, temperature_k: 400, duration_ps: 1, timestep_fs: 2, segment_ps: 0.5,
   report_ps: 0.1, frame_ps: 0.2}
"""
PLENTY_PS = 0.4


def probe(name: str, temperature_k: float, after: str = "sample") -> Npt:
    return Npt(
        name=name, after=after, temperature_k=temperature_k, duration_ps=PLENTY_PS, timestep_fs=2, segment_ps=0.2
    )


def spec_with(*stages: Npt, **settings: object) -> StudySpec:
    base = Protocol.from_yaml(BASE)
    protocol = Protocol(name="base", nonbonded=base.nonbonded, stages=(*base.stages, *stages))
    asked = {"n_chains": 2, "atoms_per_chain": 80, "start_density_g_cm3": 0.1, "temperature_k": 400.0, **settings}
    return make_spec("*CC*", preset="smoke", protocol=protocol, properties=("density",), **asked)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[StudyResult, list[str]]]:
    """Runs a study in a home folder, and returns with the result what was said of work taken over."""

    def carry_out(spec: StudySpec, home: str) -> tuple[StudyResult, list[str]]:
        said: list[Progress] = []
        result = run_study(
            spec,
            home=tmp_path / home,
            database_url=f"sqlite:///{tmp_path / home}/polyomics.db",
            hardware=Hardware(platform="CPU", threads=1),
            report=said.append,
        )
        return result, [item.step for item in said if item.message.startswith("taken over")]

    return carry_out


def end_of(result: StudyResult, name: str) -> str:
    (manifest,) = (result.folder / "stages").glob(f"*-{name}/manifest.json")
    segments = json.loads(manifest.read_text())["segments"]
    return str(segments[-1]["files"][segments[-1]["state"]])


def test_a_probe_is_added_without_the_work_before_it(run: Callable[..., tuple[StudyResult, list[str]]]) -> None:
    plain, taken = run(spec_with(), "home")
    assert taken == []
    hot, taken = run(spec_with(probe("hot", 450)), "home")
    assert taken == ["minimise", "sample"]
    both, taken = run(spec_with(probe("cold", 350), probe("hot", 450)), "home")
    assert sorted(taken) == ["hot", "minimise", "sample"]
    assert plain["density"].value == hot["density"].value == both["density"].value
    alone, taken = run(spec_with(probe("cold", 350), probe("hot", 450)), "elsewhere")
    assert taken == []
    assert alone.key == both.key
    for name in ("sample", "cold", "hot"):
        assert end_of(alone, name) == end_of(both, name)


def test_probes_start_from_the_sample_and_not_from_each_other(
    run: Callable[..., tuple[StudyResult, list[str]]],
) -> None:
    result, _ = run(spec_with(probe("cold", 350), probe("hot", 450)), "home")
    start = {}
    for name in ("cold", "hot"):
        (path,) = (result.folder / "stages").glob(f"*-{name}/manifest.json")
        start[name] = json.loads(path.read_text())["start"]
    assert start["cold"] == start["hot"]
    again, _ = run(spec_with(probe("hot", 450)), "other")
    assert end_of(again, "hot") == end_of(result, "hot")


def test_what_is_damaged_there_is_computed_anew(run: Callable[..., tuple[StudyResult, list[str]]]) -> None:
    first, _ = run(spec_with(), "home")
    for path in (first.folder / "stages").glob("*-sample/state.*"):
        path.write_bytes(path.read_bytes()[:-10])
    second, _ = run(spec_with(probe("hot", 450)), "home")
    clean, _ = run(spec_with(probe("hot", 450)), "clean")
    assert end_of(second, "hot") == end_of(clean, "hot")


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"replicate": 1}, {"n_chains": 3}, {"charges": "am1bcc"}, {"tacticity": "isotactic"}]
)
def test_whatever_changes_the_cell_is_another_lineage(other: dict[str, object]) -> None:
    base = spec_with()
    assert lineage_of(spec_with(probe("hot", 450))) == lineage_of(base)
    assert lineage_of(spec_with(**other)) != lineage_of(base)


def test_a_stage_after_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="starts after 'nowhere', but no earlier stage has that name or role"):
        spec_with(probe("hot", 450, after="nowhere"))


def test_a_role_that_nothing_looks_for_is_refused() -> None:
    wrong = Npt(name="x", role="smaple", temperature_k=300, duration_ps=1)
    with pytest.raises(ValueError, match=r"has the role 'smaple', which nothing looks for; there are .*sample"):
        Protocol(name="x", stages=(wrong,))
