import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyomics.chemistry import parse_repeat_unit
from polyomics.errors import InvalidInputFile, InvalidPolymer, InvalidSettings, UnknownName, UserError
from polyomics.md.protocol import Protocol
from polyomics.polymer_file import open_polymers
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES
from polyomics.records import digest
from polyomics.request import make_spec, measurable, protocols_giving
from polyomics.spec import NOT_IN_KEY, SCIENCE_VERSION, StudySpec

KEYS = Path(__file__).parent / "keys_of_specs.csv"


def test_one_polymer_written_four_ways_is_one_study() -> None:
    ways = ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "[*]CC([*])c1ccccc1", "*CC(c1ccccc1)CC(*)c1ccccc1"]
    assert len({make_spec(way).key for way in ways}) == 1


def test_keys_are_what_they_have_always_been() -> None:
    """200 polymers in every preset, with the keys of the time before specs were made quickly: they name studies that
    exist. Only a rise of SCIENCE_VERSION or of the version of canonical texts may change this file."""
    with KEYS.open(encoding="ascii") as stream:
        for row in csv.DictReader(stream):
            unit = parse_repeat_unit(row["psmiles"])
            for preset in PRESETS.names():
                spec = make_spec(unit, preset=preset)
                assert (spec.polymer.psmiles, spec.key) == (row["canonical"], row[preset])


@pytest.mark.parametrize("preset", PRESETS.names())
def test_the_key_is_the_digest_of_the_whole_spec(preset: str) -> None:
    spec = make_spec("*CC(*)C", preset=preset, properties=["density"], seed=3)
    whole = spec.model_dump(mode="json")
    assert spec.plain() == whole
    kept = {name: value for name, value in whole.items() if name not in NOT_IN_KEY}
    assert spec.key == digest({"science_version": SCIENCE_VERSION, **kept})[:20]


def test_protocols_of_the_same_state_are_built_once_unless_they_know_the_polymer() -> None:
    polymers = ("*CC*", "*CC(*)c1ccccc1")
    for preset in PRESETS.names():
        first, second = (make_spec(text, preset=preset).protocol for text in polymers)
        knows = preset == "accurate"
        assert (first is second) != knows
        assert (first == second) != knows


def test_a_protocol_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = make_spec("*CC*", preset="smoke").protocol.to_yaml()
    path.write_text(text, encoding="utf-8")
    before = make_spec("*CC*", preset="smoke", protocol=path)
    assert make_spec("*CC*", preset="smoke", protocol=path).protocol is before.protocol
    path.write_text(text.replace("duration_ps: 8.0", "duration_ps: 12.0"), encoding="utf-8")
    assert make_spec("*CC*", preset="smoke", protocol=path).protocol.duration_ps == before.protocol.duration_ps + 4


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
        {"protocol": "accurate"},
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
        ("*CC*", {"protocol": "acurate"}, UnknownName, "accurate"),
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


def read_polymers(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Every line of a file of which every line must do."""
    with open_polymers(path) as file:
        lines = list(file.lines)
    for line in lines:
        if line.error is not None:
            raise InvalidInputFile(f"line {line.number}: {line.error}")
    return [(line.number, dict(line.fields)) for line in lines]


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


def test_a_quoted_field_may_hold_line_ends(tmp_path: Path) -> None:
    rows = read_polymers(write(tmp_path / "p.csv", 'psmiles,name\n*CC*,"two\nlines, one name"\n*CCO*,b\n'))
    assert rows[0] == (2, {"psmiles": "*CC*", "name": "two\nlines, one name"})
    assert rows[1] == (4, {"psmiles": "*CCO*", "name": "b"})


@pytest.mark.parametrize("bad", ['"*CC*', "*CC*,x", b"\xff\xfe", "x" * 300_000, '*CC*"', '"a"b'])
def test_a_wrong_line_is_one_line(tmp_path: Path, bad: str | bytes) -> None:
    """Whatever is wrong with it, also a quote that is not closed, the lines around it are read."""
    raw = bad.encode() if isinstance(bad, str) else bad
    path = write(tmp_path / "p.csv", b"psmiles\n*CC*\n" + raw + b"\n" + b"*CCO*\n" * 50)
    with open_polymers(path) as file:
        lines = list(file.lines)
    wrong = [line for line in lines if line.error is not None or line.fields["psmiles"] not in ("*CC*", "*CCO*")]
    assert [line.number for line in wrong] == [3]
    assert [line.number for line in lines] == list(range(2, 54))


@pytest.mark.parametrize("encoded", [b"\xef\xbb\xbfpsmiles\n*CC*\n", b"psmiles\r\n*CC*\r\n", b"psmiles\r*CC*\r"])
def test_a_byte_order_mark_and_other_line_ends_do_not_matter(tmp_path: Path, encoded: bytes) -> None:
    assert read_polymers(write(tmp_path / "p.csv", encoded)) == [(2, {"psmiles": "*CC*"})]


def test_a_missing_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputFile, match=r"gone\.csv"):
        read_polymers(tmp_path / "gone.csv")


@settings(deadline=None)
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


def without_stages(*roles: str) -> Protocol:
    """The smoke protocol less the stages of some roles."""
    whole = make_spec("*CC*", preset="smoke").protocol
    kept = tuple(stage for stage in whole.stages if getattr(stage, "role", None) not in roles)
    return Protocol(name="mine", nonbonded=whole.nonbonded, stages=kept)


@pytest.mark.parametrize("role", ["neighbour", "vibrations"])
def test_a_property_the_protocol_cannot_give_names_the_protocols_that_can(role: str) -> None:
    protocol = without_stages(role)
    lost = [name for name, kind in PROPERTIES.items() if role in kind.also_needs and kind.probe is None]
    assert lost
    for name in lost:
        with pytest.raises(InvalidSettings, match=role) as caught:
            make_spec("*CC*", preset="smoke", protocol=protocol, properties=["density", name])
        assert f"protocols that can give it: {', '.join(protocols_giving(name))}" in str(caught.value)
        assert "accurate" in str(caught.value)


def test_without_a_wish_all_that_the_protocol_gives_is_measured() -> None:
    whole = make_spec("*CC*", preset="smoke")
    assert set(whole.properties) == set(measurable(whole.protocol))
    part = make_spec("*CC*", preset="smoke", protocol=without_stages("neighbour", "vibrations"))
    lost = set(whole.properties) - set(part.properties)
    assert lost == {name for name in whole.properties if {"neighbour", "vibrations"} & set(PROPERTIES[name].also_needs)}


def test_properties_are_measured_on_the_stage_of_role_sample_not_on_the_last() -> None:
    """Cut the sampling stage's ensemble and density is lost, although npt stages come after it."""
    stages = [stage.model_dump(mode="json") for stage in make_spec("*CC*", preset="smoke").protocol.stages]
    index = next(number for number, stage in enumerate(stages) if stage.get("role") == "sample")
    assert index < len(stages) - 1
    names = ("name", "role", "temperature_k", "duration_ps", "frame_ps")
    stages[index] = {"kind": "nvt", **{name: stages[index][name] for name in names}}
    protocol = Protocol.model_validate({"name": "mine", "nonbonded": {"cutoff_nm": 0.6}, "stages": stages})
    assert "density" not in measurable(protocol)
    assert "radius_of_gyration" in measurable(protocol)
    with pytest.raises(InvalidSettings, match="density cannot be measured on stage 'sample'"):
        make_spec("*CC*", preset="smoke", protocol=protocol, properties=["density"])


def test_a_property_asked_for_twice_is_measured_once() -> None:
    spec = make_spec("*CC*", properties=["density", "radius_of_gyration", "density"])
    assert spec.properties == ("density", "radius_of_gyration")
