"""The command that lists probes: all of them, what they give, and what they cost."""

from collections.abc import Callable
from typing import Any

import pytest

from polyomics.estimate import Steps, gpu_wall_s
from polyomics.md.probes import EFFORTS, PROBES
from polyomics.md.protocols import Target
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES


def test_all_probes_are_listed_with_what_they_give(cli: Callable[..., Any]) -> None:
    found = {item["name"]: item for item in cli("probes", "--json").json}
    assert sorted(found) == PROBES.names()
    given = [(probe, name) for probe, item in found.items() for name in item["properties"]]
    assert sorted(given) == sorted((kind.probe, name) for name, kind in PROPERTIES.items() if kind.probe)
    assert all(item["summary"] and item["starts_after"] for item in found.values())
    text = cli("probes").stdout
    for probe, name in given:
        assert probe in text
        assert name in text


def test_costs_are_those_of_the_stages(cli: Callable[..., Any]) -> None:
    for item in cli("probes", "--json").json:
        assert [one["effort"] for one in item["efforts"]] == list(EFFORTS)
        for one in item["efforts"]:
            stages = PROBES[item["name"]](Target(), one["effort"])
            assert one["simulated_ns"] == pytest.approx(sum(stage.simulated_ps for stage in stages) / 1000.0)
            assert one["n_steps"] == sum(stage.n_steps for stage in stages)
            assert one["gpu_wall_s"] >= gpu_wall_s(Steps(one["n_steps"], one["n_steps"]), item["n_atoms"]) * (
                1.0 - 1e-9
            )
            assert one["longest_ns"] >= one["simulated_ns"]
            assert one["presets"] == [preset.name for _, preset in PRESETS.items() if preset.effort == one["effort"]]


def test_one_probe_shows_its_stages(cli: Callable[..., Any]) -> None:
    one = cli("probes", "dielectric_relaxation", "--json").json
    for effort in one["efforts"]:
        assert sum(stage["ps"] for stage in effort["stages"]) == pytest.approx(1000.0 * effort["simulated_ns"])
        assert effort["gpu_wall_s"] == pytest.approx(
            gpu_wall_s(Steps(effort["n_steps"], effort["n_steps"]), one["n_atoms"])
        )
    text = cli("probes", "dielectric_relaxation").stdout
    for part in ("dielectric_dipoles", "sample", "dielectric_relaxation_time", "standard", "20,000", "GPU"):
        assert part in text


def test_a_stage_of_several_copies_costs_as_many_times_the_atoms(cli: Callable[..., Any]) -> None:
    one = cli("probes", "thermal_conductivity", "--json").json
    stages = PROBES["thermal_conductivity"](Target(), "standard")
    expected = sum(gpu_wall_s(Steps(stage.n_steps, stage.n_steps), one["n_atoms"] * stage.n_copies) for stage in stages)
    standard = next(effort for effort in one["efforts"] if effort["effort"] == "standard")
    assert standard["gpu_wall_s"] == pytest.approx(expected)


def test_a_narrow_window_shows_whole_names(cli: Callable[..., Any]) -> None:
    lines = cli("probes", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in PROBES.names())


def test_a_name_that_is_not_known_is_refused_with_those_that_are(cli: Callable[..., Any]) -> None:
    answer = cli("probes", "dielectric_relaxatoin")
    assert answer.code == 2
    assert "did you mean 'dielectric_relaxation'" in answer.errors[0]
    assert answer.stdout == ""
