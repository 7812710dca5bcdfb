import pytest

from polyomics.errors import InvalidInputFile, UnknownName
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS
from polyomics.md.stage import STAGES
from polyomics.md.stages.anneal import Anneal
from polyomics.md.stages.npt import Npt
from polyomics.md.stages.nvt import Nvt


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_survives_yaml(name: str) -> None:
    protocol = PROTOCOLS[name](310.0, 2.0)
    assert Protocol.from_yaml(protocol.to_yaml()) == protocol


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_ends_sampling_at_the_state_asked_for(name: str) -> None:
    last = PROTOCOLS[name](310.0, 2.0).stages[-1]
    assert isinstance(last, Npt)
    assert (last.temperature_k, last.pressure_bar) == (310.0, 2.0)
    assert last.frame_ps is not None


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_stage_names_are_unique_since_folders_are_named_by_them(name: str) -> None:
    names = [stage.name for stage in PROTOCOLS[name](300.0, 1.0).stages]
    assert len(set(names)) == len(names)


def test_stages_with_equal_fields_but_another_kind_differ_in_their_dump() -> None:
    kinds = {kind: cls.model_fields["kind"].default for kind, cls in STAGES.items()}
    assert all(kind == default for kind, default in kinds.items())


def test_the_21_steps_are_the_published_ones() -> None:
    protocol = PROTOCOLS["twenty_one_step"](300.0, 1.01325)
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
