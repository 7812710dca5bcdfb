from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyomics.errors import InvalidInputFile, InvalidPolymer, InvalidSettings, UnknownName, UserError
from polyomics.presets import PRESETS
from polyomics.request import make_spec, read_polymers
from polyomics.spec import StudySpec


def test_one_polymer_written_four_ways_is_one_study() -> None:
    ways = ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "[*]CC([*])c1ccccc1", "*CC(c1ccccc1)CC(*)c1ccccc1"]
    assert len({make_spec(way).key for way in ways}) == 1


def test_a_spec_survives_json_with_its_key() -> None:
    spec = make_spec("*CCO*", preset="standard", seed=7)
    again = StudySpec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.key == spec.key


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"replicate": 1},
        {"n_units": 80},
        {"n_chains": 4},
        {"tacticity": "isotactic"},
        {"charges": "gasteiger"},
        {"family": "gaff2_mod"},
        {"temperature_k": 320.0},
        {"pressure_bar": 10.0},
        {"head_end": "*O"},
        {"protocol": "slow_cool"},
        {"start_density_g_cm3": 0.2},
    ],
)
def test_whatever_can_change_the_answer_changes_the_key(change: dict[str, object]) -> None:
    assert make_spec("*CCO*", **change).key != make_spec("*CCO*").key  # type: ignore[arg-type]


def test_asking_for_more_properties_is_the_same_run() -> None:
    assert make_spec("*CCO*", properties=["density"]).key == make_spec("*CCO*").key


def test_replicates_draw_other_random_numbers() -> None:
    seeds = {make_spec("*CC*", seed=s, replicate=r).random_seed for s in (1, 2) for r in (0, 1, 2)}
    assert len(seeds) == 6


@pytest.mark.parametrize("preset", PRESETS.names())
@pytest.mark.parametrize("psmiles", ["*CC*", "*CC(*)c1ccccc1", "*CC(*)(C)C(=O)OC", "*CCOC(=O)c1ccc(C(=O)O*)cc1"])
def test_every_preset_suits_common_polymers(preset: str, psmiles: str) -> None:
    spec = make_spec(psmiles, preset=preset)
    assert spec.cell.n_chains == PRESETS[preset].n_chains


@pytest.mark.parametrize(
    ("psmiles", "settings", "error", "says"),
    [
        ("CCO", {}, InvalidPolymer, r"\*"),
        ("*CC*", {"preset": "dmo"}, UnknownName, "demo"),
        ("*CC*", {"properties": ["densty"]}, UnknownName, "density"),
        ("*CC*", {"charges": "magic"}, UnknownName, "am1bcc"),
        ("*CC*", {"family": "opls"}, UnknownName, "gaff2"),
        ("*CC*", {"protocol": "sloow"}, UnknownName, "slow_cool"),
        ("*CC*", {"tacticity": "random"}, InvalidSettings, "isotactic"),
        ("*CC*", {"n_chains": -3}, InvalidSettings, "n_chains"),
        ("*CC*", {"n_chains": 0}, InvalidSettings, "n_chains"),
        ("*CC*", {"n_units": -1}, InvalidSettings, "units"),
        ("*CC*", {"atoms_per_chain": 0}, InvalidSettings, "atoms per chain"),
        ("*CC*", {"n_chains": 10**9}, InvalidSettings, "GB"),
        ("*CC*", {"n_units": 10**9}, InvalidSettings, "GB"),
        ("*CC*", {"temperature_k": -5.0}, InvalidSettings, "temperature_k"),
        ("*CC*", {"temperature_k": float("nan")}, InvalidSettings, "temperature_k"),
        ("*CC*", {"meso_probability": 1.5}, InvalidSettings, "meso_probability"),
        ("*CC*", {"seed": -1}, InvalidSettings, "seed"),
        ("*CC*", {"n_chains": 1, "atoms_per_chain": 50}, InvalidSettings, "twice the cut-off"),
        ("*CC*", {"n_units": 5, "atoms_per_chain": 50}, InvalidSettings, "give one"),
        ("*CC*", {"n_chains": 5, "total_atoms": 50}, InvalidSettings, "give one"),
        ("*CC*", {"protocol": "nowhere.yaml"}, InvalidInputFile, "nowhere.yaml"),
        ("*CC*", {"head_end": "C"}, InvalidPolymer, "C"),
    ],
)
def test_a_bad_request_is_one_clear_error(
    psmiles: str, settings: dict[str, object], error: type[UserError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        make_spec(psmiles, **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_of_a_csv_keep_their_line_numbers(tmp_path: Path) -> None:
    rows = read_polymers(write(tmp_path / "p.csv", "name,SMILES\nPE,*CC*\n\n\nPEO,*CCO*\n"))
    assert rows == [(2, {"name": "PE", "psmiles": "*CC*"}), (5, {"name": "PEO", "psmiles": "*CCO*"})]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("psmiles\n", "no polymers"),
        ("name,formula\nPE,C2H4\n", "psmiles"),
        ("psmiles,name\n*CC*\n", "line 2"),
        ("psmiles\n*CC*,x\n", "line 2"),
        (b"psmiles\n\xff\xfe\n", "UTF-8"),
        ('psmiles\n"*CC*\n', "line"),
    ],
)
def test_a_malformed_csv_says_where(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InvalidInputFile, match=says):
        read_polymers(write(tmp_path / "p.csv", text))


def test_a_missing_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputFile, match=r"gone\.csv"):
        read_polymers(tmp_path / "gone.csv")


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.mktemp("csv") / "p.csv", data)
    try:
        rows = read_polymers(path)
    except InvalidInputFile:
        return
    assert all("psmiles" in row for _, row in rows)


def test_a_protocol_that_keeps_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blind.yaml"
    path.write_text("name: blind\nstages:\n- {kind: npt, name: sample, temperature_k: 300, duration_ps: 1}\n")
    with pytest.raises(InvalidSettings, match="frame_ps"):
        make_spec("*CC*", protocol=path)
