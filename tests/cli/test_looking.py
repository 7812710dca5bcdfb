"""Commands that print what is known: presets, protocols, and results of a database with real records."""

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyomics.chemistry import parse_repeat_unit
from polyomics.chemistry.glass_transition import glass_transition_guess_k
from polyomics.cli.options import spec_of
from polyomics.estimate import cooling_rate_k_per_ns, estimate_cost
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES

STYRENE = ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*CC(c1ccccc1)CC(*)c1ccccc1")


def test_check_gives_one_polymer_however_it_is_written(cli: Callable[..., Any], polyomics_home: Path) -> None:
    answers = [cli("check", text, "--json").json for text in STYRENE]
    for name in ("key", "psmiles", "study_key", "formula"):
        assert len({answer[name] for answer in answers}) == 1
    assert answers[0]["formula"] == "C8H8"
    assert not polyomics_home.exists()


def test_check_counts_atoms_and_mass(cli: Callable[..., Any]) -> None:
    facts = cli("check", "*CC*", "--units", "50", "--chains", "4", "--json").json
    assert facts["atoms_per_chain"] == 50 * 6 + 8
    assert facts["n_atoms"] == 4 * facts["atoms_per_chain"]
    assert facts["chain_molar_mass_g_mol"] == pytest.approx(50 * 28.054 + 2 * 15.035, abs=0.05)
    text = cli("check", "*CC*", "--units", "50", "--chains", "4").stdout
    assert facts["key"] in text
    assert facts["study_key"] in text
    assert "1,232 atoms" in text


def test_the_estimate_grows_with_atoms_and_steps_and_shrinks_with_cores() -> None:
    short, long = PROTOCOLS["demo"](Target()), PROTOCOLS["twenty_one_step"](Target())
    small = estimate_cost(1000, short, n_cores=1)
    assert estimate_cost(2000, short, n_cores=1).cpu_core_s == pytest.approx(2 * small.cpu_core_s)
    assert estimate_cost(1000, short, n_cores=4).cpu_wall_s == pytest.approx(small.cpu_wall_s / 4)
    assert estimate_cost(1000, long).gpu_wall_s / small.gpu_wall_s == pytest.approx(long.n_steps / short.n_steps)


def test_presets_and_properties_are_those_registered(cli: Callable[..., Any]) -> None:
    assert sorted(item["name"] for item in cli("presets", "--json").json) == PRESETS.names()
    assert sorted(item["name"] for item in cli("properties", "--json").json) == PROPERTIES.names()
    demo = cli("presets", "demo", "--json").json
    assert sum(stage["ps"] for stage in demo["stages"]) == pytest.approx(1000 * demo["simulated_ns"])
    for command in (["presets"], ["presets", "demo"], ["properties"], ["protocol"]):
        answer = cli(*command)
        assert answer.code == 0
        assert "demo" in answer.stdout or "density" in answer.stdout


def test_a_property_says_what_it_takes_and_who_gives_it(cli: Callable[..., Any]) -> None:
    found = {item["name"]: item for item in cli("properties", "--json").json}
    for item in found.values():
        assert item["definition"]
        assert "DOI 10." in item["reference"]
    capacity = found["specific_heat_capacity_cp_finite_difference"]
    assert (capacity["needs"], capacity["also_needs"]) == ("npt", ["neighbour", "vibrations"])
    for name, build in PROTOCOLS.items():
        spec = spec_of("*CC*", {"protocol": name, "total_atoms": 5000})
        given = {item["name"] for item in found.values() if name in item["protocols"]}
        assert set(spec.properties) == given
        assert {stage.kind for stage in build(Target()).stages} >= {"npt", "vibrations"}
    one = cli("properties", "specific_heat_capacity_cp_finite_difference")
    assert "npt, 2 neighbour, vibrations" in one.stdout
    assert capacity["reference"] in one.stdout
    assert "did you mean 'density'" in cli("properties", "densty").errors[0]


def test_a_narrow_window_shows_whole_names(cli: Callable[..., Any]) -> None:
    lines = cli("properties", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in PROPERTIES.names())


def test_presets_tell_what_they_give_and_cost(cli: Callable[..., Any]) -> None:
    for item in cli("presets", "--json").json:
        protocol = PROTOCOLS[item["protocol"]](Target())
        assert item["properties"] == list(spec_of("*CC*", {"preset": item["name"]}).properties)
        assert item["simulated_ns"] == pytest.approx(protocol.duration_ps / 1000)
        assert item["longest_ns"] >= item["simulated_ns"]
        assert item["estimate"]["gpu_wall_s"] == pytest.approx(estimate_cost(item["n_atoms"], protocol).gpu_wall_s)
    text = cli("presets").stdout
    for part in ("K/ns", "GPU", "ns", "at once"):
        assert part in text
    assert "density" in cli("presets", "standard").stdout


# -------------------------------------------------------------------- cooling


def a_protocol(*stages: dict[str, Any]) -> Protocol:
    """Stages of these settings, from 600 K on."""
    numbered = [{"name": f"stage{number}", **stage} for number, stage in enumerate(stages)]
    return Protocol.model_validate({"name": "p", "stages": [{"name": "hot", **HOT}, *numbered]})


HOT = {"kind": "nvt", "temperature_k": 600, "duration_ps": 10}
COLD = {"kind": "npt", "temperature_k": 300, "duration_ps": 10}
RAMP = {"kind": "anneal", "to_k": 300, "duration_ps": 1000}


def test_the_cooling_rate_is_that_through_the_temperature() -> None:
    assert cooling_rate_k_per_ns(a_protocol(RAMP, COLD), 400) == pytest.approx(300.0)
    assert cooling_rate_k_per_ns(a_protocol({**RAMP, "from_k": 500}, COLD), 400) == pytest.approx(200.0)
    slow = {**RAMP, "to_k": 350, "from_k": 450, "duration_ps": 10_000}
    parts = a_protocol({**RAMP, "to_k": 450}, slow, {**RAMP, "from_k": 350}, COLD)
    assert [cooling_rate_k_per_ns(parts, k) for k in (500, 400, 320)] == pytest.approx([150.0, 10.0, 50.0])


def test_a_thermostat_that_is_set_down_cools_at_once() -> None:
    assert cooling_rate_k_per_ns(a_protocol(COLD), 400) == math.inf
    assert cooling_rate_k_per_ns(a_protocol({**RAMP, "from_k": 350}, COLD), 400) == math.inf


def test_the_last_passage_counts_and_heating_is_none() -> None:
    again = a_protocol(COLD, {**RAMP, "from_k": 300, "to_k": 600}, {**RAMP, "from_k": 600}, COLD)
    assert cooling_rate_k_per_ns(again, 400) == pytest.approx(300.0)
    assert cooling_rate_k_per_ns(a_protocol(RAMP, COLD), 200) is None
    assert cooling_rate_k_per_ns(a_protocol(RAMP, COLD), 700) is None


def test_the_accurate_preset_cools_as_it_says() -> None:
    from polyomics.md.protocols.accurate import COOLING_RATE_K_PER_NS

    for guess_k in (330.0, 380.0, 450.0):
        protocol = PROTOCOLS["accurate"](Target(glass_transition_guess_k=guess_k))
        assert cooling_rate_k_per_ns(protocol, guess_k) == pytest.approx(COOLING_RATE_K_PER_NS, rel=0.01)


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_a_printed_protocol_is_the_same_study_when_given_back(cli: Callable[..., Any], name: str) -> None:
    answer = cli("protocol", name, "--temperature", "350", "--polymer", "*CC*")
    guess_k = glass_transition_guess_k(parse_repeat_unit("*CC*"))
    target = Target(temperature_k=350.0, pressure_bar=1.01325, glass_transition_guess_k=guess_k)
    assert Protocol.from_yaml(answer.stdout) == PROTOCOLS[name](target)
    Path("mine.yaml").write_text(answer.stdout, encoding="utf-8")
    by_name = cli("check", "*CC*", "--protocol", name, "--temperature", "350", "--json").json
    assert cli("check", "*CC*", "--protocol", "mine.yaml", "--json").json == by_name


def test_the_accurate_protocol_depends_on_the_polymer(cli: Callable[..., Any]) -> None:
    melts = [cli("protocol", "accurate", "--polymer", text, "--json").json for text in ("*CC*", STYRENE[0])]
    assert melts[0] != melts[1]
    assert "1 of the 2" in cli("protocol", "accurate", "--polymer", "*CC").errors[0]


def test_options_of_a_file_are_those_of_the_command_line(cli: Callable[..., Any]) -> None:
    Path("polymers.csv").write_text(
        "Name,SMILES,Chains,temperature,property,seed\nPE,*CC*,5,350,density;radius_of_gyration,\nPP,*CC(*)C,,,,7\n",
        encoding="utf-8",
    )
    found = cli("run", "polymers.csv", "--dry-run", "--json", "--chains", "4", "--seed", "2").json
    both = ["density", "radius_of_gyration"]
    expected = [
        spec_of("*CC*", {"n_chains": 5, "temperature_k": 350.0, "properties": both, "seed": 2}),
        spec_of("*CC(*)C", {"n_chains": 4, "seed": 7}),
    ]
    assert [item["study_key"] for item in found] == [spec.key for spec in expected]


def test_replicates_are_different_studies(cli: Callable[..., Any]) -> None:
    found = cli("run", "*CC*", "--dry-run", "--json", "--replicates", "3", "--replicate", "1").json
    assert [item["study_key"] for item in found] == [spec_of("*CC*", {"replicate": n}).key for n in (1, 2, 3)]


# -------------------------------------------------------------------- results


def test_without_results_lists_are_empty_and_nothing_is_made(cli: Callable[..., Any], polyomics_home: Path) -> None:
    for command in (["list"], ["query"], ["query", "density > 1"]):
        answer = cli(*command, "--json")
        assert (answer.code, answer.json) == (0, [])
    assert "polyomics run" in cli("list").stderr
    assert cli("db", "status", "--json").json["status"] == "missing"
    assert not polyomics_home.exists()


def test_list_filters(cli: Callable[..., Any], filled: dict[str, str]) -> None:
    assert {item["key"] for item in cli("list", "--json").json} == set(filled.values())
    assert [item["key"] for item in cli("list", "--status", "failed", "--json").json] == [filled["failed"]]
    assert [item["key"] for item in cli("list", "--polymer", STYRENE[2], "--json").json] == [filled["done"]]
    assert len(cli("list", "--limit", "1", "--json").json) == 1
    text = cli("list").stdout
    assert filled["done"][:12] in text
    assert "2 studies" in text


def test_show_has_everything(cli: Callable[..., Any], filled: dict[str, str]) -> None:
    study = cli("show", filled["done"][:6], "--json").json
    assert study["key"] == filled["done"]
    density = next(item for item in study["measurements"] if item["name"] == "density")
    experiment = density["experiment"]
    assert experiment["unit"] == density["unit"]
    assert experiment["source"]
    assert experiment["deviation_percent"] == pytest.approx(100 * (density["value"] / experiment["value"] - 1))
    assert [(item["name"], item["verdict"]) for item in study["criteria"]] == [
        ("no_voids", "pass"),
        ("equilibrium", "pass"),
    ]
    text = cli("show", filled["done"]).stdout
    assert re.search(r"no_voids +pass +0\.42\d* +0\.90\d* +nm +the largest hole is 0\.42 nm", text)
    for part in ("1.0200 ± 0.0040", "91.5", "demo_quality", "8.6.1", "spec.json", experiment["source"][:20]):
        assert part in text
    assert "ChargesNotConverged: no charges" in cli("show", filled["failed"]).stdout
    assert "begins with 'ffffffffffff'" in cli("show", "ffffffffffff").errors[0]


@pytest.mark.parametrize(
    ("arguments", "properties"),
    [
        ([], ["density", "radius_of_gyration"]),
        (["density > 1.0"], ["density", "radius_of_gyration"]),
        (["density > 2.0"], []),
        (["--property", "density", "--min", "1", "--max", "1.1"], ["density"]),
        (["--property", "density", "--max", "1"], []),
        (["--flag", "demo_quality"], ["density", "radius_of_gyration"]),
        (["--without-flag", "demo_quality"], []),
        (["--unflagged"], []),
        (["--polymer", STYRENE[1], "--property", "density"], ["density"]),
        (["--temperature", "450"], []),
        (["--equilibrated"], ["density", "radius_of_gyration"]),
        (["--limit", "1"], ["density"]),
    ],
)
def test_query_selects(
    cli: Callable[..., Any], filled: dict[str, str], arguments: list[str], properties: list[str]
) -> None:
    assert [row["property"] for row in cli("query", *arguments, "--json").json] == properties


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_export_has_the_rows_of_query(cli: Callable[..., Any], filled: dict[str, str], ending: str) -> None:
    path = Path(f"results.{ending}")
    assert cli("export", str(path), "--json").json == {"path": str(path), "rows": 2}
    rows = cli("query", "--json").json
    if ending == "csv":
        found = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        assert [float(row["value"]) for row in found] == [row["value"] for row in rows]
        assert list(found[0])[:8] == list(rows[0])[:8]
        assert list(rows[0])[:8] == [
            *("psmiles", "property", "value", "stderr", "unit", "n_independent", "flags", "study_key")
        ]
    elif ending == "json":
        assert json.loads(path.read_text(encoding="utf-8")) == rows
    else:
        from pyarrow import parquet

        assert parquet.read_table(path).column("value").to_pylist() == [row["value"] for row in rows]
    assert cli("export", "results.xlsx").code == 2


def test_the_database_tells_its_version(cli: Callable[..., Any], filled: dict[str, str]) -> None:
    state = cli("db", "status", "--json").json
    assert (state["status"], state["studies"]["done"], state["studies"]["failed"]) == ("current", 1, 1)
    assert cli("db", "upgrade", "--json").json["revision"] == state["newest"]
    assert "nothing to do" in cli("db", "upgrade").stdout


def test_doctor_measures_and_finds_what_is_wrong(cli: Callable[..., Any], filled: dict[str, str], home: Path) -> None:
    answer = cli("doctor", "--json")
    findings = {item["name"]: item for item in answer.json}
    assert answer.code == 0
    assert {item["status"] for item in findings.values()} <= {"ok", "warn"}
    assert findings["speed on CPU"]["facts"]["ns_per_day"] > 0
    assert findings["database"]["facts"]["status"] == "current"
    (home / "file").write_text("", encoding="utf-8")
    answer = cli("doctor", POLYOMICS_HOME=str(home / "file"), PREFECT_API_URL="http://127.0.0.1:1/api")
    assert answer.code == 1
    assert answer.stdout.splitlines()[-1].startswith("needs attention: home, ")
    assert answer.stdout.splitlines()[-1].endswith("Prefect")
