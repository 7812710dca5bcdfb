import numpy as np
import pytest

from polyomics.errors import InvalidInputFile, UnknownName
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.protocols.accurate import cooling, melt_k
from polyomics.md.stage import STAGES
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt
from polyomics.md.state import PhaseState

TARGET = Target(temperature_k=310.0, pressure_bar=2.0, glass_transition_guess_k=370.0)


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_survives_yaml(name: str) -> None:
    protocol = PROTOCOLS[name](TARGET)
    assert Protocol.from_yaml(protocol.to_yaml()) == protocol


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_samples_at_the_state_asked_for(name: str) -> None:
    sample = PROTOCOLS[name](TARGET).sample
    assert isinstance(sample, Npt)
    assert sample.role == "sample"
    assert (sample.temperature_k, sample.pressure_bar) == (310.0, 2.0)
    assert sample.frame_ps is not None


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_brackets_the_temperature_and_has_a_melt_and_a_spectrum(name: str) -> None:
    stages = PROTOCOLS[name](TARGET).stages
    roles = [getattr(stage, "role", "prepare") for stage in stages]
    beside = [stage for stage in stages if isinstance(stage, Npt) and stage.role == "neighbour"]
    assert sorted(stage.temperature_k for stage in beside) == [290.0, 330.0]
    assert all(stage.pressure_bar == 2.0 for stage in beside)
    assert roles.count("vibrations") == 1
    if name != "twenty_one_step":
        assert roles.count("melt") == 1


def test_the_stage_to_measure_on_is_the_last_unless_one_says_so() -> None:
    first, last = (Npt(name=name, temperature_k=300, duration_ps=1) for name in "ab")
    assert Protocol(name="x", stages=(first, last)).sample is last
    marked = first.model_copy(update={"role": "sample"})
    assert Protocol(name="x", stages=(marked, last)).sample is marked
    with pytest.raises(ValueError, match="more than one"):
        Protocol(name="x", stages=(marked, marked.model_copy(update={"name": "c"})))
    with pytest.raises(ValueError, match="two stages"):
        Protocol(name="x", stages=(first, first))


@pytest.mark.parametrize("guess_k", [150.0, 250.0, 373.0, 500.0, 700.0])
@pytest.mark.parametrize("wanted_k", [200.0, 300.0, 450.0, 800.0])
def test_the_accurate_cooling_goes_from_the_melt_to_the_target_slowly_where_it_is_a_glass(
    guess_k: float, wanted_k: float
) -> None:
    target = Target(temperature_k=wanted_k, glass_transition_guess_k=guess_k)
    hot_k = melt_k(target)
    assert hot_k >= wanted_k + 150
    stages = cooling(target, hot_k)
    from_k = hot_k
    for stage in stages:
        assert isinstance(stage, Anneal)
        assert stage.to_k < from_k
        rate = (from_k - stage.to_k) / stage.duration_ps * 1000
        crosses = stage.to_k < guess_k + 120 and from_k > guess_k - 80
        assert rate <= (20.1 if crosses and wanted_k < guess_k else 200.1)
        from_k = stage.to_k
    assert from_k == wanted_k + 20


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_stage_names_are_unique_since_folders_are_named_by_them(name: str) -> None:
    names = [stage.name for stage in PROTOCOLS[name](Target()).stages]
    assert len(set(names)) == len(names)


def test_stages_with_equal_fields_but_another_kind_differ_in_their_dump() -> None:
    kinds = {kind: cls.model_fields["kind"].default for kind, cls in STAGES.items()}
    assert all(kind == default for kind, default in kinds.items())


def test_the_21_steps_are_the_published_ones() -> None:
    protocol = PROTOCOLS["twenty_one_step"](Target())
    steps = [stage for stage in protocol.stages if stage.name.startswith("step")]
    assert len(steps) == 21
    assert sum(stage.simulated_ps for stage in steps) == pytest.approx(1560.0)
    pressures_atm = [stage.pressure_bar / 1.01325 for stage in steps if isinstance(stage, Npt)]
    assert pressures_atm == pytest.approx([1000, 30000, 50000, 25000, 5000, 500, 1])


def test_steps_and_segments_cover_the_duration() -> None:
    stage = Nvt(name="x", temperature_k=300, duration_ps=10.0, timestep_fs=2.0, segment_ps=3.0)
    assert stage.n_segments == 4
    assert stage.n_steps == 5000


def test_anneal_is_linear_and_states_its_rate() -> None:
    stage = Anneal(name="cool", from_k=700, to_k=300, from_bar=1000, to_bar=1, duration_ps=200)
    assert stage.rate_k_per_ns == pytest.approx(-2000)
    halfway = stage.controls_at(None, None, 0.5)  # type: ignore[arg-type]
    assert (halfway.temperature_k, halfway.pressure_bar) == (500, 500.5)


def test_anneal_without_a_start_begins_where_the_stage_before_ended() -> None:
    stage = Anneal(name="cool", to_k=300, duration_ps=200)
    assert stage.rate_k_per_ns is None
    before = PhaseState(np.zeros((1, 3)), None, np.ones(3), temperature_k=675.0)
    temperatures = [stage.controls_at(None, before, f).temperature_k for f in (0.0, 0.5, 1.0)]  # type: ignore[arg-type]
    assert temperatures == [675.0, 487.5, 300.0]


def test_every_extension_of_a_stage_is_hotter_by_what_was_asked() -> None:
    stage = Npt(name="melt", temperature_k=600, duration_ps=10, max_extensions=3, raise_k=75)
    assert [stage.controls_at(None, None, 1.0, n).temperature_k for n in range(3)] == [600, 675, 750]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("name: x\nstages: []", InvalidInputFile, "stages"),
        ("name: x\nstages:\n- {kind: nvtt, name: a, temperature_k: 300, duration_ps: 1}", UnknownName, "nvt"),
        ("name: x\nstages:\n- {kind: nvt, name: a, temperature_k: -3, duration_ps: 1}", InvalidInputFile, "greater"),
        ("name: x\nstages:\n- {kind: nvt, name: a, temperature: 300, duration_ps: 1}", InvalidInputFile, "temperature"),
        ("a: [", InvalidInputFile, "YAML"),
        ("just text", InvalidInputFile, "protocol"),
    ],
)
def test_a_bad_file_is_one_clear_error(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Protocol.from_yaml(text)
